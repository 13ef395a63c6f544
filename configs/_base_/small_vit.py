# A small vision transformer for 14 keypoints on 96×96 crops, 8×8 patches of 12 pixels: the entries
# that differ from a ResNet's config. Their names begin with semi_vit, so that a config that has a
# model already can inherit them. Needs mmpretrain.
semi_vit_model = dict(
    backbone=dict(
        _delete_=True, type='mmpretrain.VisionTransformer',
        arch=dict(embed_dims=128, num_layers=6, num_heads=4, feedforward_channels=512),
        img_size=(96, 96), patch_size=12, qkv_bias=True, with_cls_token=False,
        out_type='featmap'),
    neck=dict(type='FeatureMapProcessor', scale_factor=3.0, apply_relu=True),
    head=dict(
        in_channels=128, deconv_out_channels=None, deconv_kernel_sizes=None,
        final_layer=dict(kernel_size=3, padding=1)))
semi_vit_optimizer = dict(_delete_=True, type='AdamW', lr=1e-3, weight_decay=0.05)
