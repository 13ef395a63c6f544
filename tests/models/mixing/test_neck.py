"""The MixUnMix neck mixes at the drawn site, puts every cell back, and else is not there."""
import copy
import pickle
import warnings
from collections import Counter

import pytest
import torch
from mmengine.runner import load_checkpoint
from mmengine.runner.activation_checkpointing import turn_on_activation_checkpointing
from mmengine.runner.checkpoint import load_state_dict
from mmpose.registry import MODELS
from torch import nn

from helpers.backbones import HOURGLASS, HRNET, MOBILENET, RESNET
from helpers.mixing_models import (
    CPU,
    MAPPER,
    SIZE,
    Recorder,
    attached,
    drawn,
    estimator,
    images,
    make_pointwise,
    neck_of,
)
from mmpose_mum.functional.nested import tensors_of
from mmpose_mum.functional.tiles import mix_tiles
from mmpose_mum.models.mixing import neck as mix_unmix_module

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


@pytest.mark.parametrize('neck', [None, MAPPER], ids=['no neck', 'neck'])
def test_the_state_dict_is_the_plain_models(neck):
    plain, wrapped = estimator(neck), estimator(neck, mixed=True)
    assert list(wrapped.state_dict()) == list(plain.state_dict())
    assert any(key.startswith('neck.') for key in plain.state_dict()) == (neck is not None)
    if neck is not None:
        inner = wrapped.neck.neck.convs[0].conv.weight
        assert torch.equal(wrapped.state_dict()['neck.convs.0.conv.weight'], inner)
        assert list(wrapped.neck.state_dict()) == list(plain.neck.state_dict())


@pytest.mark.parametrize('load', [
    lambda model, state, path: model.load_state_dict(state, strict=True),
    lambda model, state, path: load_state_dict(model, state, strict=True),
    lambda model, state, path: load_checkpoint(model, path, strict=True),
], ids=['PyTorch', 'MMEngine', 'checkpoint'])
@pytest.mark.parametrize('neck', [None, MAPPER], ids=['no neck', 'neck'])
@pytest.mark.parametrize('mixed_source', [False, True], ids=['from plain', 'from wrapped'])
def test_checkpoints_go_strictly_from_plain_to_wrapped_and_back(tmp_path, load, neck, mixed_source):
    torch.manual_seed(0)
    source, target = (estimator(neck, mixed=m) for m in (mixed_source, not mixed_source))
    for tensor in source.state_dict().values():  # statistics and counts as well
        tensor.copy_(torch.rand(tensor.shape) * 9)
    path = str(tmp_path / 'checkpoint.pth')
    torch.save(dict(state_dict=source.state_dict()), path)
    load(target, source.state_dict(), path)
    for name, value in target.state_dict().items():
        assert torch.equal(value, source.state_dict()[name]), name
    x = images()
    assert torch.equal(target.eval()(x, None), source.eval()(x, None))


def test_a_strict_load_still_misses_and_refuses_keys():
    wrapped = estimator(MAPPER, mixed=True)
    state = wrapped.state_dict()
    weight = state.pop('neck.convs.0.conv.weight')
    with pytest.raises(RuntimeError, match='Missing key'):
        wrapped.load_state_dict(state)
    state['neck.convs.0.conv.weight'] = state['neck.other'] = weight
    with pytest.raises(RuntimeError, match='Unexpected key'):
        wrapped.load_state_dict(state)


@pytest.mark.parametrize('duplicate', [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))],
                         ids=['deepcopy', 'pickle'])
def test_a_copy_of_the_model_mixes_by_its_own_neck(duplicate):
    model = estimator(mixed=True)
    make_pointwise(model.backbone)
    model.neck.attach(model.backbone, SIZE)
    drawn(model.neck, 3)
    other = duplicate(model)
    x = images(dtype=torch.float64)
    expected = model.backbone(x)
    with other.neck.mixing(len(x), CPU) as site:
        assert all(map(torch.equal, model.backbone(x), expected))  # the original is not mixed
        raw = other.backbone(x)
        assert not torch.allclose(raw[-1], expected[-1])
        for unmixed, e in zip(other.neck(raw), expected):
            torch.testing.assert_close(unmixed, e)
    assert site is not None
    with model.neck.mixing(len(x), CPU) as same_site:  # the copy went on from the same state
        assert same_site == site
        assert all(map(torch.equal, model.backbone(x), raw))


