# HRNet-w48 at 384×288 on all of train2017's labels and unlabeled2017's detected people, 8 + 8.
_base_ = [
    'mmpose::body_2d_keypoint/topdown_heatmap/coco/td-hm_hrnet-w48_8xb32-210e_coco-384x288.py',
    '../_base_/semi_sshpe.py'
]

epoch = 149800 // 8
train_cfg = dict(_base_.semi_train_loop, max_iters=300 * epoch, val_interval=epoch)
val_cfg = _base_.semi_val_loop
log_processor = _base_.semi_log_processor
optim_wrapper = dict(_base_.semi_optim_wrapper, optimizer=_base_.semi_adam)
auto_scale_lr = dict(base_batch_size=16)
param_scheduler = [dict(_base_.semi_steps, milestones=[220 * epoch, 260 * epoch])]
default_hooks = _base_.semi_coco_hooks
custom_hooks = _base_.custom_hooks + _base_.semi_watch + [_base_.semi_eman]
model = dict(
    _base_.semi_model, estimator=dict(_base_.model, test_cfg=dict(flip_test=False)),
    mix_unmix=_base_.semi_hrnet_mix)

train_pipeline = [*_base_.train_pipeline[:3], _base_.semi_affine, *_base_.train_pipeline[5:]]
train_dataloader = dict(
    _base_.semi_train_dataloader, _delete_=True, batch_size=16,
    dataset=dict(
        type='SemiSupervisedDataset', unlabeled=_base_.semi_wild,
        labeled=dict(_base_.train_dataloader.dataset, pipeline=train_pipeline)))
val_dataloader = dict(dataset=dict(bbox_file=None))
test_dataloader = val_dataloader
val_evaluator = _base_.semi_sshpe_metric
test_evaluator = val_evaluator
