# ResNet-18 on SSHPE's benchmark with 10,000 people labelled.
_base_ = './res18_coco_5k.py'

split = 'annotations/semi_anns/person_keypoints_train2017.sshpe@10000'
labelled, unlabelled = _base_.train_dataloader.dataset.datasets
train_dataloader = dict(dataset=dict(datasets=[
    dict(labelled, ann_file=split + '.json'),
    dict(unlabelled, ann_file=split + '-unlabeled.json')]))
