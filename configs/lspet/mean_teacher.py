# Mean teacher (Tarvainen and Valpola, 2017): the teacher averages weights, and normalizes each
# batch by its own statistics.
_base_ = './no_mixing.py'

custom_hooks = _base_.custom_hooks[:-1] + [dict(_base_.custom_hooks[-1], statistics='own')]
model = dict(teacher_mode='train')
