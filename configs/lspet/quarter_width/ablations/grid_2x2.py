# Fewer and larger tiles.
_base_ = '../pose_mum.py'

model = dict(mix_unmix=dict(grid=(2, 2)))
