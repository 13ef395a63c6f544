# The benchmark of Semi_Human_Pose (Xie et al., ICCV 2021), here "SSHPE": 32 labeled and 32
# unlabeled people per batch, Adam at 1e-3, divided by 10 at two steps.
_base_ = './semi_coco.py'

# Iterations of a pass over the unlabeled people, all ~149,800 of train2017, 32 at a time.
semi_epoch = 149800 // 32
semi_adam = dict(type='Adam', lr=1e-3)
semi_steps = dict(type='MultiStepLR', gamma=0.1, by_epoch=False)
semi_1k = dict(
    max_iters=70 * semi_epoch,
    steps=dict(semi_steps, milestones=[50 * semi_epoch, 60 * semi_epoch]))
semi_5k = dict(
    max_iters=100 * semi_epoch,
    steps=dict(semi_steps, milestones=[70 * semi_epoch, 90 * semi_epoch]))

# The labeled people's only augmentation besides the flip; there is no half body. SSHPE rotates by
# a normal of 30° cut at 60°. MMPose's normal is cut at one standard deviation, so 60° here have
# about the same spread, 32°, and the same limits. The scale has the same limits, but less spread:
# 0.135 where SSHPE, which clips a normal, has 0.18.
semi_affine = dict(
    type='RandomBBoxTransform', shift_prob=0., scale_factor=(0.75, 1.25), rotate_factor=60.,
    rotate_prob=0.6)
# Ground-truth boxes and no flip test; this is MMPose's name of the visibility threshold.
semi_sshpe_metric = dict(nms_mode='oks_nms', nms_thr=0.9, keypoint_score_thr=0.2)

# TRAIN + WILD. `mmpose-mum detect` finds the boxes in data/coco/unlabeled2017. As in SSHPE, all
# in the file are used. For a json whose image_id is COCO's number, add
# ann_file='annotations/image_info_unlabeled2017.json'.
semi_wild = dict(
    _base_.semi_coco_unlabeled,
    data_prefix=dict(img='unlabeled2017/'),
    bbox_file='data/coco/person_detection_results/unlabeled2017_person.json',
    bbox_score_thr=0.,
    bbox_nms_thr=1.)
