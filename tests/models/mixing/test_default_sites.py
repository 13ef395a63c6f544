"""Default sites of MMPose's backbones: which they are, and that mixing there is undone."""
import pytest
import torch
from mmpose.registry import MODELS
from torch import nn

import mmpose_mum  # noqa: F401
from helpers.backbones import HOURGLASS, HRNET, MOBILENET, RESNET
from mmpose_mum.functional.nested import tensors_of
from mmpose_mum.models.mixing.default_sites import default_sites

SIZE = (64, 96)  # width, height
LAYERS = ['input', 'layer1', 'layer2', 'layer3', 'layer4']
STAGES = ['input', 'layer1', 'stage2', 'stage3', 'stage4']
LITE = dict(
    num_stages=3, with_head=True, stem=dict(stem_channels=8, out_channels=8, expand_ratio=1),
    stages_spec=dict(
        num_modules=(1, 1, 1), num_branches=(2, 3, 4), num_blocks=(1, 1, 1),
        module_type=('LITE', ) * 3, with_fuse=(True, ) * 3, reduce_ratios=(4, 4, 4),
        num_channels=((8, 16), (8, 16, 32), (8, 16, 32, 64))))
FORMER = dict(
    drop_path_rate=.1, with_rpe=True,
    stage1=dict(num_modules=1, num_branches=1, block='BOTTLENECK', num_blocks=(1, ),
                num_channels=(8, ), num_heads=[1], mlp_ratios=[2]),
    **{f'stage{n}': dict(
        num_modules=1, num_branches=n, block='HRFORMERBLOCK', num_blocks=(1, ) * n,
        num_channels=(4, 8, 8, 8)[:n], num_heads=[1] * n, mlp_ratios=[2] * n,
        window_sizes=[3] * n) for n in (2, 3, 4)})
VIT = dict(
    type='mmpretrain.VisionTransformer', img_size=(96, 64), patch_size=8, out_type='featmap',
    arch=dict(embed_dims=16, num_layers=8, num_heads=2, feedforward_channels=16))
PYRAMID = dict(embed_dims=8, num_layers=[1, 2, 1, 1], num_heads=[1, 1, 2, 2])
STACKS = dict(unit_channels=8, num_units=3, num_blocks=[1, 1, 1])

