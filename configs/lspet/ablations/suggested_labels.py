# Half of the labels are drawn, and `mmpose-mum suggest` has chosen the others by the teacher that
# those of the first half have trained. Pose-MUM with as many labels, all drawn, is its rival.
_base_ = '../pose_mum.py'

suggested_by = 'pose_mum'
