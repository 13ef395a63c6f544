# With three keypoints cut out of the strong view.
_base_ = '../pose_mum.py'

model = dict(keypoint_cutout=dict(num_keypoints=3, half_size=(4, 8), jitter=4.))
