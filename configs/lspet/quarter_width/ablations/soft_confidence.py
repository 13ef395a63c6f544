# Each keypoint counts by the teacher's score.
_base_ = '../pose_mum.py'

model = dict(confidence=dict(mode='soft'))
