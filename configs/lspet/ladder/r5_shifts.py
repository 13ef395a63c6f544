# `r6_erasing` without erased patches.
_base_ = './r6_erasing.py'

pipeline = _base_.labeled.pipeline
train_dataloader = dict(dataset=dict(
    labeled=dict(pipeline=pipeline[:6] + pipeline[7:]), strong=dict(erasing=None)))
