"""Mixing sites of MMPose's backbones: what comes from behind each, and which cannot be mixed."""
import copy

import pytest
import torch
from mmpose.registry import MODELS
from torch import nn

import mmpose_mum  # noqa: F401
from helpers.backbones import HOURGLASS, HRNET, MOBILENET, RESNET
from mmpose_mum.functional.nested import map_tensors, tensors_of
from mmpose_mum.models.mixing.sites import inspect_site, site_module, trace
from mmpose_mum.models.mixing.tokens import Patches

CPM = dict(type='CPM', in_channels=3, out_channels=4, feat_channels=8, num_stages=3)
MSPN = dict(type='MSPN', unit_channels=8, num_stages=2, num_units=2, num_blocks=[1, 1])
SWIN = dict(
    type='SwinTransformer', embed_dims=8, depths=[1, 1, 1, 1], num_heads=[1, 1, 2, 2],
    window_size=2)
PVT = dict(
    type='PyramidVisionTransformerV2', embed_dims=8, num_layers=[1] * 4, num_heads=[1, 1, 2, 2])
SIZE = (64, 96)  # width, height


def outputs_behind_site(backbone, site, size, grid):
    modules = {site: site_module(backbone, site)}
    return inspect_site(trace(backbone, size, modules), site, grid).behind


def behind(config, site, grid=(2, 2), size=SIZE):
    return outputs_behind_site(MODELS.build(config), site, size, grid)


