# Pose-MUM without erased patches, next to `ladder/r5_shifts.py`: does mixing bring more without it?
_base_ = '../ladder/r5_shifts.py'

model = dict(mix_unmix=dict(type='MixUnMix', sites=['input', 'layer1'], grid='auto'))
