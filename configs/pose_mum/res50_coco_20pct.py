# ResNet-50 on COCO with 20 % of train2017's images labeled.
_base_ = './res50_coco_10pct.py'

split = 'annotations/semi_anns/person_keypoints_train2017.1@20'
labeled, unlabeled = _base_.train_dataloader.dataset.datasets
train_dataloader = dict(dataset=dict(datasets=[
    dict(labeled, ann_file=split + '.json'),
    dict(unlabeled, ann_file=split + '-unlabeled.json')]))
