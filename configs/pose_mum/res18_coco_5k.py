# ResNet-18 on SSHPE's benchmark with 5,000 people labeled.
_base_ = './res18_coco_1k.py'

train_cfg = dict(max_iters=_base_.semi_5k.max_iters)
param_scheduler = [_base_.semi_5k.steps]
split = 'annotations/semi_anns/person_keypoints_train2017.sshpe@5000'
train_dataloader = dict(dataset=dict(
    labeled=dict(ann_file=split + '.json'), unlabeled=dict(ann_file=split + '-unlabeled.json')))
