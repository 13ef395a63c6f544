# A second round with mixing: a fresh student learns from the first round's frozen teacher, from
# its first step on, and its own average counts. `dev/benchmark_methods.py` fills in the checkpoint,
# the teacher of `first_round` with the same labels.
_base_ = './pose_mum.py'

first_round = 'pose_mum'
max_iters = 2500
train_cfg = dict(max_iters=max_iters)
param_scheduler = [_base_.param_scheduler[0], dict(_base_.param_scheduler[1], T_max=max_iters)]
model = dict(
    burn_in=0, ramp_up=0,
    labeler=dict(config='{{ fileDirname }}/supervised.py', checkpoint='first_round.pth'))
