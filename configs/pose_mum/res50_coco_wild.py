# ResNet-50 on all of train2017's labels and unlabeled2017's detected people (SSHPE's TRAIN + WILD).
_base_ = './res18_coco_1k.py'

# How many people unlabeled2017 has depends on the detector: passes are counted over train2017.
train_cfg = dict(max_iters=400 * _base_.semi_epoch)
param_scheduler = [
    dict(_base_.semi_steps, milestones=[300 * _base_.semi_epoch, 350 * _base_.semi_epoch])]
model = dict(estimator=dict(
    backbone=dict(depth=50, init_cfg=dict(checkpoint='torchvision://resnet50')),
    head=dict(in_channels=2048)))
train_dataloader = dict(dataset=dict(
    labeled=dict(ann_file='annotations/person_keypoints_train2017.json'),
    unlabeled=dict(_base_.semi_wild, _delete_=True)))
