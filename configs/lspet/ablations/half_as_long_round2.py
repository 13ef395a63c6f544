# A second round of Pose-MUM after a first one of half as many steps.
_base_ = '../round2_pose_mum.py'

first_round = 'half_as_long'
