# HRNet-w32 on COCO with a tenth of train2017's labels, the rest of its people unlabeled.
_base_ = [
    'mmpose::body_2d_keypoint/topdown_heatmap/coco/td-hm_hrnet-w32_8xb64-210e_coco-256x192.py',
    '../_base_/semi_coco.py'
]

split = 'annotations/semi_anns/person_keypoints_train2017.1@10'
train_cfg = _base_.semi_coco_train_cfg
val_cfg = _base_.semi_val_loop
log_processor = _base_.semi_log_processor
optim_wrapper = _base_.semi_optim_wrapper
auto_scale_lr = dict(base_batch_size=64)
param_scheduler = [_base_.param_scheduler[0], _base_.semi_coco_steps]
default_hooks = _base_.semi_coco_hooks
custom_hooks = _base_.custom_hooks + _base_.semi_watch + [_base_.semi_eman]
model = dict(_base_.semi_model, estimator=_base_.model, mix_unmix=_base_.semi_hrnet_mix)

train_dataloader = dict(
    _delete_=True, **_base_.semi_train_dataloader,
    dataset=dict(
        type='SemiSupervisedDataset',
        labeled=dict(_base_.train_dataloader.dataset, ann_file=split + '.json'),
        unlabeled=dict(_base_.semi_coco_unlabeled, ann_file=split + '-unlabeled.json')))
