# The embedded demo's synthetic people, supervised by the labelled 5 %; exactly as one trains COCO.
_base_ = '../_base_/small_resnet18.py'

train_cfg = dict(val_interval=500)
default_hooks = dict(logger=dict(interval=100), checkpoint=dict(save_best='coco/AP'))

data_root = 'data/demo/'
train_dataloader = dict(
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
