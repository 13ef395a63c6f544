# With three keypoints cut out of the strong view.
_base_ = '../pose_mum.py'

model = dict(joint_cutout=dict(num_joints=3, half_size=(4, 8), jitter=4.))
