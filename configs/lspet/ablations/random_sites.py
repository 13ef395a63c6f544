# Tiles are also mixed at the entrances of the later stages.
_base_ = '../pose_mum.py'

model = dict(mix_unmix=dict(sites=['input', 'layer1', 'layer2', 'layer3', 'layer4']))
