"""Small backbones and estimators with a MixUnMix, for the tests of the neck."""
import torch
from mmpose.registry import MODELS
from torch import nn

import mmpose_mum  # noqa: F401
from helpers.backbones import RESNET

SIZE = (64, 96)  # width, height
CPU = torch.device('cpu')
MAPPER = dict(
    type='ChannelMapper', in_channels=[8, 16, 32, 64], out_channels=8, kernel_size=1,
    norm_cfg=dict(type='BN'))


class Recorder(nn.Module):
    """A backbone of named stages that do nothing, and remember what entered them."""

    def __init__(self, stages=('first', 'second')):
        super().__init__()
        self.stages = stages
        for name in stages:
            self.add_module(name, nn.Conv2d(3, 3, 1, groups=3))
            nn.init.ones_(getattr(self, name).weight)
            nn.init.zeros_(getattr(self, name).bias)

    def forward(self, x):  # noqa: D102
        outputs = []
        for name in self.stages:
            x = getattr(self, name)(x)
            outputs.append(x)
        return tuple(outputs)


def neck_of(**kwargs):
    return MODELS.build(dict(type='MixUnMix', **{'grid': (2, 2), 'group_size': 2, **kwargs}))


def attached(backbone, **kwargs):
    """Builds a neck that knows its backbone, and mixes images of ``SIZE``."""
    neck = neck_of(**kwargs)
    neck.attach(backbone, SIZE)
    return neck


def images(batch=4, size=SIZE, **kwargs):
    shape = (batch, 3, size[1], size[0])
    return torch.rand(shape, generator=torch.Generator().manual_seed(0), **kwargs)


def make_pointwise(backbone):
    """Keeps the center of each convolution only, so that pixels do not see their neighbors."""
    for parent in backbone.modules():
        for name, module in parent.named_children():
            if isinstance(module, nn.MaxPool2d):
                setattr(parent, name, nn.MaxPool2d(1, module.stride))
            elif isinstance(module, nn.Conv2d):
                rows, cols = module.kernel_size
                center = module.weight.data[..., rows // 2, cols // 2].clone()
                module.weight.data.zero_()[..., rows // 2, cols // 2] = center * 3
            elif isinstance(module, nn.BatchNorm2d):
                module.running_mean.normal_(0, .1)
                module.weight.data.uniform_(.5, 1.5)
    backbone.double().eval()  # whose return value some of MMPose's backbones leave out
    return backbone


def drawn(neck, forwards=30, batch=4):
    """Returns the sites and permutations of some forwards."""
    result = []
    for _ in range(forwards):
        with neck.mixing(batch, CPU) as site:
            result.append((site, None if site is None else neck.permutation.tolist()))
    return result


def estimator(neck=None, mixed=False, **backbone):
    """Builds a small estimator of MMPose; ``mixed`` puts a MixUnMix before its neck."""
    if mixed:
        neck = dict(type='MixUnMix', sites=['input', 'layer2'], grid=(3, 2), group_size=2,
                    neck=neck)
    return MODELS.build(dict(
        type='TopdownPoseEstimator',
        data_preprocessor=dict(type='PoseDataPreprocessor'),
        backbone=dict(RESNET, **backbone),
        neck=neck,
        head=dict(
            type='HeatmapHead', in_channels=64 if neck is None or neck.get('neck', 1) is None
            else 8, out_channels=4, deconv_out_channels=None,
            loss=dict(type='KeypointMSELoss', use_target_weight=True),
            decoder=dict(type='MSRAHeatmap', input_size=SIZE, heatmap_size=(2, 3), sigma=1))))
