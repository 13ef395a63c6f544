# MUM (Kim et al., CVPR 2022) with an EMAN teacher: tiles are mixed at the input only.
_base_ = './pose_mum.py'

model = dict(mix_unmix=dict(sites=['input']))
