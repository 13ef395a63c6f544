# What the semi-supervised configs on COCO share: parts that a config puts together.
_base_ = './semi_supervised.py'

semi_coco_hooks = dict(
    logger=_base_.semi_logger,
    checkpoint=dict(_base_.semi_checkpoint, save_best='teacher/coco/AP'))
semi_coco_unlabeled = dict(data_root='data/coco/', data_prefix=dict(img='train2017/'))

# A percentage of train2017 labeled: 200,000 iterations, not tuned.
semi_coco_train_cfg = dict(_base_.semi_train_loop, max_iters=200000, val_interval=5000)
semi_coco_steps = dict(
    type='MultiStepLR', milestones=[140000, 180000], gamma=0.1, by_epoch=False)

# old names, for one release
semi_coco_unlabelled = dict(
    semi_coco_unlabeled, type='UnlabeledPoseDataset', pipeline=[
        dict(type='LoadUnlabeledImage', input_size=(192, 256)),
        dict(type='PoseMultiBranch', branch_field=_base_.semi_branches,
             unsup_teacher=[dict(type='WeakView', input_size=(192, 256))],
             unsup_student=[dict(type='StrongView', input_size=(192, 256))])])
