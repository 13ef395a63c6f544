# A small vision transformer on Leeds Sports with 200 labels, from random weights: 8×8 patches of 12
# pixels. Needs mmpretrain.
_base_ = '../supervised.py'

max_iters = 2000
train_cfg = dict(max_iters=max_iters, val_interval=250)
param_scheduler = [_base_.param_scheduler[0], dict(_base_.param_scheduler[1], T_max=max_iters)]
default_hooks = dict(checkpoint=dict(interval=max_iters))
optim_wrapper = dict(
    optimizer=dict(_delete_=True, type='AdamW', lr=1e-3, weight_decay=0.05))

model = dict(
    backbone=dict(
        _delete_=True, type='mmpretrain.VisionTransformer',
        arch=dict(embed_dims=128, num_layers=6, num_heads=4, feedforward_channels=512),
        img_size=(96, 96), patch_size=12, qkv_bias=True, with_cls_token=False,
        out_type='featmap'),
    neck=dict(type='FeatureMapProcessor', scale_factor=3.0, apply_relu=True),
    head=dict(
        in_channels=128, deconv_out_channels=None, deconv_kernel_sizes=None,
        final_layer=dict(kernel_size=3, padding=1)))
