# A model that learns within minutes on two CPU cores: ResNet-18 of half width on 96×96 crops,
# in bfloat16 and channels_last where the CPU has bfloat16. The demo and Leeds Sports use it.
_base_ = ['mmpose::_base_/default_runtime.py', './semi_supervised.py']

max_iters = 1000
train_cfg = dict(_base_.semi_train_loop, max_iters=max_iters, val_interval=200)
optim_wrapper = dict(type='AutocastOptimWrapper', optimizer=dict(type='Adam', lr=1e-3))
param_scheduler = [
    dict(type='LinearLR', begin=0, end=50, start_factor=0.01, by_epoch=False),
    dict(type='CosineAnnealingLR', T_max=max_iters, eta_min=1e-5, by_epoch=False),
]
randomness = dict(seed=0)
log_processor = dict(by_epoch=False)
default_hooks = dict(
    logger=_base_.semi_logger,
    checkpoint=dict(_base_.semi_checkpoint, interval=1000, max_keep_ckpts=1, rule='greater'))
custom_hooks = [dict(type='SyncBuffersHook'), dict(type='ChannelsLastHook')]

codec = dict(type='MSRAHeatmap', input_size=(96, 96), heatmap_size=(24, 24), sigma=1)
model = dict(
    type='TopdownPoseEstimator',
    data_preprocessor=dict(
        type='PoseDataPreprocessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True),
    backbone=dict(type='ResNet', depth=18, base_channels=32, stem_channels=32),
    head=dict(
        type='HeatmapHead',
        in_channels=256,
        out_channels=17,
        deconv_out_channels=(64, 64, 64),
        loss=dict(type='KeypointMSELoss', use_target_weight=True),
        decoder=codec),
    train_cfg=dict(compute_acc=False),
    test_cfg=dict(flip_test=False))

train_pipeline = [
    dict(type='LoadImage'),
    dict(type='GetBBoxCenterScale'),
    dict(type='RandomFlip', direction='horizontal'),
    dict(type='RandomBBoxTransform', scale_factor=(0.75, 1.25), rotate_factor=45),
    dict(type='TopdownAffine', input_size=codec['input_size']),
    dict(type='GenerateTarget', encoder=codec),
    dict(type='PackPoseInputs')
]
val_pipeline = [
    dict(type='LoadImage'),
    dict(type='GetBBoxCenterScale'),
    dict(type='TopdownAffine', input_size=codec['input_size']),
    dict(type='PackPoseInputs')
]
# On two cores a worker process costs more than it saves.
train_dataloader = dict(
    batch_size=32, num_workers=0, sampler=dict(type='InfiniteSampler', shuffle=True))
val_dataloader = dict(
    batch_size=64,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False, round_up=False))
test_dataloader = val_dataloader

# The recipe of Leeds Sports, see docs/benchmark.md; the demo's Pose-MUM is better without it.
# Labeled images change their colors, too, and patches of them are erased to the mean color (BGR, as
# images are loaded).
semi_erasing = dict(
    n_holes=3, cutout_ratio=[(0.1, 0.1), (0.14, 0.14), (0.18, 0.18)], fill_in=(104, 116, 124))
semi_recipe_pipeline = [
    *train_pipeline[:5],
    dict(type='PhotometricRandAugment', num_ops=2, magnitude=0.3),
    dict(type='mmdet.CutOut', **semi_erasing),
    *train_pipeline[5:]
]
semi_shift = dict(shift_prob=1., shift_factor=0.03)  # of the box, at most
semi_recipe_views = dict(
    weak=dict(rotate_factor=20., scale_factor=(0.9, 1.1), **semi_shift),
    strong=dict(
        rotate_factor=45., scale_factor=(0.75, 1.25), erasing=semi_erasing,
        photometric=dict(num_ops=3, magnitude=0.5), **semi_shift))

# For the configs that make this model semi-supervised.
# Its images are small, and decoded as a whole.
semi_dataset = dict(type='SemiSupervisedDataset', load=dict(input_size=None))

# old names, for one release
semi_sup_pipeline = [
    dict(type='PoseMultiBranch', branch_field=_base_.semi_branches, sup=train_pipeline)
]
semi_unsup_pipeline = [
    dict(type='LoadUnlabeledImage'),
    dict(
        type='PoseMultiBranch',
        branch_field=_base_.semi_branches,
        unsup_teacher=[dict(type='WeakView', input_size=codec['input_size'])],
        unsup_student=[dict(type='StrongView', input_size=codec['input_size'])])
]
