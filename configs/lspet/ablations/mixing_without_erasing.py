# Pose-MUM without erased boxes, next to `ladder/r5_shifts.py`: does mixing bring more without them?
_base_ = '../ladder/r5_shifts.py'

model = dict(mix_unmix=dict(type='MixUnMix', sites=['input', 'layer1'], grid='auto'))
