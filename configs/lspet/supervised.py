# Leeds Sports, supervised by the first 200 of 2,000 training images: what Pose-MUM must beat. It
# has the recipe's colors, erasing and average of weights. It overfits so few labels: twice
# as many steps do not make it better.
_base_ = '../_base_/small_lspet.py'

max_iters = 1500
train_cfg = dict(max_iters=max_iters, val_interval=250)
param_scheduler = [_base_.param_scheduler[0], dict(_base_.param_scheduler[1], T_max=max_iters)]
default_hooks = dict(checkpoint=dict(interval=500))  # a benchmark that stops goes on from there
# Weights and BatchNorm's statistics, as EMAN does for the teacher of the others.
custom_hooks = _base_.custom_hooks + [
    dict(type='EMAHook', ema_type='ExponentialMovingAverage', momentum=0.005, update_buffers=True)]
model = dict(head=dict(out_channels=14))
train_dataloader = dict(dataset=dict(pipeline=_base_.semi_recipe_pipeline))
