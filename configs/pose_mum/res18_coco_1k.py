# ResNet-18 on SSHPE's benchmark: its first 1,000 people labeled, all of train2017 unlabeled.
_base_ = '../baselines/supervised/res18_coco_1k.py'

val_cfg = _base_.semi_val_loop
optim_wrapper = _base_.semi_optim_wrapper
auto_scale_lr = dict(base_batch_size=64)
default_hooks = _base_.semi_coco_hooks
custom_hooks = _base_.custom_hooks + _base_.semi_watch + [_base_.semi_eman]
model = dict(_base_.semi_model, estimator=_base_.model, mix_unmix=_base_.semi_resnet_mix)

split = 'annotations/semi_anns/person_keypoints_train2017.sshpe@1000'
train_dataloader = dict(
    _delete_=True, **_base_.semi_train_dataloader,
    dataset=dict(
        type='SemiSupervisedDataset', labeled=_base_.train_dataloader.dataset,
        unlabeled=dict(_base_.semi_coco_unlabeled, ann_file=split + '-unlabeled.json')))
