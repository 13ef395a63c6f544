# `r1_colors` with labeled images in their own colors: the settings of the first benchmark.
_base_ = './r1_colors.py'

pipeline = _base_.train_dataloader.dataset.labeled.pipeline
train_dataloader = dict(dataset=dict(labeled=dict(pipeline=pipeline[:5] + pipeline[6:])))