class ChannelsBehind(nn.Module):
    """Has a stage on maps (B, H, W, C), as Swin has elsewhere."""

    def __init__(self):
        super().__init__()
        self.embed, self.stage = nn.Conv2d(3, 32, 8, 8), nn.Linear(32, 32)

    def forward(self, x):  # noqa: D102
        return self.stage(self.embed(x).permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


def test_maps_in_another_order_are_refused():
    backbone = ChannelsBehind()
    assert outputs_behind_site(backbone, 'input', SIZE, (2, 2)) == [True]
    with pytest.raises(ValueError, match=r'of shape \(2, 12, 8, 32\) is no \(B, C, H, W\) feature'):
        outputs_behind_site(backbone, 'stage', SIZE, (2, 2))


@pytest.mark.parametrize('config, site, expected', [
    (RESNET, 'input', [True] * 4),
    (RESNET, 'conv1', [True] * 4),
    (RESNET, 'layer1', [True] * 4),
    (RESNET, 'layer2', [False, True, True, True]),
    (RESNET, 'layer3.0', [False, False, True, True]),
    (RESNET, 'layer4', [False, False, False, True]),
    (dict(RESNET, out_indices=(3, )), 'layer2', [True]),
    (dict(RESNET, type='ResNetV1d'), 'layer2', [False, True, True, True]),
    (HRNET, 'input', [True] * 4),
    (HRNET, 'layer1', [True] * 4),
    (HRNET, 'stage2', [True] * 4),
    (HRNET, 'stage3.0', [True] * 4),
    (HRNET, 'stage4', [True] * 4),
    (MOBILENET, 'input', [True] * 3),
    (MOBILENET, 'layer2', [True] * 3),
    (MOBILENET, 'layer3', [False, True, True]),
    (MOBILENET, 'layer5', [False, False, True]),
    (HOURGLASS, 'input', [True] * 2),
    (HOURGLASS, 'stem', [True] * 2),
    (HOURGLASS, 'hourglass_modules.0', None),
    (HOURGLASS, 'hourglass_modules.1', [False, True]),
    (CPM, 'input', [True] * 3),
    (CPM, 'cpm_stages.1', [False, False, True]),
    (MSPN, 'top', [True] * 4),
    (MSPN, 'multi_stage_mspn.1', [False, False, True, True]),
    (SWIN, 'patch_embed', [True] * 4),
    (SWIN, 'stages.1', [False, True, True, True]),
    (SWIN, 'stages.1.blocks.0', [False, True, True, True]),
    (PVT, 'layers.1.1.0', [False, True, True, True]),
    (PVT, 'layers.2.0', [False, False, True, True]),
])
def test_outputs_behind_a_site(config, site, expected):
    if expected is None:  # the second stack also sees the stem past the first one
        with pytest.raises(ValueError, match='depends on a path around it'):
            behind(config, site)
    else:
        assert behind(config, site) == expected


@pytest.mark.parametrize('config, site, reason', [
    (RESNET, 'layer2.0.conv1', 'output 1 also depends on a path around it'),
    (HRNET, 'stage3.0.branches.1', 'output 0 also depends on a path around it'),
    (CPM, 'stem', 'output 1 also depends on a path around it'),
    (CPM, 'cpm_stages.0', 'output 2 also depends on a path around it'),
    (HRNET, 'transition1', 'enters the site 0 times'),
    (MOBILENET, 'conv2', 'no output of the backbone depends on it'),
    (SWIN, 'stages.1.blocks.0.attn', 'output 1 also depends on a path around it'),
    (SWIN, 'stages.1.blocks.0.norm1', 'output 1 also depends on a path around it'),
])
def test_inconsistent_sites_are_refused_with_the_reason(config, site, reason):
    message = f"cannot mix {config['type']} at '{site}': .*{reason}"
    with pytest.raises(ValueError, match=message):
        behind(config, site)


def test_a_shared_module_and_a_keyword_argument_are_refused():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.shared = nn.Conv2d(3, 3, 1)
            self.by_keyword = nn.Conv2d(3, 3, 1)

        def forward(self, x):
            return self.by_keyword(input=self.shared(self.shared(x)))

    with pytest.raises(ValueError, match='enters the site 2 times'):
        outputs_behind_site(Twice(), 'shared', SIZE, (2, 2))
    with pytest.raises(ValueError, match='no tensor enters it as a positional argument'):
        outputs_behind_site(Twice(), 'by_keyword', SIZE, (2, 2))


@pytest.mark.parametrize('config, site, grid, size', [
    (RESNET, 'input', (4, 2), r'\(3, 2\)'),  # the last output is the smallest
    (RESNET, 'layer4', (2, 3), r'\(3, 2\)'),
    (dict(RESNET, out_indices=(0, )), 'input', (4, 17), r'\(24, 16\)'),
    (HRNET, 'stage2', (2, 3), r'\(3, 2\)'),
])
def test_a_grid_too_fine_for_a_map_names_the_site_and_the_sizes(config, site, grid, size):
    message = rf"at '{site}': a grid of \({grid[0]}, {grid[1]}\) .* feature map of {size} .* 96×64"
    with pytest.raises(ValueError, match=message):
        behind(config, site, grid)


class Tokens(nn.Module):
    """Patches of 8 pixels with a class token before them, and one layer, which returns `output`."""

    def __init__(self, output, extra=1, rows=8, cols=8):
        super().__init__()
        self.embed = nn.Conv2d(3, 4, (rows, cols), (rows, cols))
        self.extra = nn.Parameter(torch.zeros(1, extra, 4))
        self.layer = nn.Linear(4, 4)
        self.output = output

    def forward(self, x):  # noqa: D102
        x = self.embed(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.extra.expand(len(x), -1, -1), x], 1)
        return self.output(self.layer(x))


def test_the_patches_of_what_enters_and_comes_out_are_found():
    def site(backbone, name):
        traced = trace(backbone, SIZE, {name: site_module(backbone, name)})
        return inspect_site(traced, name, (3, 2))

    with_class, without = Patches(1, 12, 8), Patches(0, 12, 8)
    backbone = Tokens(lambda x: (x, x[:, 1:], x[:, 1:].transpose(1, 2).unflatten(2, (12, 8))))
    assert site(backbone, 'layer') == ([with_class], [True] * 3, [with_class, without, None])
    assert site(backbone, 'input') == ([None], [True] * 3, [with_class, without, None])
    swin = MODELS.build(SWIN)
    assert site(swin, 'stages.0').entering == [Patches(0, 24, 16)]
    assert site(swin, 'stages.1.blocks.0').leaving == [None] * 4


