# HRNet-w48 on COCO with a tenth of train2017's labels, the rest of its people unlabeled.
_base_ = './hrnet_w32_coco_10pct.py'

model = dict(estimator=dict(
    backbone=dict(
        extra=dict(
            stage2=dict(num_channels=(48, 96)),
            stage3=dict(num_channels=(48, 96, 192)),
            stage4=dict(num_channels=(48, 96, 192, 384))),
        init_cfg=dict(checkpoint='https://download.openmmlab.com/mmpose/'
                      'pretrain_models/hrnet_w48-8ef0771d.pth')),
    head=dict(in_channels=48)))
