# What every semi-supervised config shares. MMEngine refuses two bases that set the same key, and
# MMPose's configs set most of them, so these have names of their own: a config that inherits from
# one of MMPose's and from this file picks them up as `_base_.semi_…`.
custom_imports = dict(imports=['mmpose_mum'], allow_failed_imports=False)

semi_branches = ['sup', 'unsup_teacher', 'unsup_student']

# Iterations are the unit of time; teacher and student are both validated.
semi_train_loop = dict(_delete_=True, type='IterBasedTrainLoop')
semi_val_loop = dict(type='mmdet.TeacherStudentValLoop')
semi_log_processor = dict(by_epoch=False)
semi_logger = dict(log_metric_by_epoch=False)  # else every validation is logged as step 0
semi_checkpoint = dict(by_epoch=False, interval=5000, max_keep_ckpts=2)

semi_train_dataloader = dict(
    batch_size=64,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='SemiSupervisedSampler', batch_size=64, source_ratio=[1, 1]))
