# Pose-MUM: the recipe, with tiles mixed at the input or the entrance of the first stage. Each of
# the 3×3 tiles is one pixel of the last stage's map.
_base_ = './no_mixing.py'

model = dict(mix_unmix=dict(type='MixUnMix', sites=['input', 'layer1'], grid='auto'))