# Of every backbone that MMPose's top-down configs use, small.
BACKBONES = {
    'ResNet': (RESNET, LAYERS),
    'ResNetV1d': (dict(RESNET, type='ResNetV1d'), LAYERS),
    'ResNeXt': (dict(type='ResNeXt', depth=50, groups=2, width_per_group=4, stem_channels=8,
                     base_channels=8), LAYERS),
    'SEResNet': (dict(type='SEResNet', depth=50), LAYERS),
    'ResNeSt': (dict(type='ResNeSt', depth=50, stem_channels=8), LAYERS),
    'SCNet': (dict(type='SCNet', depth=50), LAYERS),
    'HRNet': (HRNET, STAGES),
    'HRFormer': (dict(type='HRFormer', extra=FORMER, norm_cfg=dict(type='BN')), STAGES),
    'LiteHRNet': (dict(type='LiteHRNet', extra=LITE),
                  ['input', 'stage0', 'stage1', 'stage2', 'head_layer']),
    'CSPNeXt': (dict(type='CSPNeXt', deepen_factor=.17, widen_factor=.125),
                ['input', 'stage1', 'stage2', 'stage3', 'stage4']),
    'MobileNetV2': (MOBILENET, ['input', 'layer1', 'layer3', 'layer4', 'layer5']),
    'ShuffleNetV1': (dict(type='ShuffleNetV1'), ['input', 'layers.0', 'layers.1', 'layers.2']),
    'ShuffleNetV2': (dict(type='ShuffleNetV2', widen_factor=.5),
                     ['input', 'layers.0', 'layers.1', 'layers.2']),
    'ViPNAS_ResNet': (dict(type='ViPNAS_ResNet', depth=50), LAYERS),
    'ViPNAS_MobileNetV3': (dict(type='ViPNAS_MobileNetV3'),
                           ['input', 'layer1', 'layer3', 'layer7', 'layer11']),
    'AlexNet': (dict(type='AlexNet'),
                ['input', 'features.3', 'features.6', 'features.8', 'features.10']),
    'VGG': (dict(type='VGG', depth=11, norm_cfg=dict(type='BN')),
            ['input', 'features.2', 'features.4', 'features.7', 'features.10']),
    'CPM': (dict(type='CPM', in_channels=3, out_channels=4, feat_channels=8, num_stages=2),
            ['input', 'cpm_stages.0']),
    'HourglassNet': (dict(HOURGLASS, num_stacks=1), ['input', 'stem.1', 'hourglass_modules.0']),
    'two hourglasses': (HOURGLASS, ['input', 'stem.1', 'inters.0', 'hourglass_modules.1']),
    'MSPN': (dict(STACKS, type='MSPN', num_stages=2),
             ['input', 'multi_stage_mspn.0', 'multi_stage_mspn.1']),
    'RSN': (dict(STACKS, type='RSN', num_stages=2),
            ['input', 'multi_stage_rsn.0', 'multi_stage_rsn.1']),
    'SwinTransformer': (
        dict(type='SwinTransformer', embed_dims=8, depths=[1, 2, 1, 1], num_heads=[1, 1, 2, 2],
             window_size=3), ['input', 'stages.0', 'stages.1', 'stages.2', 'stages.3']),
    'PyramidVisionTransformer': (
        dict(PYRAMID, type='PyramidVisionTransformer', pretrain_img_size=64),
        ['input', *(f'layers.{i}.1.1' for i in range(4))]),
    'PyramidVisionTransformerV2': (
        dict(PYRAMID, type='PyramidVisionTransformerV2'),
        ['input', *(f'layers.{i}.1.0' for i in range(4))]),
    'VisionTransformer': (
        dict(VIT, with_cls_token=False),
        ['input', 'layers.0', 'layers.2', 'layers.4', 'layers.6']),
    'with class token': (VIT, ['input', 'layers.0', 'layers.2', 'layers.4', 'layers.6']),
}
SIZES = {'AlexNet': (128, 192), 'MSPN': (64, 64), 'RSN': (64, 64), 'SCNet': (128, 128)}


def built(name, **changes):
    config = dict(BACKBONES[name][0], **changes)
    if config['type'].startswith('mmpretrain.'):
        pytest.importorskip('mmpretrain.models')
    torch.manual_seed(0)
    return MODELS.build(config), SIZES.get(name, SIZE)


@pytest.mark.parametrize('name', BACKBONES)
def test_default_sites_and_that_mixing_there_is_undone(name):
    backbone, size = built(name)
    grid = (2, 2)
    sites = default_sites(backbone, size, grid)
    assert sites == BACKBONES[name][1]
    assert default_sites(backbone, size, grid) == sites

    neck = MODELS.build(dict(type='MixUnMix', sites=sites, grid=grid, group_size=2))
    neck.attach(backbone, size)
    images = torch.randn(2, 3, size[1], size[0], generator=torch.Generator().manual_seed(0))
    swapped = torch.tensor([1, 0]).view(2, 1, 1).expand(2, *grid)
    exchanged = torch.tensor([[[0, 1], [1, 1]], [[1, 0], [0, 0]]])
    backbone.eval()
    with torch.no_grad():
        expected = tensors_of(backbone(images))
        for i, site in enumerate(sites):
            if name == 'with class token' and i > 1:
                break  # it has no place, and stays behind with what it has seen so far
            behind = neck._inspected[site].behind
            neck._site_probs = torch.tensor([float(j == i) for j in range(len(sites))])
            with neck.mixing(2, images.device):
                # Where all cells of two images change places, no pixel gets another neighbor.
                neck.permutation = swapped
                raw = backbone(images)
                unmixed = tensors_of(neck(raw))
            for is_behind, r, u, e in zip(behind, tensors_of(raw), unmixed, expected):
                close = (e - e.flip(0)).abs().max() / 1000
                assert ((e.flip(0) if is_behind else e) - r).abs().max() < close
                assert (u - e).abs().max() < close
            assert any(behind) and len(behind) == len(expected)
        neck._site_probs = torch.tensor([1.] + [0.] * (len(sites) - 1))
        with neck.mixing(2, images.device):
            neck.permutation = exchanged
            unmixed = tensors_of(neck(backbone(images)))
        assert not any(torch.equal(u, e) for u, e in zip(unmixed, expected))  # other neighbors


