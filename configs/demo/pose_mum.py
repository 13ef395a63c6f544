# The demo's Pose-MUM: the same 5 % with labels, and the rest without.
_base_ = './supervised.py'

burn_in = 100
val_cfg = _base_.semi_val_loop
optim_wrapper = dict(constructor='StudentOptimWrapperConstructor')
default_hooks = dict(checkpoint=dict(save_best='teacher/coco/AP'))
custom_hooks = _base_.custom_hooks + [dict(type='EMANHook', momentum=0.99, burn_in=burn_in)]

model = dict(
    _delete_=True, **_base_.semi_model, estimator=_base_.model, burn_in=burn_in, ramp_up=200)
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
                ann_file='annotations/train_unlabeled.json',
                pipeline=_base_.semi_unsup_pipeline),
        ]))
