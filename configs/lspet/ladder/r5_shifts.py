# The recipe without mixing and without erasing.
_base_ = '../no_mixing.py'

pipeline = _base_.labeled.pipeline
train_dataloader = dict(dataset=dict(
    labeled=dict(pipeline=pipeline[:6] + pipeline[7:]), strong=dict(erasing=None)))
