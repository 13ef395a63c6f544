# RTMPose-t for 14 keypoints on 96×96 crops. The names begin with semi_rtmpose, so that a config
# that has a model already can inherit them.
semi_rtmpose_codec = dict(
    type='SimCCLabel', input_size=(96, 96), sigma=(3.5, 3.5), simcc_split_ratio=2.0,
    normalize=False, use_dark=False)
semi_rtmpose_model = dict(
    _delete_=True,
    type='TopdownPoseEstimator',
    data_preprocessor=dict(
        type='PoseDataPreprocessor', mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True),
    backbone=dict(
        _scope_='mmdet', type='CSPNeXt', arch='P5', expand_ratio=0.5, deepen_factor=0.167,
        widen_factor=0.375, out_indices=(4, ), channel_attention=True, norm_cfg=dict(type='BN'),
        act_cfg=dict(type='SiLU')),
    head=dict(
        type='RTMCCHead', in_channels=384, out_channels=14,
        input_size=semi_rtmpose_codec['input_size'], in_featuremap_size=(3, 3),
        simcc_split_ratio=semi_rtmpose_codec['simcc_split_ratio'], final_layer_kernel_size=7,
        gau_cfg=dict(
            hidden_dims=256, s=128, expansion_factor=2, dropout_rate=0., drop_path=0.,
            act_fn='SiLU', use_rel_bias=False, pos_enc=False),
        loss=dict(type='KLDiscretLoss', use_target_weight=True, beta=10., label_softmax=True),
        decoder=semi_rtmpose_codec),
    test_cfg=dict(flip_test=False))
# In float32: the plain head computes its accuracy in NumPy, which has no bfloat16.
semi_rtmpose_optim = dict(
    _delete_=True, type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=1e-3, weight_decay=0.05),
    paramwise_cfg=dict(norm_decay_mult=0, bias_decay_mult=0, bypass_duplicate=True))
semi_rtmpose_target = [
    dict(type='GenerateTarget', encoder=semi_rtmpose_codec), dict(type='PackPoseInputs')
]
