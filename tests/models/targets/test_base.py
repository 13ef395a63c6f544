"""Which head gets which targets, what all of them have in common, and how views are collected."""
import numpy as np
import pytest
import torch
from mmpose.models.heads import RTMCCHead
from mmpose.registry import MODELS
from mmpose.structures import PoseDataSample
from torch import nn

import mmpose_mum  # noqa: F401
from helpers.target_views import FLIP_INDICES, HEATMAP_SIZE, INPUT_SIZE, identity_views
from mmpose_mum.models.targets.base import TargetMaker, detached_where, target_maker_for, views_of
from mmpose_mum.models.targets.coordinate import RegressionTargetMaker, SimCCTargetMaker
from mmpose_mum.models.targets.heatmap import HeatmapTargetMaker

MSRA = dict(type='MSRAHeatmap', input_size=INPUT_SIZE, heatmap_size=HEATMAP_SIZE, sigma=2)
HEADS = dict(
    HeatmapHead=dict(in_channels=4, out_channels=6, deconv_out_channels=None, decoder=MSRA),
    ViPNASHead=dict(in_channels=4, out_channels=6, deconv_out_channels=None, decoder=MSRA),
    RegressionHead=dict(
        in_channels=4, num_joints=6, decoder=dict(type='RegressionLabel', input_size=INPUT_SIZE)))
WEIGHED = dict(
    HeatmapHead=HEADS['HeatmapHead'], RLEHead=HEADS['RegressionHead'],
    SimCCHead=dict(
        in_channels=4, out_channels=6, input_size=INPUT_SIZE, in_featuremap_size=(3, 4),
        decoder=dict(type='SimCCLabel', input_size=INPUT_SIZE)))


def head_of(name, **changes):
    return MODELS.build(dict(HEADS[name], type=name, **changes))


@pytest.mark.parametrize('name, kind', [
    ('HeatmapHead', HeatmapTargetMaker), ('ViPNASHead', HeatmapTargetMaker),
    ('RegressionHead', RegressionTargetMaker)])
def test_the_kind_of_targets_follows_the_kind_of_head(name, kind):
    head = head_of(name)
    targets = target_maker_for(head)
    assert type(targets) is kind and isinstance(targets, TargetMaker)
    assert targets.head is head and targets.input_size == INPUT_SIZE
    assert targets.mode == 'none'


def test_a_head_derived_from_a_supported_one_is_taken():
    class OwnHead(RTMCCHead):
        """A head of a user's."""

    head = OwnHead(
        in_channels=4, out_channels=6, input_size=INPUT_SIZE, in_featuremap_size=(3, 4),
        decoder=dict(type='SimCCLabel', input_size=INPUT_SIZE))
    assert type(target_maker_for(head)) is SimCCTargetMaker


def test_another_head_is_refused_with_a_list_of_the_supported_ones():
    with pytest.raises(ValueError, match='of the head Linear are not supported, only '
                       'those of CPMHead, DSNTHead, HeatmapHead, IntegralRegressionHead, '
                       'InternetHead, MSPNHead, RLEHead, RTMCCHead, RTMWHead, RegressionHead, '
                       'SimCCHead, VisPredictHead and of heads derived'):
        target_maker_for(nn.Linear(2, 2))


@pytest.mark.parametrize('name', HEADS)
def test_a_head_without_a_codec_is_refused(name):
    with pytest.raises(ValueError, match=f'{name} has no codec: set its `decoder`'):
        target_maker_for(head_of(name, decoder=None))


def test_the_loss_is_that_of_the_head_given():
    """Of two students each has its own, and a loss may have weights."""
    first, second = (head_of('HeatmapHead', loss=dict(
        type='KeypointMSELoss', use_target_weight=True, loss_weight=w)) for w in (1., 3.))
    targets = target_maker_for(first)
    made = targets(torch.rand(1, 6, 32, 24), identity_views(), identity_views(), FLIP_INDICES)
    output = torch.rand(1, 6, 32, 24)
    assert torch.equal(targets.loss(output, made), targets.loss(output, made, first))
    torch.testing.assert_close(targets.loss(output, made, second), 3 * targets.loss(output, made))


def test_what_is_detached_keeps_its_value():
    x = torch.rand(2, 3, requires_grad=True)
    keep = torch.tensor([[True], [False]])
    kept = detached_where(keep, x)
    assert torch.equal(kept, x)
    (kept**2).sum().backward()
    assert torch.equal(x.grad, torch.where(keep, 2 * x, 0.).detach())


@pytest.mark.parametrize('confidence, message', [
    (dict(mode='hard'), r"one of \('none', 'threshold', 'soft'\), got 'hard'"),
    (dict(mode='soft', thr=.5, power=2), r"unknown keys \['power', 'thr'\]; it knows mode and"),
    (dict(mode='threshold'), 'threshold=None with mode=\'threshold\''),
    (dict(threshold=.5), "threshold=0.5 with mode='none': mode='threshold' needs"),
    (dict(mode='soft', threshold=.5), "threshold=0.5 with mode='soft'"),
])
def test_a_wrong_confidence_is_refused(confidence, message):
    before = dict(confidence)
    with pytest.raises(ValueError, match=message):
        target_maker_for(head_of('HeatmapHead'), confidence)
    assert confidence == before  # the config is not emptied


@pytest.mark.parametrize('name, loss', [
    ('SimCCHead', dict(type='KLDiscretLoss')),
    ('HeatmapHead', dict(type='AdaptiveWingLoss')), ('RLEHead', dict(type='RLELoss'))])
def test_a_loss_that_ignores_weights_is_refused_where_scores_are_weights(name, loss):
    ignoring, weighting = (
        MODELS.build(dict(WEIGHED[name], type=name, loss=dict(loss, use_target_weight=weights)))
        for weights in (False, True))
    with pytest.raises(ValueError, match=f"'soft' gives .*{loss['type']} of the {name} ignores it"):
        target_maker_for(ignoring, dict(mode='soft'))
    for options in (dict(mode='threshold', threshold=.5), None):
        target_maker_for(ignoring, options)
    target_maker_for(weighting, dict(mode='soft'))
    # This one weights by what it is given.
    target_maker_for(head_of('HeatmapHead', loss=dict(type='KeypointMSELoss')), dict(mode='soft'))


def sample(**metainfo):
    return PoseDataSample(metainfo=metainfo)


def test_views_are_collected_in_order():
    matrices = [np.arange(9.).reshape(3, 3) + i for i in range(3)]
    flips = [False, True, np.bool_(True)]
    collected = views_of(
        [sample(warp_mat=m, flip=f, other=1) for m, f in zip(matrices, flips)])
    assert collected['warp_mat'].dtype == torch.float32 and collected['flip'].dtype == torch.bool
    assert torch.equal(collected['warp_mat'], torch.tensor(np.stack(matrices)).float())
    assert collected['flip'].tolist() == [False, True, True]


@pytest.mark.parametrize('missing', ['warp_mat', 'flip'])
def test_a_sample_without_its_views_data_names_the_transform_that_records_it(missing):
    whole = dict(warp_mat=np.eye(3), flip=False)
    lacking = {key: value for key, value in whole.items() if key != missing}
    with pytest.raises(KeyError, match=f"no '{missing}' in its metainfo.*WarpTopdownAffine"):
        views_of([sample(**whole), sample(**lacking)])
