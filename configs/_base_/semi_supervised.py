# What every semi-supervised config shares. MMEngine refuses two bases that set the same key, and
# MMPose's configs set most of them, so these have names of their own: a config that inherits from
# one of MMPose's and from this file picks them up as `_base_.semi_…`.
custom_imports = dict(imports=['mmpose_mum'], allow_failed_imports=False)

# Time is counted in iterations. Teacher and student are both validated. Resuming is bit-exact.
semi_train_loop = dict(_delete_=True, type='ResumableTrainLoop')
semi_val_loop = dict(type='TeacherStudentOnePassValLoop')
semi_log_processor = dict(by_epoch=False)
semi_logger = dict(log_metric_by_epoch=False)  # else every validation is logged as step 0
semi_checkpoint = dict(
    type='SafeCheckpointHook', by_epoch=False, interval=5000, max_keep_ckpts=2)
# A NaN or infinite loss stops the run; the log warns of bad pseudo-labels.
semi_watch = [dict(type='LossGuardHook'), dict(type='PseudoLabelMonitorHook')]

# As many labeled as unlabeled people per batch.
semi_sampler = dict(type='SemiSupervisedSampler', source_ratio=[1, 1])
semi_train_dataloader = dict(
    batch_size=64, num_workers=4, persistent_workers=True, sampler=semi_sampler)

semi_wrapper = dict(
    _delete_=True,
    type='SemiSupervisedPoseEstimator',
    backbone=dict())  # empty: MMPose's init_model looks into it

# The method as `configs/pose_mum` trains it. What the paper's abstract leaves open follows MUM;
# burn-in, ramp-up and sites are our choice. There is no keypoint cutout: with mixing, it
# lowered the PCK on Leeds Sports.
semi_model = dict(semi_wrapper, unsup_weight=4., burn_in=5000, ramp_up=5000)
semi_hrnet_mix = dict(
    type='MixUnMix', sites=['input', 'stage2', 'stage3', 'stage4'], grid='auto', group_size=4)
semi_resnet_mix = dict(semi_hrnet_mix, sites=['input', 'layer1', 'layer2', 'layer3', 'layer4'])
semi_eman = dict(type='EMANHook', momentum=0.9996)
semi_optim_wrapper = dict(constructor='StudentOptimWrapperConstructor')

# old names, for one release
semi_branches = ['sup', 'unsup_teacher', 'unsup_student']
semi_burn_in = 5000
