# The same model on the same 200 labels, made better by the other 1,800 pictures without theirs.
_base_ = './supervised.py'

max_iters = 4000
burn_in = 400
train_cfg = dict(max_iters=max_iters, val_interval=500)
val_cfg = _base_.semi_val_loop
param_scheduler = [_base_.param_scheduler[0], dict(_base_.param_scheduler[1], T_max=max_iters)]
optim_wrapper = dict(constructor='StudentOptimWrapperConstructor')
default_hooks = dict(checkpoint=dict(save_best='teacher/PCK'))
custom_hooks = _base_.custom_hooks + [dict(type='EMANHook', momentum=0.998, burn_in=burn_in)]

model = dict(
    _delete_=True, **_base_.semi_model, estimator=_base_.model, burn_in=burn_in, ramp_up=400)
train_dataloader = dict(
    _delete_=True,
    **_base_.semi_train_dataloader,
    dataset=dict(
        type='ConcatDataset',
        ignore_keys=_base_.semi_ignore_keys,
        datasets=[
            dict(_base_.train_dataloader.dataset, pipeline=_base_.semi_sup_pipeline),
            dict(
                _base_.train_dataloader.dataset,
                type='UnlabeledPoseDataset',
                indices=-1800,
                pipeline=_base_.semi_unsup_pipeline),
        ]))
