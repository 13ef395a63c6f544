# Labeled MPII, unlabeled AI Challenger with its annotators' boxes, × 1.25 as everywhere.
#
# AIC's keypoints are not read, so its people get MPII's metainfo. The views only need the pairs
# that a flip swaps, and those must be the model's. To use AIC's 14 keypoints as hidden labels
# (keep_hidden), map them to MPII's 16 in the json first: MMPose's KeypointConverter converts only
# labeled samples, and AIC has no pelvis or thorax.
_base_ = './semi_sshpe.py'

semi_mpii_metainfo = dict(from_file='configs/_base_/datasets/mpii.py')
# Iterations of a pass over AIC's training people, about 378,000.
semi_aic_epoch = 378000 // 32
semi_mpii_hooks = dict(
    logger=_base_.semi_logger,
    checkpoint=dict(_base_.semi_checkpoint, save_best='teacher/PCK'))
semi_aic_unlabeled = dict(
    data_root='data/aic/',
    ann_file='annotations/aic_train.json',
    data_prefix=dict(img='ai_challenger_keypoint_train_20170902/'
                     'keypoint_train_images_20170902/'))

# old names, for one release
semi_aic_unlabelled = dict(
    semi_aic_unlabeled, type='UnlabeledPoseDataset', metainfo=semi_mpii_metainfo, pipeline=[
        dict(type='LoadUnlabeledImage', input_size=(256, 256)),
        dict(type='PoseMultiBranch', branch_field=_base_.semi_branches,
             unsup_teacher=[dict(type='WeakView', input_size=(256, 256))],
             unsup_student=[dict(type='StrongView', input_size=(256, 256))])])
