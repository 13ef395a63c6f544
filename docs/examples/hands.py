"""OneHand10K: labeled hands, and a COCO json that has nothing but boxes of more hands."""

_base_ = [
    'mmpose::hand_2d_keypoint/topdown_heatmap/onehand10k/'
    'td-hm_res50_8xb32-210e_onehand10k-256x256.py',
    '../../configs/_base_/semi_supervised.py'
]

max_iters, burn_in = 20000, 1000
train_cfg = dict(_base_.semi_train_loop, max_iters=max_iters, val_interval=1000)
val_cfg = _base_.semi_val_loop
log_processor = _base_.semi_log_processor
optim_wrapper = dict(constructor='StudentOptimWrapperConstructor')
param_scheduler = [_base_.param_scheduler[0], dict(
    type='MultiStepLR', milestones=[14000, 18000], gamma=0.1, by_epoch=False)]
default_hooks = dict(
    logger=_base_.semi_logger,
    checkpoint=dict(_base_.semi_checkpoint, save_best='teacher/AUC'))
custom_hooks = _base_.custom_hooks + _base_.semi_watch + [
    dict(type='EMANHook', momentum=0.999, burn_in=burn_in)]

model = dict(
    _delete_=True,
    type='SemiSupervisedPoseEstimator',
    estimator=_base_.model,
    backbone=dict(),  # MMPose's init_model looks into it
    mix_unmix=dict(type='MixUnMix', sites=['input', 'layer2', 'layer3', 'layer4'], grid=(4, 4)),
    unsup_weight=4., burn_in=burn_in, ramp_up=1000)

# Hands are seen from every side, and the labeled ones are turned by up to 180° as well.
view = dict(input_size=_base_.codec.input_size, rotate_factor=90.)
train_dataloader = dict(
    _delete_=True, **_base_.semi_train_dataloader,
    dataset=dict(type='SemiSupervisedDataset', datasets=[
        dict(_base_.train_dataloader.dataset, pipeline=[
            dict(type='PoseMultiBranch', branch_field=_base_.semi_branches,
                 sup=_base_.train_pipeline)]),
        dict(type='UnlabeledPoseDataset', data_root='data/unlabeled_hands/',
             ann_file='boxes.json', data_prefix=dict(img='images/'),
             metainfo=dict(from_file='configs/_base_/datasets/onehand10k.py'), pipeline=[
                 dict(type='LoadUnlabeledImage', input_size=_base_.codec.input_size),
                 dict(type='PoseMultiBranch', branch_field=_base_.semi_branches,
                      unsup_teacher=[dict(type='WeakView', **view)],
                      unsup_student=[dict(type='StrongView', **dict(view, rotate_factor=180.))])]),
    ]))
