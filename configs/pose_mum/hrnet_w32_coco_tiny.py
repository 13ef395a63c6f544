# The same training on MMPose's four real COCO images, linked at data/tiny_coco: a trial of the
# machinery on a CPU, without weights or downloads. Nothing can be learned from it.
_base_ = './hrnet_w32_coco_10pct.py'

train_cfg = dict(max_iters=4, val_interval=4)
model = dict(burn_in=1, ramp_up=1, estimator=dict(backbone=dict(init_cfg=None)))
default_hooks = dict(logger=dict(interval=1))

tiny = dict(data_root='data/tiny_coco/', ann_file='test_coco.json', data_prefix=dict(img=''))
train_dataloader = dict(
    batch_size=8, num_workers=0, persistent_workers=False,
    dataset=dict(labeled=tiny, unlabeled=tiny))
val_dataloader = dict(
    num_workers=0, persistent_workers=False, dataset=dict(bbox_file=None, **tiny))
test_dataloader = val_dataloader
val_evaluator = dict(ann_file='data/tiny_coco/test_coco.json')
test_evaluator = val_evaluator
