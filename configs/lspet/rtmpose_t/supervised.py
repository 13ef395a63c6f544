# RTMPose-t (SimCC) on Leeds Sports with 200 labels, from random weights, on 96×96 crops.
_base_ = ['../supervised.py', '../../_base_/small_rtmpose_t.py']

max_iters = 4000
train_cfg = dict(max_iters=max_iters)
param_scheduler = [_base_.param_scheduler[0], dict(_base_.param_scheduler[1], T_max=max_iters)]
default_hooks = dict(checkpoint=dict(interval=max_iters))
# Depthwise convolutions are slower in channels_last.
custom_hooks = [_base_.custom_hooks[0], _base_.custom_hooks[-1]]
optim_wrapper = _base_.semi_rtmpose_optim

codec = dict(_delete_=True, **_base_.semi_rtmpose_codec)
model = _base_.semi_rtmpose_model
train_dataloader = dict(
    dataset=dict(pipeline=_base_.semi_recipe_pipeline[:7] + _base_.semi_rtmpose_target))
