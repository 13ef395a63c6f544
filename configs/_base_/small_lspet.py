# The small model on Leeds Sports: the first 200 of 2,000 training images with their labels, and 400
# others for validation.
_base_ = ['./small_resnet18.py', './lspet.py']

# What the labeled, the unlabeled and the validation images have in common.
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
    # By the Leeds convention, from the left shoulder to the right hip.
    dict(type='TorsoPCKAccuracy', thr=0.2, torso=('left_shoulder', 'right_hip'), prefix='torso'),
]
test_evaluator = val_evaluator
