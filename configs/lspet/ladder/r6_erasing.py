# The recipe without mixing, with half as many steps.
_base_ = '../no_mixing.py'

max_iters = 2500
train_cfg = dict(max_iters=max_iters)
param_scheduler = [_base_.param_scheduler[0], dict(_base_.param_scheduler[1], T_max=max_iters)]
