# What makes another method out of a Pose-MUM config on COCO at 256×192: changes of its model, of
# its EMANHook, and of its views.
semi_mean_teacher = dict(mix_unmix=None, teacher_mode='train')
semi_mean_teacher_hook = dict(statistics='own')

# The cutout is the published one, in pixels of 256×192.
semi_pose_cons = dict(
    mix_unmix=None, teacher_mode='train', unsup_weight=1., burn_in=0, ramp_up=0,
    keypoint_cutout=dict(num_keypoints=5, half_size=(10, 20), jitter=10))
# The network itself, as it was a step ago.
semi_pose_cons_hook = dict(momentum=0., statistics='copy')
# SSHPE's views change no colors. Its hard view is a second affine map on top of the easy one;
# here it is a single, wider map.
semi_affine_views = dict(weak=dict(rotate_factor=60.), strong=dict(photometric=None))
semi_pose_dual = dict(type='DualPoseEstimator', sup_weight=0.5)
