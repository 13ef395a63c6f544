"""The MixUnMix neck mixes at the drawn site, puts every cell back, and else is not there."""
import pytest
import torch
from backbones import HOURGLASS, HRNET, MOBILENET, RESNET
from mixing_models import CPU, Recorder, attached, images, make_pointwise
from mmpose.registry import MODELS
from torch import nn

from mmpose_mum.functional.tiles import mix_tiles
from mmpose_mum.models.mixing_sites import tensors_of

# Windows of one patch attend to nothing else, and patches are merged by cells that tiles keep.
SWIN = dict(
    type='SwinTransformer', embed_dims=8, depths=[1, 2, 1, 1], num_heads=[1, 1, 2, 2],
    window_size=1)


class Tokens(nn.Module):
    """Patches of 8 pixels, tokens before them, and layers that look at single tokens."""

    def __init__(self, extra=0):
        super().__init__()
        self.embed = nn.Conv2d(3, 4, 8, 8)
        self.extra = nn.Parameter(torch.rand(1, extra, 4))
        self.layers = nn.ModuleList(
            nn.Sequential(nn.LayerNorm(4), nn.Linear(4, 4)) for _ in range(3))

    def forward(self, x):  # noqa: D102
        maps = self.embed(x)
        x = torch.cat([self.extra.expand(len(x), -1, -1), maps.flatten(2).transpose(1, 2)], 1)
        outputs = []
        for layer in self.layers:
            x = layer(x)
            outputs.append(x)
        patches = x[:, self.extra.shape[1]:]
        return outputs, patches.transpose(1, 2).reshape(maps.shape)


@pytest.mark.parametrize('config, sites', [
    (RESNET, ('input', 'conv1', 'layer1', 'layer2', 'layer3.0', 'layer4')),
    (dict(RESNET, out_indices=(3, )), ('input', 'layer3')),
    (HRNET, ('input', 'layer1', 'stage2', 'stage3.0', 'stage4')),
    (MOBILENET, ('input', 'layer1', 'layer2', 'layer4')),
    (HOURGLASS, ('input', 'stem', 'hourglass_modules.1')),
    (SWIN, ('input', 'patch_embed', 'stages.0', 'stages.1', 'stages.1.blocks.1', 'stages.3')),
])
@pytest.mark.parametrize('layout', [torch.contiguous_format, torch.channels_last])
def test_unmixing_is_exact_at_every_site_of_pointwise_networks(config, sites, layout):
    torch.manual_seed(0)
    backbone = make_pointwise(MODELS.build(config)).to(memory_format=layout)
    x = images(dtype=torch.float64).contiguous(memory_format=layout)
    with torch.no_grad():
        expected = tensors_of(backbone(x))
        for site in sites:
            # Where a map's size is divisible by the grid, so is every larger one, and strides
            # keep the cells.
            neck = attached(backbone, sites=[site], grid=(3, 2), group_size=4)
            with neck.mixing(len(x), x.device):
                raw = backbone(x)
                unmixed = tensors_of(neck(raw))
            raw = tensors_of(raw)
            assert len(unmixed) == len(expected)
            for u, e in zip(unmixed, expected):
                torch.testing.assert_close(u, e, rtol=1e-9, atol=1e-9)
            mixed = [not torch.allclose(r, e) for r, e in zip(raw, expected)]
            assert mixed == neck._inspected[site].behind and any(mixed)


@pytest.mark.parametrize('extra', [0, 1, 3])
@pytest.mark.parametrize('site, behind', [
    ('input', [True] * 4), ('layers.0', [True] * 4), ('layers.2', [False, False, True, True])])
def test_unmixing_is_exact_for_tokens_and_leaves_extra_ones_alone(site, behind, extra):
    torch.manual_seed(0)
    backbone, x = Tokens(extra).double(), images(dtype=torch.float64)
    neck = attached(backbone, sites=[site], grid=(3, 2), group_size=4)
    expected = tensors_of(backbone(x))
    with neck.mixing(len(x), CPU):
        raw = backbone(x)
        unmixed = neck(raw)
    assert isinstance(unmixed, tuple) and isinstance(unmixed[0], list)
    weights = torch.rand(4, 96 + extra, 4, dtype=torch.float64)
    for r, u, e, is_behind in zip(tensors_of(raw), tensors_of(unmixed), expected, behind):
        torch.testing.assert_close(u, e)
        assert torch.allclose(r, e) != is_behind
        if r.ndim == 3:
            torch.testing.assert_close(r[:, :extra], e[:, :extra])
            gradients = [torch.autograd.grad(
                (o * weights).sum(), backbone.parameters(), retain_graph=True, allow_unused=True)
                for o in (u, e)]
            torch.testing.assert_close(*[[g for g in gs if g is not None] for gs in gradients])
            assert gradients[0][1] is not None  # of the patch embedding


