# ResNet-18 on SSHPE's benchmark with 5,000 people labelled.
_base_ = './res18_coco_1k.py'

train_cfg = dict(max_iters=_base_.semi_5k.max_iters)
param_scheduler = [_base_.semi_5k.steps]
split = 'annotations/semi_anns/person_keypoints_train2017.sshpe@5000'
labelled, unlabelled = _base_.train_dataloader.dataset.datasets
train_dataloader = dict(dataset=dict(datasets=[
    dict(labelled, ann_file=split + '.json'),
    dict(unlabelled, ann_file=split + '-unlabeled.json')]))
