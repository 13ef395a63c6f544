# And with the usual view of the teacher.
_base_ = './r3_teacher_view.py'

train_dataloader = dict(dataset=dict(weak=dict(rotate_factor=30., scale_factor=(0.75, 1.25))))
