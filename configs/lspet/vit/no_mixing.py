# The small vision transformer on the same 200 labels and the other 1,800 images without
# theirs, without mixing.
_base_ = ['../no_mixing.py', '../../_base_/small_vit.py']

max_iters = 2000
train_cfg = dict(max_iters=max_iters)
param_scheduler = [_base_.param_scheduler[0], dict(_base_.param_scheduler[1], T_max=max_iters)]
default_hooks = dict(checkpoint=dict(interval=max_iters))
optim_wrapper = dict(optimizer=_base_.semi_vit_optimizer)
model = dict(estimator=_base_.semi_vit_model, burn_in=600, ramp_up=300)
