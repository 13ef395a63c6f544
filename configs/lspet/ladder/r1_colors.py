# And with a teacher that lags behind by 500 steps.
_base_ = './r2_momentum.py'

custom_hooks = _base_.custom_hooks[:-1] + [dict(_base_.custom_hooks[-1], momentum=0.998)]