@pytest.mark.parametrize('output, options, reason', [
    (lambda x: x[:, 0], {}, r'shape \(2, 4\) are not \(B, C, H, W\) feature maps or \(B, L, C\)'),
    (lambda x: x.flatten(0, 1), {}, r'shape \(194, 4\) are not'),
    (lambda x: x.reshape(4, -1, 4), dict(extra=0), r'shape \(4, 48, 4\) are not'),
    (lambda x: x, dict(rows=8, cols=4), r'the 193 tokens of shape \(2, 193, 4\) are no grid of pa'),
    (lambda x: x, dict(extra=59), 'the 155 tokens .* no grid of patches .* of 96×64'),
    (lambda x: x, dict(rows=32, cols=32, extra=0), r'map of \(3, 2\) \(height, width\)'),
])
def test_what_is_of_no_grid_of_patches_is_refused(output, options, reason):
    with pytest.raises(ValueError, match='cannot mix Tokens at .*' + reason):
        outputs_behind_site(Tokens(output, **options), 'layer', SIZE, (4, 2))


def test_outputs_before_the_site_may_be_smaller_than_the_grid():
    class Pooled(nn.Module):
        def __init__(self):
            super().__init__()
            self.stage = nn.Conv2d(3, 3, 1)

        def forward(self, x):
            return nn.functional.adaptive_avg_pool2d(x, 1), self.stage(x)

    assert outputs_behind_site(Pooled(), 'stage', SIZE, (4, 4)) == [False, True]


@pytest.mark.parametrize('site', ['layer5', 'layer2.7', '', 'Layer2', 'layer2.'])
def test_an_unknown_site_lists_the_valid_ones(site):
    with pytest.raises(ValueError) as error:
        behind(RESNET, site)
    message = str(error.value)
    assert f'ResNet has no stage {site!r}' in message
    for name in ("'input'", 'conv1', 'layer1', 'layer2.0', 'layer4'):
        assert name in message
    assert 'layer2.0.conv1' not in message and 'relu' not in message  # not an endless list


def test_every_listed_name_is_found():
    backbone = MODELS.build(RESNET)
    with pytest.raises(ValueError) as error:
        site_module(backbone, 'nope')
    names = str(error.value).rpartition('submodules: ')[2].split(', ')
    modules = dict(backbone.named_modules())
    assert len(names) > 8
    assert all(site_module(backbone, name) is modules[name] for name in names)
    assert site_module(backbone, 'input') is backbone


def test_a_site_may_start_with_a_layer_that_works_in_place():
    assert behind(RESNET, 'relu') == [True] * 4


def test_activation_checkpointing_does_not_matter_at_its_entrance():
    assert behind(dict(RESNET, with_cp=True), 'layer2') == [False, True, True, True]
    assert behind(dict(HRNET, with_cp=True), 'stage3') == [True] * 4
    assert behind(dict(MOBILENET, with_cp=True), 'layer3.0') == [False, True, True]


def test_a_site_inside_activation_checkpointing_is_refused():
    # In the backward pass its forward would run without mixing, and give wrong gradients.
    assert behind(MOBILENET, 'layer3.0.conv') == [False, True, True]
    with pytest.raises(ValueError, match=r"inside 'layer3.0'.*with_cp or use_checkpoint"):
        behind(dict(MOBILENET, with_cp=True), 'layer3.0.conv')


@pytest.mark.parametrize('training', [True, False])
def test_the_backbone_is_left_as_it_was(training):
    backbone = MODELS.build(dict(RESNET, with_cp=True, norm_eval=True))
    backbone.train(training)
    before = {name: value.clone() for name, value in backbone.state_dict().items()}
    modes = [module.training for module in backbone.modules()]
    places = [p.data_ptr() for p in backbone.parameters()]
    torch.manual_seed(0)
    expected = torch.rand(2)
    torch.manual_seed(0)
    outputs_behind_site(backbone, 'layer2', SIZE, (2, 2))
    with pytest.raises(ValueError):
        outputs_behind_site(backbone, 'layer2', SIZE, (9, 9))
    assert torch.equal(torch.rand(2), expected)  # no random number was drawn
    after = backbone.state_dict()
    assert all(torch.equal(after[name], value) for name, value in before.items())
    assert [module.training for module in backbone.modules()] == modes
    assert [p.data_ptr() for p in backbone.parameters()] == places
    assert all(p.requires_grad and p.grad is None for p in backbone.layer2.parameters())
    assert all(not module._forward_pre_hooks for module in backbone.modules())
    assert backbone.layer2[0].with_cp