def test_the_same_seed_draws_the_same_sites_and_permutations():
    sites = ['input', 'first', 'second']
    first = drawn(attached(Recorder(), sites=sites, seed=3))
    torch.manual_seed(99)  # the global generator has no part in it
    assert drawn(attached(Recorder(), sites=sites, seed=3)) == first
    assert drawn(attached(Recorder(), sites=sites, seed=4)) != first
    assert len({str(p) for _, p in first}) > 20  # anew for each forward


def test_drawing_leaves_the_global_generator_alone():
    neck = attached(Recorder())
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    drawn(neck, 5)
    assert torch.equal(torch.rand(3), expected)


def test_the_generators_state_continues_a_run():
    sites = ['input', 'second']
    neck = attached(Recorder(), sites=sites)
    drawn(neck, 7)
    state = neck.generator.get_state()
    rest = drawn(neck, 9)
    resumed = attached(Recorder(), sites=sites, seed=5)
    resumed.generator.set_state(state)
    assert drawn(resumed, 9) == rest


def test_processes_draw_differently(monkeypatch):
    draws = []
    for rank in (0, 1):
        monkeypatch.setattr(mix_unmix_module, 'get_rank', lambda rank=rank: rank)
        draws.append(drawn(attached(Recorder(), seed=3)))
    assert draws[0] != draws[1]
    monkeypatch.undo()
    assert draws[1] == drawn(attached(Recorder(), seed=4))


@pytest.mark.parametrize('prob, low, high', [(0., 0, 0), (.3, 60, 120), (1., 300, 300)])
def test_prob_is_the_share_of_mixed_forwards(prob, low, high):
    draws = drawn(attached(Recorder(), prob=prob), 300)
    assert low <= sum(site is not None for site, _ in draws) <= high


def test_a_forward_that_is_not_mixed_passes_unchanged():
    backbone, x = Recorder(), images()
    neck = attached(backbone, prob=0.)
    with neck.mixing(len(x), CPU) as site:
        outputs = backbone(x)
        assert site is None and torch.equal(outputs[0], x) and neck(outputs) is outputs


def test_prob_does_not_change_what_the_mixed_forwards_draw():
    always = drawn(attached(Recorder(), sites=['input', 'first']), 40)
    sometimes = drawn(attached(Recorder(), sites=['input', 'first'], prob=.5), 40)
    mixed = [(a, s) for a, s in zip(always, sometimes) if s[0] is not None]
    assert 5 < len(mixed) < 35
    assert all(a == s for a, s in mixed)


@pytest.mark.parametrize('site_probs, expected', [
    (None, (1 / 3, 1 / 3, 1 / 3)), ((0, 5, 0), (0, 1, 0)), ((2, 0, 6), (.25, 0, .75))])
def test_sites_come_as_often_as_their_probabilities_say(site_probs, expected):
    sites = ['input', 'first', 'second']
    draws = drawn(attached(Recorder(), sites=sites, site_probs=site_probs), 400)
    counts = Counter(site for site, _ in draws)
    for site, share in zip(sites, expected):
        assert abs(counts[site] - 400 * share) <= 6 * (400 * share * (1 - share)) ** .5


def test_mixing_needs_a_backbone_first():
    with pytest.raises(RuntimeError, match=r'call attach\(backbone, input_size\) first'):
        with neck_of().mixing(4, CPU):
            pass


def test_a_batch_of_another_size_than_announced_is_refused():
    backbone = Recorder()
    neck = attached(backbone)
    with neck.mixing(6, CPU), pytest.raises(ValueError, match=r'must be \(4, rows, cols\)'):
        backbone(images(4))


