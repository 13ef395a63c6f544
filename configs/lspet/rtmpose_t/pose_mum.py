# RTMPose-t on the same 200 labels, made better by the other 1,800 images without theirs.
_base_ = './no_mixing.py'

model = dict(mix_unmix=dict(type='MixUnMix', sites=['input', 'stage1'], grid='auto'))
