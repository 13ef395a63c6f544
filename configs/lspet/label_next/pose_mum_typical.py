# Pose-MUM on 200 labels, say: 100 are drawn, and 100 are typical people that `suggest` has chosen.
_base_ = '../pose_mum.py'

suggested_by = 'pose_mum'
suggest_options = '--by typical'
