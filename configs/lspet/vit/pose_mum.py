# The small vision transformer on the same labels, its patches mixed; 4×4 tiles of 2×2 patches.
_base_ = './no_mixing.py'

model = dict(mix_unmix=dict(type='MixUnMix', sites=['input', 'layers.0'], grid='auto'))
