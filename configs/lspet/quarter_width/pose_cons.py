# PoseCons (Xie et al., ICCV 2021): the network is its own teacher, on an easy and a hard view with
# keypoints cut out; sizes are the paper's at 256×192, for crops of 96×96.
_base_ = './pose_mum.py'

custom_hooks = _base_.custom_hooks[:-1] + [dict(_base_.custom_hooks[-1], momentum=0.)]
model = dict(
    mix_unmix=None, unsup_weight=1.,
    keypoint_cutout=dict(num_keypoints=5, half_size=(4, 8), jitter=4.))
