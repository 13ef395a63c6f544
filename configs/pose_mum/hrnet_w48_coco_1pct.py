# HRNet-w48 on COCO with 1 % of train2017's images labeled.
_base_ = './hrnet_w48_coco_10pct.py'

split = 'annotations/semi_anns/person_keypoints_train2017.1@1'
train_dataloader = dict(dataset=dict(
    labeled=dict(ann_file=split + '.json'), unlabeled=dict(ann_file=split + '-unlabeled.json')))
