# Leeds Sports, supervised by the first 200 of 2,000 training images: what Pose-MUM must beat. It
# has the recipe's colors, erasing and average of weights. It overfits so few labels: twice
# as many steps do not make it better.
_base_ = ['../_base_/small_resnet18.py', '../_base_/lspet.py']

max_iters = 1500
train_cfg = dict(max_iters=max_iters, val_interval=250)
param_scheduler = [_base_.param_scheduler[0], dict(_base_.param_scheduler[1], T_max=max_iters)]
default_hooks = dict(checkpoint=dict(interval=500))  # a benchmark that stops goes on from there
# Weights and BatchNorm's statistics, as EMAN does for the teacher of the others.
custom_hooks = _base_.custom_hooks + [
    dict(type='EMAHook', ema_type='ExponentialMovingAverage', momentum=0.005, update_buffers=True)]
model = dict(head=dict(out_channels=14))

# What the labeled, the unlabeled and the validation images have in common.
data = dict(data_root='data/lspet/', metainfo=_base_.dataset_info)
train_dataloader = dict(
    dataset=dict(
        type='CocoDataset',
        ann_file='annotations/train.json',
        data_prefix=dict(img='images/train/'),
        indices=200,
        pipeline=_base_.semi_recipe_pipeline,
        **data))
val_dataloader = dict(
    dataset=dict(
        type='CocoDataset',
        ann_file='annotations/val.json',
        data_prefix=dict(img='images/val/'),
        test_mode=True,
        pipeline=_base_.val_pipeline,
        **data))
test_dataloader = val_dataloader
val_evaluator = [
    dict(type='PCKAccuracy', thr=0.1, norm_item='bbox'),
    dict(type='PCKAccuracy', thr=0.2, norm_item='bbox', prefix='wide'),
    # By the Leeds convention, from the left shoulder to the right hip.
    dict(type='TorsoPCKAccuracy', thr=0.2, torso=('left_shoulder', 'right_hip'), prefix='torso'),
]
test_evaluator = val_evaluator