def test_tokens_of_another_input_size_than_announced_are_refused():
    backbone = Tokens()
    neck = attached(backbone, sites=['layers.0'])
    with neck.mixing(4, CPU), pytest.raises(RuntimeError, match=r'\(4, 16, 4\) are not the 12×8'):
        backbone(images(4, (32, 32)))
    assert backbone(images(4, (32, 32)))[1].shape == (4, 4, 4, 4)


def test_the_backbone_sees_mixed_cells_behind_the_site_only():
    backbone, x = Recorder(), images()
    for site, mixed in (('input', [True, True]), ('first', [True, True]),
                        ('second', [False, True])):
        neck = attached(backbone, sites=[site], grid=(3, 2), group_size=4)
        with neck.mixing(len(x), CPU) as drawn:
            permutation = neck.permutation
            outputs = backbone(x)
            unmixed = neck(outputs)
        assert drawn == site
        for output, is_mixed, restored in zip(outputs, mixed, unmixed):
            assert torch.equal(output, mix_tiles(x, permutation) if is_mixed else x)
            assert torch.equal(restored, x)


@pytest.mark.parametrize('container', [tuple, list, lambda feats: feats[-1]])
def test_tensors_tuples_and_lists_are_unmixed_as_they_come(container):
    class Wrapped(Recorder):
        def forward(self, x):
            return container(super().forward(x))

    backbone, x = Wrapped(), images()
    neck = attached(backbone)
    with neck.mixing(len(x), CPU):
        unmixed = neck(backbone(x))
    assert type(unmixed) is type(backbone(x))
    assert all(torch.equal(u, x) for u in tensors_of(unmixed))


def test_every_size_unmixes_exactly():
    backbone = Recorder()
    neck = attached(backbone, grid=(4, 3), group_size=3)
    for batch, size in ((1, (7, 9)), (5, (11, 6)), (3, (64, 96)), (6, (3, 4))):
        x = images(batch, size)
        with neck.mixing(batch, CPU):
            assert all(torch.equal(f, x) for f in neck(backbone(x)))


def test_the_inner_neck_gets_the_unmixed_maps():
    backbone, x = Recorder(), images()
    inner = dict(type='FeatureMapProcessor', select_index=(0, 1), concat=True)
    neck = attached(backbone, neck=inner)
    with neck.mixing(len(x), CPU):
        fused = neck(backbone(x))
    assert torch.equal(tensors_of(fused)[0], torch.cat([x, x], 1))


def test_mixing_under_autocast_unmixes_the_half_precision_maps():
    backbone, x = Recorder(), images()
    neck = attached(backbone, sites=['second'])
    with torch.autocast('cpu', torch.bfloat16), neck.mixing(len(x), CPU):
        unmixed = neck(backbone(x))
    assert [u.dtype for u in unmixed] == [torch.bfloat16] * 2
    assert all(torch.equal(u, x.bfloat16()) for u in unmixed)


def test_outside_the_context_there_is_no_mixing():
    backbone, x = Recorder(), images()
    neck = attached(backbone, sites=['input', 'second'])
    before = neck.generator.get_state()
    outputs = backbone(x)
    assert all(torch.equal(o, x) for o in outputs)
    assert neck(outputs) is outputs
    assert torch.equal(neck.generator.get_state(), before)


def test_an_exception_inside_ends_the_mixing():
    backbone, x = Recorder(), images()
    neck = attached(backbone)
    with pytest.raises(KeyError, match='inside'):
        with neck.mixing(len(x), CPU):
            assert not torch.equal(backbone(x)[0], x)
            raise KeyError('inside')
    outputs = backbone(x)
    assert all(torch.equal(o, x) for o in outputs) and neck(outputs) is outputs


def test_several_forwards_inside_one_context_are_mixed_alike():
    backbone, x = Recorder(), images()
    neck = attached(backbone)
    with neck.mixing(len(x), CPU):
        first, second = backbone(x)[0], backbone(x)[0]
    assert torch.equal(first, second) and not torch.equal(first, x)
