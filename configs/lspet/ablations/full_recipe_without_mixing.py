# The full recipe without mixing in either round, next to `full_recipe.py`.
_base_ = '../round2_no_mixing.py'

train_dataloader = dict(batch_size=160, sampler=dict(source_ratio=[1, 4]))
