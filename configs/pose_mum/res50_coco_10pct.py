# ResNet-50 on COCO with a tenth of train2017's labels, the rest of its people unlabeled.
_base_ = './hrnet_w32_coco_10pct.py'

model = dict(
    mix_unmix=_base_.semi_resnet_mix,
    estimator=dict(
        backbone=dict(
            _delete_=True, type='ResNet', depth=50,
            init_cfg=dict(type='Pretrained', checkpoint='torchvision://resnet50')),
        head=dict(
            _delete_=True, type='HeatmapHead', in_channels=2048, out_channels=17,
            loss=_base_.model.estimator.head.loss, decoder=_base_.codec)))
