# Pose-MUM with labels of which half are drawn and half are typical people.
_base_ = '../pose_mum.py'

suggested_by = 'pose_mum'
suggest_options = '--by typical'
