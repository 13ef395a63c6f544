# Mean teacher (Tarvainen and Valpola, 2017) with 10,000 people labeled.
_base_ = ['../../pose_mum/res18_coco_10k.py', '../../_base_/semi_baselines.py']

eman = dict(_base_.custom_hooks[-1], **_base_.semi_mean_teacher_hook)
custom_hooks = _base_.custom_hooks[:-1] + [eman]
model = _base_.semi_mean_teacher
