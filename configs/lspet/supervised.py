# Leeds Sports, supervised by the first 200 of 2,000 training images: what Pose-MUM must beat.
# It overfits 200 labels: of 4,000 iterations it was at its best after 2,000.
_base_ = ['../_base_/small_resnet18.py', '../_base_/lspet.py']

model = dict(head=dict(out_channels=14))
default_hooks = dict(checkpoint=dict(save_best='PCK'))

# What the labelled, the unlabelled and the validation images have in common.
data = dict(data_root='data/lspet/', metainfo=_base_.dataset_info)
train_dataloader = dict(
    dataset=dict(
        type='CocoDataset',
        ann_file='annotations/train.json',
        data_prefix=dict(img='images/train/'),
        indices=200,
        pipeline=_base_.train_pipeline,
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
]
test_evaluator = val_evaluator
