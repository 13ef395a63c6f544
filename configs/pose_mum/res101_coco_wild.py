# ResNet-101 on all of train2017's labels and unlabeled2017's detected people.
_base_ = './res50_coco_wild.py'

model = dict(estimator=dict(
    backbone=dict(depth=101, init_cfg=dict(checkpoint='torchvision://resnet101'))))
