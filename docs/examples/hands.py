"""OneHand10K: labeled hands, and a COCO json with boxes of more hands."""

_base_ = [
    'mmpose::hand_2d_keypoint/topdown_heatmap/onehand10k/'
    'td-hm_res50_8xb32-210e_onehand10k-256x256.py',
    '../../configs/_base_/semi_supervised.py'
]

train_cfg = dict(_base_.semi_train_loop, max_iters=20000, val_interval=1000)
val_cfg = _base_.semi_val_loop
log_processor = _base_.semi_log_processor
optim_wrapper = _base_.semi_optim_wrapper
param_scheduler = [_base_.param_scheduler[0], dict(
    type='MultiStepLR', milestones=[14000, 18000], gamma=0.1, by_epoch=False)]
default_hooks = dict(logger=_base_.semi_logger, checkpoint=dict(
    _base_.semi_checkpoint, save_best='teacher/AUC'))
custom_hooks = _base_.custom_hooks + _base_.semi_watch + [dict(type='EMANHook', momentum=0.996)]
model = dict(
    _base_.semi_wrapper, estimator=_base_.model,
    mix_unmix=dict(type='MixUnMix', sites=['input', 'layer2', 'layer3', 'layer4'], grid='auto'),
    unsup_weight=4., burn_in=1000, ramp_up=1000)

# Hands are seen from every side, and the labeled ones are turned by up to 180° as well.
train_dataloader = dict(
    _delete_=True, **_base_.semi_train_dataloader,
    dataset=dict(
        type='SemiSupervisedDataset', labeled=_base_.train_dataloader.dataset,
        unlabeled=dict(data_root='data/unlabeled_hands/', ann_file='boxes.json',
                       data_prefix=dict(img='images/')),
        weak=dict(rotate_factor=90.), strong=dict(rotate_factor=180.)))
