# Tiles are exchanged between two images.
_base_ = '../pose_mum.py'

model = dict(mix_unmix=dict(group_size=2))
