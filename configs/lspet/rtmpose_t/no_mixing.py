# RTMPose-t on the same 200 labels and the other 1,800 images without theirs, without mixing.
_base_ = ['../no_mixing.py', '../../_base_/small_rtmpose_t.py']

max_iters = 4000
train_cfg = dict(max_iters=max_iters)
param_scheduler = [_base_.param_scheduler[0], dict(_base_.param_scheduler[1], T_max=max_iters)]
default_hooks = dict(checkpoint=dict(interval=max_iters))
# Without ChannelsLastHook, as the supervised one.
custom_hooks = [_base_.custom_hooks[0], *_base_.custom_hooks[2:]]
optim_wrapper = dict(_base_.semi_rtmpose_optim, constructor='StudentOptimWrapperConstructor')

codec = dict(_delete_=True, **_base_.semi_rtmpose_codec)
model = dict(estimator=_base_.semi_rtmpose_model, burn_in=1500, ramp_up=500)
train_dataloader = dict(dataset=dict(
    labeled=dict(pipeline=_base_.semi_recipe_pipeline[:7] + _base_.semi_rtmpose_target)))