def test_a_changed_number_of_outputs_is_refused():
    backbone, x = Recorder(), images()
    neck = attached(backbone)
    with neck.mixing(len(x), CPU):
        for change in (lambda outputs: outputs[:1], lambda outputs: (*outputs, x)):
            wrong = change(backbone(x))
            with pytest.raises(RuntimeError, match=f'has {len(wrong)} outputs now, but had 2'):
                neck(wrong)


class Skips(nn.Module):
    """Runs its block as often as it is told."""

    def __init__(self):
        super().__init__()
        self.block, self.times = nn.Conv2d(3, 3, 1), 1

    def forward(self, x):  # noqa: D102
        for _ in range(self.times):
            x = self.block(x)
        return [x]


def test_a_forward_that_leaves_the_site_out_is_not_mixed_and_one_that_repeats_it_is_refused():
    backbone = Skips()
    neck, x = neck_of(sites=['block']), images(4)
    neck.attach(backbone, SIZE)
    for times in (0, 1):
        backbone.times = times
        expected, = backbone(x)
        with neck.mixing(len(x), CPU):
            found, = neck(backbone(x))
            assert (neck.permutation is None) == (times == 0)
        torch.testing.assert_close(found, expected)
    backbone.times = 2
    with neck.mixing(len(x), CPU), pytest.raises(RuntimeError, match="'block' 2 times, but once"):
        neck(backbone(x))


def test_attach_refuses_bad_sites_by_name():
    backbone = MODELS.build(RESNET)
    with pytest.raises(ValueError, match="no stage 'layer9' to mix at. Valid sites are 'input'"):
        attached(backbone, sites=['layer2', 'layer9'])
    with pytest.raises(ValueError, match=r"at 'layer3': a grid of \(8, 8\) .* does not fit"):
        attached(backbone, sites=['layer3'], grid=(8, 8))
    with pytest.raises(ValueError, match="at 'bn1': it is a BatchNorm2d, which the Runner may"):
        attached(backbone, sites=['bn1'])


@pytest.mark.parametrize('module, site', [('', 'layer2.1'), ('layer2', 'layer2.1')])
def test_a_site_inside_what_the_runner_recomputes_is_refused(module, site):
    backbone = MODELS.build(RESNET)
    neck = attached(backbone, sites=[site])
    turn_on_activation_checkpointing(nn.ModuleDict(dict(a=backbone)), f'a.{module}'.strip('.'))
    with pytest.raises(RuntimeError, match=f"at '{site}'.*inside .*activation_checkpointing"):
        with neck.mixing(4, CPU):
            pass


def test_a_site_at_the_entrance_of_what_the_runner_recomputes_is_mixed():
    backbone = MODELS.build(RESNET)
    neck = attached(backbone, sites=['layer2'])
    turn_on_activation_checkpointing(backbone, ['layer1', 'layer2', 'layer3'])
    with neck.mixing(4, CPU) as site:
        assert site == 'layer2'


@pytest.mark.parametrize('arguments, message', [
    (dict(sites='input'), "sites must be a list of different names, got 'input'"),
    (dict(sites=[]), 'sites must be a list'),
    (dict(sites=None), 'sites must be a list'),
    (dict(sites=['input', 'input']), 'sites must be a list of different names'),
    (dict(prob=-.1), r'prob must lie in \[0, 1\], got -0.1'),
    (dict(prob=1.5), r'prob must lie in \[0, 1\], got 1.5'),
    (dict(site_probs=[1., 2.]), 'one number of at least 0 for each of the 1 sites'),
    (dict(sites=['input', 'first'], site_probs=[1., -1.]), 'site_probs must be'),
    (dict(site_probs=[0.]), 'not all 0'),
    (dict(grid=(0, 4)), r'grid must be \(rows, cols\)'),
    (dict(grid=4), r'grid must be \(rows, cols\)'),
    (dict(group_size=1), 'group_size must be at least 2'),
])
def test_arguments_out_of_range_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        neck_of(**arguments)


def gradients(model, x, seed_site):
    model.zero_grad()
    with model.neck.mixing(len(x), CPU) as site:
        output = model(x, None)
    assert site == seed_site
    (output ** 2).sum().backward()
    return {name: p.grad for name, p in model.named_parameters()}


