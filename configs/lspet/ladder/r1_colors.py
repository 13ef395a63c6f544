# `r2_momentum` with a momentum of 0.998: the teacher averages about the last 500 steps.
_base_ = './r2_momentum.py'

custom_hooks = _base_.custom_hooks[:-1] + [dict(_base_.custom_hooks[-1], momentum=0.998)]