@pytest.mark.parametrize('limit', [1, 2, 3, 4])
def test_fewer_sites(limit):
    for name in ('ResNet', 'SwinTransformer', 'VGG', 'CPM', 'PyramidVisionTransformerV2'):
        backbone, size = built(name)
        sites = default_sites(backbone, size, (2, 2), limit)
        assert sites[0] == 'input' and len(set(sites)) == len(sites) <= limit
        assert len(sites) == min(limit, len(BACKBONES[name][1]))


def test_the_backbone_is_left_as_it_was():
    backbone, size = built('ResNet', with_cp=True, frozen_stages=1)
    backbone.train()
    before = {name: value.clone() for name, value in backbone.state_dict().items()}
    modes = [module.training for module in backbone.modules()]
    default_sites(backbone, size, (2, 2))
    assert all(torch.equal(value, before[name]) for name, value in backbone.state_dict().items())
    assert [module.training for module in backbone.modules()] == modes
    assert not any(module._forward_pre_hooks for module in backbone.modules())
    assert backbone.layer2[0].with_cp
    assert all(p.requires_grad and p.grad is None for p in backbone.layer2.parameters())


def test_what_the_input_refuses_is_refused():
    backbone, size = built('ResNet')
    with pytest.raises(ValueError, match=r"ResNet at 'input': a grid of \(4, 4\) .* does not fit"):
        default_sites(backbone, size, (4, 4))
    with pytest.raises(ValueError, match=r"at 'input': tensors of shape \(2, 16\) are not"):
        if pytest.importorskip('mmpretrain.models'):
            default_sites(MODELS.build(dict(VIT, out_type='cls_token')), SIZE, (2, 2))


class Stages(nn.Module):
    """Stages of two 3×3 convolutions one after the other, with strides and some more oddities."""

    def __init__(self, strides, kernel_size=3):
        super().__init__()
        padding = kernel_size // 2
        self.stem = nn.Conv2d(3, 3, 3, padding=1)
        self.stages = nn.ModuleList(nn.Sequential(
            nn.Conv2d(3, 3, kernel_size, padding=padding),
            nn.Conv2d(3, 3, kernel_size, abs(stride), padding),
            nn.Upsample(scale_factor=2 if stride < 0 else 1)) for stride in strides)
        self.unused = nn.Sequential(nn.Conv2d(3, 3, 3), nn.Conv2d(3, 3, 3))

    def forward(self, x):  # noqa: D102
        x = self.stem(x)
        for stage in self.stages:
            x = stage(x)
        return x


def chosen(*strides, grid=(2, 2), **kwargs):
    """Returns the numbers of the stages that are chosen."""
    sites = default_sites(Stages(strides, **kwargs), SIZE, grid)
    assert sites[0] == 'input'
    return [int(site.rpartition('.')[2]) for site in sites[1:]]


def test_each_new_resolution_first_then_an_even_spread():
    assert chosen(*[1] * 12) == [0, 3, 6, 9]
    assert chosen(*[1] * 3) == [0, 1, 2]
    assert chosen(1, 1, 1, 1, 1, 2, 1) == [0, 2, 4, 6]
    assert chosen(2, 1, 2, 1, 2, 1, 2, 1) == [1, 3, 5, 7]
    assert chosen(2, 1, 1, 1, 2, 1, 1, 1) == [0, 1, 3, 5]
    assert chosen(2, 2, 2, 2, 1, 1) == [1, 2, 3, 4]


class Bottleneck(Stages):
    """Comes down to maps smaller than those it returns."""

    def forward(self, x):  # noqa: D102
        x = self.stages[0](self.stem(x))
        small = self.stages[1](nn.functional.adaptive_avg_pool2d(x, 2))
        return nn.functional.interpolate(small, (24, 16))


def test_stages_of_maps_smaller_than_the_grid_are_left_out():
    backbone = Bottleneck([1, 1])
    assert default_sites(backbone, SIZE, (2, 2)) == ['input', 'stages.0', 'stages.1']
    assert default_sites(backbone, SIZE, (3, 2)) == ['input', 'stages.0']


def test_where_no_pixel_sees_another_one_is_nothing_to_mix():
    assert chosen(2, 1, 2, kernel_size=1) == []
