# The small vision transformer on the same 200 labels and the other 1,800 pictures without theirs.
_base_ = './supervised.py'

burn_in = 600
val_cfg = _base_.semi_val_loop
optim_wrapper = dict(constructor='StudentOptimWrapperConstructor')
custom_hooks = _base_.custom_hooks + [
    dict(type='HiddenLabelHook'), dict(type='EMANHook', momentum=0.998, burn_in=burn_in)]

model = dict(
    _delete_=True, type='SemiSupervisedPoseEstimator', estimator=_base_.model,
    mix_unmix=dict(
        type='MixUnMix', sites=['input', 'layers.0', 'layers.2', 'layers.4'], grid=(4, 4)),
    unsup_weight=4., burn_in=burn_in, ramp_up=300)

train_dataloader = dict(
    _delete_=True, batch_size=32, num_workers=0,
    sampler=dict(type='SemiSupervisedSampler', batch_size=32, source_ratio=[1, 1]),
    dataset=dict(type='SemiSupervisedDataset', datasets=[
        dict(_base_.train_dataloader.dataset, pipeline=_base_.semi_sup_pipeline),
        dict(_base_.train_dataloader.dataset, type='UnlabeledPoseDataset', indices=-1800,
             keep_hidden=True, pipeline=_base_.semi_unsup_pipeline)]))
