# Half of the labels are drawn. The others are typical people, chosen by the teacher of the first.
_base_ = '../pose_mum.py'

suggested_by = 'pose_mum'
suggest_options = '--by typical'
