"""A tenth of COCO's labels, from a model that was trained on the same tenth before."""

_base_ = '../../configs/pose_mum/hrnet_w32_coco_10pct.py'

load_from = 'my_supervised.pth'
model = dict(burn_in=0)
custom_hooks = [*_base_.custom_hooks[:-1], dict(_base_.custom_hooks[-1], warm_up=False)]
