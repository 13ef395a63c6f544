# PoseDual (Xie et al., ICCV 2021) with joint cutout, 10,000 people labeled.
_base_ = '../pose_cons/res18_coco_10k.py'

custom_hooks = _base_.custom_hooks[:-1]
optim_wrapper = dict(constructor='DefaultOptimWrapperConstructor')
model = _base_.semi_pose_dual
