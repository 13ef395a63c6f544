# Fewer and larger tiles, which do not divide the last map.
_base_ = '../pose_mum.py'

model = dict(mix_unmix=dict(grid=(2, 2)))
