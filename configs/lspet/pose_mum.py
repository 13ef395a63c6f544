# The same model on the same 200 labels, made better by the other 1,800 images without theirs.
_base_ = './supervised.py'

max_iters = 3000
burn_in = 800
train_cfg = dict(max_iters=max_iters, val_interval=250)
val_cfg = _base_.semi_val_loop
param_scheduler = [_base_.param_scheduler[0], dict(_base_.param_scheduler[1], T_max=max_iters)]
optim_wrapper = dict(constructor='StudentOptimWrapperConstructor')
default_hooks = dict(checkpoint=dict(interval=max_iters))
custom_hooks = _base_.custom_hooks + _base_.semi_watch + [
    dict(type='HiddenLabelHook'), dict(type='EMANHook', momentum=0.998, burn_in=burn_in)]

model = dict(
    _delete_=True, type='SemiSupervisedPoseEstimator', estimator=_base_.model,
    backbone=dict(),  # empty: MMPose's init_model looks into it
    mix_unmix=dict(type='MixUnMix', sites=['input', 'layer1', 'layer2', 'layer3'], grid=(3, 3)),
    unsup_weight=4., burn_in=burn_in, ramp_up=400)

# The labels of the unlabeled images are known, and only looked at to judge the teacher.
unlabeled = dict(
    _base_.train_dataloader.dataset, type='UnlabeledPoseDataset', indices=-1800, keep_hidden=True,
    pipeline=_base_.semi_unsup_pipeline)
train_dataloader = dict(
    _delete_=True, batch_size=32, num_workers=0,
    sampler=dict(type='SemiSupervisedSampler', batch_size=32, source_ratio=[1, 1]),
    dataset=dict(type='SemiSupervisedDataset', datasets=[
        dict(_base_.train_dataloader.dataset, pipeline=_base_.semi_sup_pipeline), unlabeled]))
