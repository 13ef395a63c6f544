"""The sites and permutations that MixUnMix draws: how often, from which seed, and anew."""
from collections import Counter

import pytest
import torch
from mixing_models import CPU, Recorder, attached, drawn, images

from mmpose_mum.models import mix_unmix as mix_unmix_module


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
