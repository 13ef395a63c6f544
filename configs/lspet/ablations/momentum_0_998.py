# A teacher that remembers 500 steps instead of 200.
_base_ = '../pose_mum.py'

custom_hooks = _base_.custom_hooks[:-1] + [dict(_base_.custom_hooks[-1], momentum=0.998)]
