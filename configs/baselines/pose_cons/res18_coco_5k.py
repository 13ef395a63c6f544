# PoseCons (Xie et al., ICCV 2021) with joint cutout, 5,000 people labeled.
_base_ = ['../../pose_mum/res18_coco_5k.py', '../../_base_/semi_baselines.py']

eman = dict(_base_.custom_hooks[-1], **_base_.semi_pose_cons_hook)
custom_hooks = _base_.custom_hooks[:-1] + [eman]
model = _base_.semi_pose_cons
train_dataloader = dict(dataset=_base_.semi_affine_views)
