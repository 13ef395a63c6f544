# ResNet-18, supervised by SSHPE's first 1,000 people alone, for as many steps as the others train.
_base_ = [
    'mmpose::body_2d_keypoint/topdown_heatmap/coco/td-hm_res50_8xb64-210e_coco-256x192.py',
    '../../_base_/semi_sshpe.py'
]

train_cfg = dict(
    _base_.semi_train_loop, max_iters=_base_.semi_1k.max_iters, val_interval=_base_.semi_epoch)
param_scheduler = [_base_.semi_1k.steps]
log_processor = _base_.semi_log_processor
optim_wrapper = dict(optimizer=_base_.semi_adam)
auto_scale_lr = dict(base_batch_size=32)
default_hooks = dict(
    logger=_base_.semi_logger, checkpoint=dict(_base_.semi_checkpoint, save_best='coco/AP'))
model = dict(
    backbone=dict(depth=18, init_cfg=dict(checkpoint='torchvision://resnet18')),
    head=dict(in_channels=512),
    test_cfg=dict(flip_test=False))

train_pipeline = [*_base_.train_pipeline[:3], _base_.semi_affine, *_base_.train_pipeline[5:]]
train_dataloader = dict(
    batch_size=32,
    sampler=dict(_delete_=True, type='InfiniteSampler'),
    dataset=dict(
        ann_file='annotations/semi_anns/person_keypoints_train2017.sshpe@1000.json',
        pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(bbox_file=None))
test_dataloader = val_dataloader
val_evaluator = _base_.semi_sshpe_metric
test_evaluator = val_evaluator
