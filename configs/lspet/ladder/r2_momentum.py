# `r3_teacher_view` with the teacher's view of the first benchmark.
_base_ = './r3_teacher_view.py'

train_dataloader = dict(dataset=dict(weak=dict(rotate_factor=30., scale_factor=(0.75, 1.25))))
