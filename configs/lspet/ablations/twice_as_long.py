# Pose-MUM with twice as many steps.
_base_ = '../pose_mum.py'

max_iters = 5000
train_cfg = dict(max_iters=max_iters)
param_scheduler = [_base_.param_scheduler[0], dict(_base_.param_scheduler[1], T_max=max_iters)]
