# HRNet-w32 on COCO with 20 % of train2017's images labelled.
_base_ = './hrnet_w32_coco_10pct.py'

split = 'annotations/semi_anns/person_keypoints_train2017.1@20'
labelled, unlabelled = _base_.train_dataloader.dataset.datasets
train_dataloader = dict(dataset=dict(datasets=[
    dict(labelled, ann_file=split + '.json'),
    dict(unlabelled, ann_file=split + '-unlabeled.json')]))
