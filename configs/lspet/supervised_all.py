# All 2,000 labels: the line that no method with fewer of them is expected to cross.
_base_ = './supervised.py'

max_iters = 4000
train_cfg = dict(max_iters=max_iters, val_interval=500)
param_scheduler = [_base_.param_scheduler[0], dict(_base_.param_scheduler[1], T_max=max_iters)]
train_dataloader = dict(dataset=dict(indices=None))
