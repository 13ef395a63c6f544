# And unlabeled people always in the middle of their views.
_base_ = './r5_shifts.py'

train_dataloader = dict(dataset=dict(weak=dict(shift_prob=0.), strong=dict(shift_prob=0.)))
