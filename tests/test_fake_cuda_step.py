"""A training step of each head runs on a CUDA device that PyTorch only pretends to have.

It is what a machine without a GPU can tell about one: `meta` covers the backward pass as well, and
here the tensors say `cuda`, so that what asks for that, or for `is_cuda`, is asked, too.
"""
import pytest
import torch

from helpers.hostless import ERRORS, FAULTS, KINDS, fake_cuda, losses_of, model_of, watch_for
from mmpose_mum.functional.ema import ModelEma


def _needs_a_driver():
    try:
        with fake_cuda():
            torch.ones(2, device='cuda') + 1
    except (AssertionError, ImportError, RuntimeError):
        return True
    return False


pytestmark = pytest.mark.skipif(
    _needs_a_driver(), reason='this PyTorch pretends no CUDA device without a driver')


@pytest.mark.parametrize('kind', KINDS)
def test_a_step_of_each_head_needs_no_host(kind, monkeypatch):
    model = model_of(kind)
    with fake_cuda() as mode:
        model.to('cuda')
        total, logged = model.parse_losses(losses_of(kind, model, monkeypatch))
        ModelEma(model.teacher, model.student).update(.9)
        assert total.is_cuda and total.requires_grad and all(x.is_cuda for x in logged.values())
    assert {'aten::convolution', 'aten::index_select', 'aten::_foreach_lerp_'} <= mode.operators


@pytest.mark.parametrize('options', [
    dict(keypoint_cutout=dict(score_threshold=.1), confidence=dict(mode='threshold', threshold=.3)),
    dict(confidence=dict(mode='soft'), mix_unmix=dict(sites=['layer2'])), dict(mix_unmix=False),
    dict(estimator='DualPoseEstimator')], ids=str)
def test_a_step_with_other_options_needs_no_host(options, monkeypatch):
    model = model_of('heatmap', **options)
    with fake_cuda():
        model.to('cuda')
        assert model.parse_losses(losses_of('heatmap', model, monkeypatch))[0].is_cuda


@pytest.mark.parametrize('fault', FAULTS)
def test_a_fault_in_the_step_is_found(fault, monkeypatch):
    model = model_of('heatmap')
    given = watch_for(model, FAULTS[fault])
    with fake_cuda():
        model.to('cuda')
        with pytest.raises(ERRORS):
            losses_of('heatmap', model, monkeypatch)
    assert given
