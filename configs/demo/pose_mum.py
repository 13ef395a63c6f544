# The demo's Pose-MUM: the same 5 % with labels, and the rest without.
_base_ = './supervised.py'

val_cfg = _base_.semi_val_loop
optim_wrapper = dict(constructor='StudentOptimWrapperConstructor')
custom_hooks = _base_.custom_hooks + _base_.semi_watch + [dict(type='EMANHook', momentum=0.99)]

model = dict(
    _base_.semi_wrapper, estimator=_base_.model,
    mix_unmix=dict(type='MixUnMix', sites=['input', 'layer1', 'layer2'], grid=(3, 3)),
    unsup_weight=4., burn_in=150, ramp_up=150)

unlabeled = dict(
    data_root=_base_.data_root, ann_file='annotations/train_unlabeled.json',
    data_prefix=_base_.train_dataloader.dataset.data_prefix)
train_dataloader = dict(
    batch_size=32, sampler=dict(_base_.semi_sampler, _delete_=True),
    dataset=dict(
        _base_.semi_dataset, _delete_=True, labeled=_base_.train_dataloader.dataset,
        unlabeled=unlabeled))
