# More and smaller tiles.
_base_ = '../pose_mum.py'

model = dict(mix_unmix=dict(grid=(4, 4)))
