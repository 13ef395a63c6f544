# Pose-MUM with half as many steps, next to `ladder/r6_erasing.py`.
_base_ = '../pose_mum.py'

max_iters = 2500
train_cfg = dict(max_iters=max_iters)
param_scheduler = [_base_.param_scheduler[0], dict(_base_.param_scheduler[1], T_max=max_iters)]
