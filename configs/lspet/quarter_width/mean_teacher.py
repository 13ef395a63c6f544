# Mean teacher (Tarvainen and Valpola, 2017): no mixing, and the teacher averages weights alone.
_base_ = './pose_mum.py'

custom_hooks = _base_.custom_hooks[:-1] + [dict(_base_.custom_hooks[-1], statistics='copy')]
model = dict(mix_unmix=None)
