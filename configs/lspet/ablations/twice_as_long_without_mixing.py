# The recipe without mixing with twice as many steps, next to `twice_as_long.py`.
_base_ = '../no_mixing.py'

max_iters = 5000
train_cfg = dict(max_iters=max_iters)
param_scheduler = [_base_.param_scheduler[0], dict(_base_.param_scheduler[1], T_max=max_iters)]
