# HRNet-w32 on COCO with a tenth of train2017's labels, the rest of its people unlabelled.
_base_ = [
    'mmpose::body_2d_keypoint/topdown_heatmap/coco/td-hm_hrnet-w32_8xb64-210e_coco-256x192.py',
    '../_base_/semi_supervised.py'
]

split = 'annotations/semi_anns/person_keypoints_train2017.1@10'
max_iters = 200000
burn_in = 5000
train_cfg = dict(_base_.semi_train_loop, max_iters=max_iters, val_interval=5000)
val_cfg = _base_.semi_val_loop
log_processor = _base_.semi_log_processor
optim_wrapper = dict(constructor='StudentOptimWrapperConstructor')
param_scheduler = [_base_.param_scheduler[0], dict(
    type='MultiStepLR', milestones=[140000, 180000], gamma=0.1, by_epoch=False)]
default_hooks = dict(
    logger=_base_.semi_logger,
    checkpoint=dict(_base_.semi_checkpoint, save_best='teacher/coco/AP'))
custom_hooks = _base_.custom_hooks + [dict(type='EMANHook', momentum=0.9996, burn_in=burn_in)]

model = dict(
    _delete_=True,
    type='SemiSupervisedPoseEstimator',
    estimator=_base_.model,
    mix_unmix=dict(type='MixUnMix', sites=['input', 'stage2', 'stage3', 'stage4'], grid=(4, 4)),
    unsup_weight=4.,
    burn_in=burn_in,
    ramp_up=5000,
    joint_cutout=dict(num_joints=5, half_size=(10, 20), jitter=10))

view = dict(input_size=_base_.codec.input_size)
train_dataloader = dict(
    _delete_=True, **_base_.semi_train_dataloader,
    dataset=dict(type='SemiSupervisedDataset', datasets=[
        dict(_base_.train_dataloader.dataset, ann_file=split + '.json', pipeline=[
            dict(type='PoseMultiBranch', branch_field=_base_.semi_branches,
                 sup=_base_.train_pipeline)]),
        dict(type='UnlabeledPoseDataset', data_root=_base_.data_root,
             ann_file=split + '-unlabeled.json', data_prefix=dict(img='train2017/'), pipeline=[
                 dict(type='LoadUnlabeledImage'),
                 dict(type='PoseMultiBranch', branch_field=_base_.semi_branches,
                      unsup_teacher=[dict(type='WeakView', **view)],
                      unsup_student=[dict(type='StrongView', **view)])]),
    ]))
