# The demo's Pose-MUM: the same 5 % with labels, and the rest without.
_base_ = './supervised.py'

burn_in = 150
val_cfg = _base_.semi_val_loop
optim_wrapper = dict(constructor='StudentOptimWrapperConstructor')
custom_hooks = _base_.custom_hooks + _base_.semi_watch + [
    dict(type='EMANHook', momentum=0.99, burn_in=burn_in)]

model = dict(
    _delete_=True, type='SemiSupervisedPoseEstimator', estimator=_base_.model,
    backbone=dict(),  # empty: MMPose's init_model looks into it
    mix_unmix=dict(type='MixUnMix', sites=['input', 'layer1', 'layer2'], grid=(3, 3)),
    unsup_weight=4., burn_in=burn_in, ramp_up=150)

unlabeled = dict(
    _base_.train_dataloader.dataset, type='UnlabeledPoseDataset',
    ann_file='annotations/train_unlabeled.json', pipeline=_base_.semi_unsup_pipeline)
train_dataloader = dict(
    _delete_=True, batch_size=32, num_workers=0,
    sampler=dict(type='SemiSupervisedSampler', batch_size=32, source_ratio=[1, 1]),
    dataset=dict(type='SemiSupervisedDataset', datasets=[
        dict(_base_.train_dataloader.dataset, pipeline=_base_.semi_sup_pipeline), unlabeled]))
