# Pose-MUM with labels of which half are chosen by the first half's teacher.
_base_ = '../pose_mum.py'

suggested_by = 'pose_mum'
