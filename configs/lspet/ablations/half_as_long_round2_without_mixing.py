# A second round without mixing after a first one of half as many steps.
_base_ = '../round2_no_mixing.py'

first_round = 'r6_erasing'
