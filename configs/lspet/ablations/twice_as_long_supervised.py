# Supervised training with twice as many steps: does it need them as well?
_base_ = '../supervised.py'

max_iters = 3000
train_cfg = dict(max_iters=max_iters)
param_scheduler = [_base_.param_scheduler[0], dict(_base_.param_scheduler[1], T_max=max_iters)]
