# The small vision transformer on the same 200 labels and the other 1,800 images without
# theirs, without mixing.
_base_ = ['../no_mixing.py', '../../_base_/small_vit.py']

optim_wrapper = dict(optimizer=_base_.semi_vit_optimizer)
# It learns more slowly than a ResNet, so its first targets come later.
model = dict(estimator=_base_.semi_vit_model, burn_in=600, ramp_up=300)
