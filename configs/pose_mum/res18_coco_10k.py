# ResNet-18 on SSHPE's benchmark with 10,000 people labeled.
_base_ = './res18_coco_5k.py'

split = 'annotations/semi_anns/person_keypoints_train2017.sshpe@10000'
labeled, unlabeled = _base_.train_dataloader.dataset.datasets
train_dataloader = dict(dataset=dict(datasets=[
    dict(labeled, ann_file=split + '.json'),
    dict(unlabeled, ann_file=split + '-unlabeled.json')]))
