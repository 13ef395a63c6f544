# Tiles are exchanged among eight images.
_base_ = '../pose_mum.py'

model = dict(mix_unmix=dict(group_size=8))
