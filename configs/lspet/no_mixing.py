# The recipe without mixing: an EMAN teacher makes the targets of the other 1,800 images.
_base_ = './supervised.py'

max_iters = 5000
train_cfg = dict(max_iters=max_iters, val_interval=500)
val_cfg = _base_.semi_val_loop
param_scheduler = [_base_.param_scheduler[0], dict(_base_.param_scheduler[1], T_max=max_iters)]
optim_wrapper = dict(constructor='StudentOptimWrapperConstructor')
# The teacher is the average: EMAHook goes.
custom_hooks = _base_.custom_hooks[:-1] + _base_.semi_watch + [
    dict(type='HiddenLabelHook'), dict(type='EMANHook', momentum=0.995)]

model = dict(
    _base_.semi_wrapper, estimator=_base_.model, unsup_weight=4., burn_in=400, ramp_up=200)

# The labels of the unlabeled images are known, and only looked at to judge the teacher.
labeled = _base_.train_dataloader.dataset
unlabeled = dict(
    data_root=labeled.data_root, ann_file=labeled.ann_file, data_prefix=labeled.data_prefix,
    indices=-1800, keep_hidden=True)
train_dataloader = dict(
    batch_size=64, sampler=dict(_base_.semi_sampler, _delete_=True),
    dataset=dict(
        _base_.semi_dataset, _delete_=True, labeled=labeled, unlabeled=unlabeled,
        **_base_.semi_recipe_views))