@pytest.mark.filterwarnings('ignore:torch.utils.checkpoint')  # MMPose leaves the variant open
@pytest.mark.parametrize('site', ['input', 'layer2'])
def test_activation_checkpointing_gives_the_same_gradients(site):
    torch.manual_seed(0)
    models = [estimator(mixed=True, with_cp=with_cp).double() for with_cp in (False, True)]
    models[1].load_state_dict(models[0].state_dict())
    results = []
    for model in models:
        model.train()
        model.neck._site_probs = torch.tensor([site == s for s in model.neck.sites]).double()
        model.neck.attach(model.backbone, SIZE)
        results.append(gradients(model, images(dtype=torch.float64), site))
    for name, gradient in results[0].items():
        torch.testing.assert_close(results[1][name], gradient, msg=name)


@pytest.mark.parametrize('site', ['input', 'layer2'])
def test_the_gradient_through_a_mixed_forward_reaches_every_weight(site):
    model = estimator(MAPPER, mixed=True).train()
    model.neck._site_probs = torch.tensor([site == s for s in model.neck.sites]).double()
    model.neck.attach(model.backbone, SIZE)
    x = images().requires_grad_()
    results = gradients(model, x, site)
    results['image'] = x.grad
    unused = ('neck.neck.convs.0', 'neck.neck.convs.1', 'neck.neck.convs.2')  # the head takes one
    for name, gradient in results.items():
        if not name.startswith(unused):
            assert gradient is not None and gradient.isfinite().all(), name
            assert gradient.abs().max() > 0, name


def test_gradients_of_a_pointwise_network_are_those_without_mixing():
    torch.manual_seed(0)
    model = estimator(mixed=True)
    make_pointwise(model.backbone)
    model.neck.attach(model.backbone, SIZE)
    x = images(dtype=torch.float64)
    weight = model.backbone.conv1.weight

    def gradient_of(outputs):
        loss = sum((output ** 3).sum() for output in outputs)
        # The other taps would see the neighbors, which are mixed ones.
        return torch.autograd.grad(loss, weight)[0][..., 3, 3]

    expected = gradient_of(model.backbone(x))
    assert expected.abs().max() > 0
    for _ in range(4):
        with model.neck.mixing(len(x), CPU):
            outputs = model.neck(model.backbone(x))
        torch.testing.assert_close(gradient_of(outputs), expected)


def test_on_the_meta_device():
    model = estimator(MAPPER, mixed=True)
    model.neck.attach(model.backbone, SIZE)
    model.to('meta').train()
    x = images().to('meta')
    for _ in range(3):
        with model.neck.mixing(len(x), x.device):
            output = model(x, None)
        output.sum().backward()
        assert output.is_meta


def test_an_automatic_grid_divides_the_smallest_map_that_is_mixed_or_unmixed():
    backbone = MODELS.build(dict(RESNET, out_indices=(3, )))
    for sites, size, grid in ((['input'], (192, 256), (4, 3)), (['layer4'], (96, 96), (3, 3))):
        neck = neck_of(sites=sites, grid='auto')
        with warnings.catch_warnings():
            warnings.simplefilter('error')
            neck.attach(backbone, size)
        assert neck.grid == grid
        with neck.mixing(4, CPU):
            assert neck.permutation.shape == (4, *grid)


def test_a_map_of_one_pixel_has_no_tiles():
    neck = neck_of(grid='auto')
    with pytest.raises(ValueError, match='an input of 32×32 gives a map of one pixel'):
        neck.attach(MODELS.build(dict(RESNET, out_indices=(3, ))), (32, 32))


def test_a_grid_that_does_not_fit_warns_of_the_share_that_it_misplaces():
    backbone = MODELS.build(dict(RESNET, out_indices=(3, )))
    with pytest.warns(UserWarning, match=r"4×4 tiles .* unmixing on 8×6 sends 16\.7% .*'auto'"):
        neck_of(grid=(4, 4)).attach(backbone, (192, 256))
