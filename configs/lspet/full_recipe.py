# The full recipe: the second round of Pose-MUM with four times as many unlabeled images a step.
_base_ = './round2_pose_mum.py'

train_dataloader = dict(batch_size=160, sampler=dict(source_ratio=[1, 4]))
