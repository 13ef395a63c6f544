# The unlabelled images weigh as much as the labelled ones.
_base_ = '../pose_mum.py'

model = dict(unsup_weight=1.)
