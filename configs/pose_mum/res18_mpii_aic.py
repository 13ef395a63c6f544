# ResNet-18 on MPII's labels and AI Challenger's people without theirs, at 256×256.
_base_ = [
    'mmpose::body_2d_keypoint/topdown_heatmap/mpii/td-hm_res50_8xb64-210e_mpii-256x256.py',
    '../_base_/semi_mpii_aic.py'
]

epoch = _base_.semi_aic_epoch
train_cfg = dict(_base_.semi_train_loop, max_iters=100 * epoch, val_interval=epoch)
val_cfg = _base_.semi_val_loop
log_processor = _base_.semi_log_processor
optim_wrapper = dict(_base_.semi_optim_wrapper, optimizer=_base_.semi_adam)
auto_scale_lr = dict(base_batch_size=64)
param_scheduler = [dict(_base_.semi_steps, milestones=[50 * epoch, 70 * epoch])]
default_hooks = _base_.semi_mpii_hooks
custom_hooks = _base_.custom_hooks + _base_.semi_watch + [_base_.semi_eman]
model = dict(
    _base_.semi_model, mix_unmix=_base_.semi_resnet_mix,
    estimator=dict(
        _base_.model,
        backbone=dict(_base_.model.backbone, depth=18, init_cfg=dict(
            type='Pretrained', checkpoint='torchvision://resnet18')),
        head=dict(_base_.model.head, in_channels=512),
        test_cfg=dict(flip_test=False)))

train_pipeline = [*_base_.train_pipeline[:3], _base_.semi_affine, *_base_.train_pipeline[4:]]
train_dataloader = dict(
    _delete_=True, **_base_.semi_train_dataloader,
    dataset=dict(
        type='SemiSupervisedDataset', unlabeled=_base_.semi_aic_unlabeled, labeled=dict(
            _base_.train_dataloader.dataset, metainfo=_base_.semi_mpii_metainfo,
            pipeline=train_pipeline)))
