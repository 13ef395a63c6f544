# The unlabeled images weigh as much as the labeled ones.
_base_ = '../pose_mum.py'

model = dict(unsup_weight=1.)
