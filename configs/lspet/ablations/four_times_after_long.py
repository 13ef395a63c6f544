# The full recipe after a first round of twice as many steps, next to `ladder/r9_four_times.py`.
_base_ = '../ladder/r9_four_times.py'

first_round = 'twice_as_long'
