# `r4_strong_view` with the student's view of the first benchmark.
_base_ = './r4_strong_view.py'

train_dataloader = dict(dataset=dict(strong=dict(
    rotate_factor=60., scale_factor=(0.65, 1.35), photometric=dict(num_ops=2, magnitude=0.7))))
