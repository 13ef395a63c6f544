# The embedded demo's synthetic people, supervised by the labeled 5 %; exactly as one trains COCO.
_base_ = '../_base_/small_resnet18.py'

max_iters = 1200
train_cfg = dict(max_iters=max_iters, val_interval=300)
param_scheduler = [_base_.param_scheduler[0], dict(_base_.param_scheduler[1], T_max=max_iters)]
default_hooks = dict(logger=dict(interval=100), checkpoint=dict(interval=max_iters))

# Without its last stage the model learns faster, and time is short.
model = dict(
    backbone=dict(num_stages=3, strides=(1, 2, 2), dilations=(1, 1, 1), out_indices=(2, )),
    head=dict(in_channels=128, deconv_out_channels=(64, 64), deconv_kernel_sizes=(4, 4)))

data_root = 'data/demo/'
train_dataloader = dict(
    batch_size=16,
    dataset=dict(
        type='CocoDataset',
        data_root=data_root,
        ann_file='annotations/train_labeled.json',
        data_prefix=dict(img='images/train/'),
        pipeline=_base_.train_pipeline))
val_dataloader = dict(
    dataset=dict(
        type='CocoDataset',
        data_root=data_root,
        ann_file='annotations/val.json',
        data_prefix=dict(img='images/val/'),
        test_mode=True,
        pipeline=_base_.val_pipeline))
test_dataloader = val_dataloader
val_evaluator = dict(type='CocoMetric', ann_file=data_root + 'annotations/val.json')
test_evaluator = val_evaluator
