# EMAN teacher without mixing.
_base_ = '../pose_mum.py'

model = dict(mix_unmix=None)