def test_a_frozen_backbone_is_analyzed_too():
    backbone = MODELS.build(RESNET).requires_grad_(False)
    assert outputs_behind_site(backbone, 'layer2', SIZE, (2, 2)) == [False, True, True, True]


def test_a_site_is_analyzed_where_gradients_are_off():
    with torch.no_grad():
        assert behind(RESNET, 'layer2') == [False, True, True, True]


def test_a_backbone_on_the_meta_device_is_analyzed_too():
    backbone = MODELS.build(RESNET).to('meta')
    assert outputs_behind_site(backbone, 'layer3', SIZE, (2, 2)) == [False, False, True, True]


class KeepsATensor(nn.Module):
    """Keeps a tensor of evaluation mode beside its parameters, as LeViT does, and reads a value."""

    def __init__(self):
        super().__init__()
        self.stem, self.stage = nn.Conv2d(3, 4, 8, 8), nn.Conv2d(4, 4, 1)
        self.biases = nn.Parameter(torch.zeros(4, 1, 1))

    def train(self, mode=True):  # noqa: D102
        super().train(mode)
        if mode and hasattr(self, 'kept'):
            del self.kept
        elif not mode:
            self.kept = self.biases * 2
        return self

    def forward(self, x):  # noqa: D102
        stem = self.stem(x)
        assert float(stem.detach().sum()) < 1e9
        return stem, self.stage(stem) + self.kept


def test_a_backbone_that_cannot_run_on_the_meta_device_is_analyzed_too():
    backbone = KeepsATensor()
    assert outputs_behind_site(backbone, 'stage', SIZE, (2, 2)) == [False, True]
    copy.deepcopy(backbone)  # which a kept tensor would not let through
    with pytest.raises(ValueError, match='does not fit a feature map'):
        outputs_behind_site(backbone, 'stage', SIZE, (13, 2))


def test_the_error_of_a_backbone_that_cannot_run_at_all_is_its_own():
    with pytest.raises(RuntimeError, match='to have 5 channels, but got 3'):
        backbone = nn.Sequential(nn.Conv2d(5, 4, 8, 8))
        trace(backbone, SIZE, {'input': backbone})


def test_a_backbone_of_another_precision_is_analyzed_too():
    backbone = MODELS.build(RESNET).double()
    assert outputs_behind_site(backbone, 'layer3', SIZE, (2, 2)) == [False, False, True, True]
    assert backbone.conv1.weight.dtype == torch.float64


def test_nested_values_keep_their_structure():
    a, b, c = (torch.full((1, ), float(i)) for i in range(3))
    value = ([a, (b, 'text', None)], {'key': c, 'number': 3})
    mapped = map_tensors(lambda x: x + 1, value)
    assert [x.item() for x in tensors_of(mapped)] == [1, 2, 3]
    assert isinstance(mapped, tuple) and isinstance(mapped[0][1], tuple)
    assert mapped[0][1][1:] == ('text', None) and mapped[1]['number'] == 3
    assert [x is y for x, y in zip(tensors_of(value), (a, b, c))] == [True] * 3


@pytest.mark.parametrize('channels', [1, 3])
def test_a_convolution_of_few_channels_behind_the_stem_is_not_taken_for_it(channels):
    class Attention(nn.Module):  # as CBAM's, of the mean and the maximum over the channels
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(2, 1, 7, padding=3)

        def forward(self, x):
            return x * self.conv(torch.cat([x.mean(1, True), x.amax(1, True)], 1))

    backbone = nn.Sequential(nn.Conv2d(channels, 8, 3), Attention())
    assert outputs_behind_site(backbone, 'input', SIZE, (2, 2)) == [True]
