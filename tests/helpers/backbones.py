"""Small backbones of MMPose's with several outputs, for the tests of mixing."""

RESNET = dict(
    type='ResNet', depth=18, stem_channels=8, base_channels=8, out_indices=(0, 1, 2, 3))
HRNET = dict(
    type='HRNet',
    in_channels=3,
    extra=dict(
        stage1=dict(num_modules=1, num_branches=1, block='BASIC', num_blocks=(1, ),
                    num_channels=(8, )),
        stage2=dict(num_modules=1, num_branches=2, block='BASIC', num_blocks=(1, ) * 2,
                    num_channels=(4, 8)),
        stage3=dict(num_modules=1, num_branches=3, block='BASIC', num_blocks=(1, ) * 3,
                    num_channels=(4, 8, 8)),
        stage4=dict(num_modules=1, num_branches=4, block='BASIC', num_blocks=(1, ) * 4,
                    num_channels=(4, 8, 8, 8), multiscale_output=True)))
MOBILENET = dict(type='MobileNetV2', widen_factor=.25, out_indices=(1, 2, 4))
HOURGLASS = dict(
    type='HourglassNet', downsample_times=2, num_stacks=2, stage_channels=(256, 8, 8),
    stage_blocks=(1, 1, 1), feat_channel=8)
