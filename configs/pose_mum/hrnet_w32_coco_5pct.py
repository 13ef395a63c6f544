# HRNet-w32 on COCO with 5 % of train2017's images labeled.
_base_ = './hrnet_w32_coco_10pct.py'

split = 'annotations/semi_anns/person_keypoints_train2017.1@5'
labeled, unlabeled = _base_.train_dataloader.dataset.datasets
train_dataloader = dict(dataset=dict(datasets=[
    dict(labeled, ann_file=split + '.json'),
    dict(unlabeled, ann_file=split + '-unlabeled.json')]))
