# What every semi-supervised config shares. MMEngine refuses two bases that set the same key, and
# MMPose's configs set most of them, so these have names of their own: a config that inherits from
# one of MMPose's and from this file picks them up as `_base_.semi_…`.
custom_imports = dict(imports=['mmpose_mum'], allow_failed_imports=False)

semi_branches = ['sup', 'unsup_teacher', 'unsup_student']

# The datasets of a batch differ in these entries of their metainfo, harmlessly.
semi_ignore_keys = ['CLASSES', 'dataset_name']

semi_train_loop = dict(type='IterBasedTrainLoop')
semi_val_loop = dict(type='mmdet.TeacherStudentValLoop')

# An iteration is the unit of time, and the teacher's metric tells the best checkpoint.
semi_log_processor = dict(type='LogProcessor', window_size=50, by_epoch=False)
semi_checkpoint = dict(type='CheckpointHook', by_epoch=False, max_keep_ckpts=2, rule='greater')
