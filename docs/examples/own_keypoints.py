"""Leeds Sports, as keypoints that MMPose does not know; unlabeled people of three kinds."""

_base_ = [
    'mmpose::body_2d_keypoint/topdown_heatmap/coco/td-hm_res50_8xb64-210e_coco-256x192.py',
    '../../configs/_base_/semi_supervised.py'
]

# Number, name and mirror image of each keypoint, in the order of the json.
right, left, middle = [255, 128, 0], [0, 255, 0], [51, 153, 255]
metainfo = dict(
    dataset_name='my_people',
    paper_info=dict(),
    keypoint_info={
        0: dict(name='right_ankle', id=0, color=right, type='lower', swap='left_ankle'),
        1: dict(name='right_knee', id=1, color=right, type='lower', swap='left_knee'),
        2: dict(name='right_hip', id=2, color=right, type='lower', swap='left_hip'),
        3: dict(name='left_hip', id=3, color=left, type='lower', swap='right_hip'),
        4: dict(name='left_knee', id=4, color=left, type='lower', swap='right_knee'),
        5: dict(name='left_ankle', id=5, color=left, type='lower', swap='right_ankle'),
        6: dict(name='right_wrist', id=6, color=right, type='upper', swap='left_wrist'),
        7: dict(name='right_elbow', id=7, color=right, type='upper', swap='left_elbow'),
        8: dict(name='right_shoulder', id=8, color=right, type='upper', swap='left_shoulder'),
        9: dict(name='left_shoulder', id=9, color=left, type='upper', swap='right_shoulder'),
        10: dict(name='left_elbow', id=10, color=left, type='upper', swap='right_elbow'),
        11: dict(name='left_wrist', id=11, color=left, type='upper', swap='right_wrist'),
        12: dict(name='neck', id=12, color=middle, type='upper', swap=''),
        13: dict(name='head_top', id=13, color=middle, type='upper', swap=''),
    },
    skeleton_info={
        0: dict(link=('right_ankle', 'right_knee'), id=0, color=right),
        1: dict(link=('right_knee', 'right_hip'), id=1, color=right),
        2: dict(link=('left_hip', 'left_knee'), id=2, color=left),
        3: dict(link=('left_knee', 'left_ankle'), id=3, color=left),
        4: dict(link=('neck', 'head_top'), id=4, color=middle),
    },
    joint_weights=[1.] * 14,
    sigmas=[0.089, 0.087, 0.107, 0.107, 0.087, 0.089, 0.062, 0.072, 0.079, 0.079, 0.072, 0.062,
            0.079, 0.079])

train_cfg = dict(_base_.semi_train_loop, max_iters=20000, val_interval=1000)
val_cfg = _base_.semi_val_loop
log_processor = _base_.semi_log_processor
optim_wrapper = _base_.semi_optim_wrapper
param_scheduler = [_base_.param_scheduler[0], dict(
    type='MultiStepLR', milestones=[14000, 18000], gamma=0.1, by_epoch=False)]
default_hooks = dict(logger=_base_.semi_logger, checkpoint=dict(
    _base_.semi_checkpoint, save_best='teacher/PCK'))
custom_hooks = _base_.custom_hooks + _base_.semi_watch + [dict(type='EMANHook', momentum=0.996)]
model = dict(
    _base_.semi_wrapper,
    estimator=dict(_base_.model, head=dict(_base_.model.head, out_channels=14)),
    mix_unmix=dict(type='MixUnMix', sites=['input', 'layer2', 'layer3', 'layer4'], grid='auto'),
    unsup_weight=4., burn_in=1000, ramp_up=1000)

train_dataloader = dict(
    _delete_=True, **_base_.semi_train_dataloader,
    dataset=dict(
        type='SemiSupervisedDataset',
        labeled=dict(
            type='CocoDataset', data_root='data/lspet/', ann_file='annotations/train.json',
            data_prefix=dict(img='images/train/'), metainfo=metainfo, indices=200,
            pipeline=_base_.train_pipeline),
        unlabeled=[
            # images of one person each
            'data/unlabeled_people/images/',
            # a video of one person, two frames a second
            dict(data_prefix=dict(img='data/unlabeled_people/clip.mp4'), frame_rate=2.),
            # people whom `mmpose-mum detect` has found in larger images
            dict(data_prefix=dict(img='data/unlabeled_people/scenes/'),
                 bbox_file='data/unlabeled_people/boxes.json'),
        ]))

val_dataloader = dict(dataset=dict(
    type='CocoDataset', data_root='data/lspet/', ann_file='annotations/val.json', bbox_file=None,
    data_prefix=dict(img='images/val/'), metainfo=metainfo))
test_dataloader = val_dataloader
val_evaluator = [dict(type='PCKAccuracy', thr=0.1, norm_item='bbox')]
test_evaluator = val_evaluator
