# ResNet-18 on SSHPE's benchmark with 10,000 people labeled.
_base_ = './res18_coco_5k.py'

split = 'annotations/semi_anns/person_keypoints_train2017.sshpe@10000'
train_dataloader = dict(dataset=dict(
    labeled=dict(ann_file=split + '.json'), unlabeled=dict(ann_file=split + '-unlabeled.json')))
