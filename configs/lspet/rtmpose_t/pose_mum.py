# RTMPose-t on the same 200 labels and the other 1,800 images without theirs, with mixing.
_base_ = './no_mixing.py'

model = dict(mix_unmix=dict(type='MixUnMix', sites=['input', 'stage1'], grid='auto'))
