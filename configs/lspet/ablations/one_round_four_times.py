# Pose-MUM with four times as many unlabeled images a step, in one round, next to `full_recipe.py`.
_base_ = '../pose_mum.py'

train_dataloader = dict(batch_size=160, sampler=dict(source_ratio=[1, 4]))
