# The teacher averages weights alone and copies BatchNorm's statistics.
_base_ = '../pose_mum.py'

custom_hooks = _base_.custom_hooks[:-1] + [dict(_base_.custom_hooks[-1], statistics='copy')]
