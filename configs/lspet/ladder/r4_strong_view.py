# `r5_shifts` without shifts: unlabeled people stay in the middle of both views.
_base_ = './r5_shifts.py'

train_dataloader = dict(dataset=dict(weak=dict(shift_prob=0.), strong=dict(shift_prob=0.)))
