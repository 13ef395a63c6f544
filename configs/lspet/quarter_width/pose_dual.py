# PoseDual (Xie et al., ICCV 2021): two networks from different weights teach each other.
_base_ = './pose_cons.py'

custom_hooks = _base_.custom_hooks[:-1]
optim_wrapper = dict(constructor='DefaultOptimWrapperConstructor')
model = dict(type='DualPoseEstimator', sup_weight=0.5)
