# What makes another method out of a Pose-MUM config on COCO at 256×192: changes of its model, of
# its EMANHook, and of its views.
semi_mean_teacher = dict(mix_unmix=None)
semi_mean_teacher_hook = dict(statistics='copy')

semi_pose_cons = dict(mix_unmix=None, unsup_weight=1., burn_in=0, ramp_up=0)
semi_pose_cons_hook = dict(momentum=0.)  # the network itself, as it was a step ago
# SSHPE's views change no colors. Its hard one is the easy one and a second affine map upon it,
# which are a single, wider one here.
semi_affine_views = dict(weak=dict(rotate_factor=60.), strong=dict(photometric=None))
semi_pose_dual = dict(type='DualPoseEstimator', sup_weight=0.5)
