"""A head gives float32 while the losses need it, and what autocast makes of it otherwise."""
import pytest
import torch
from mmengine.runner.activation_checkpointing import turn_on_activation_checkpointing
from mmpose.models.heads import (
    HeatmapHead,
    IntegralRegressionHead,
    RegressionHead,
    RLEHead,
    SimCCHead,
    VisPredictHead,
)
from mmpose.registry import MODELS
from torch import nn

from helpers import tiny_estimators
from mmpose_mum.models.precision import float32_outputs, without_autocast
from mmpose_mum.testing import tiny_batch, tiny_config

FEATURES = (torch.rand(2, 8, 3, 2), )


@pytest.fixture(autouse=True)
def autocast():
    with torch.autocast('cpu', torch.bfloat16):
        yield


def heatmap_head():
    return HeatmapHead(in_channels=8, out_channels=4, deconv_out_channels=None)


def test_a_head_gives_float32_meanwhile_and_bfloat16_before_and_after():
    head = heatmap_head()
    before = head(FEATURES)
    with float32_outputs(head):
        called, forwarded = head(FEATURES), head.forward(FEATURES)
    after = head(FEATURES)
    assert before.dtype == after.dtype == torch.bfloat16
    assert called.dtype == forwarded.dtype == torch.float32
    # The head computed what it did, and only its result is another type.
    assert torch.equal(called, before.float()) and torch.equal(forwarded, called)


def test_each_output_of_several_is_float32():
    head = SimCCHead(in_channels=8, out_channels=4, input_size=(64, 96), in_featuremap_size=(2, 3),
                     deconv_out_channels=None, decoder=None)
    assert {output.dtype for output in head(FEATURES)} == {torch.bfloat16}
    with float32_outputs(head):
        outputs = head(FEATURES)
    assert isinstance(outputs, tuple) and {output.dtype for output in outputs} == {torch.float32}


@pytest.mark.parametrize('kind', [RegressionHead, RLEHead])
def test_coordinates_are_computed_in_float32_as_bfloat16_has_no_more_than_pixels(kind):
    head = kind(in_channels=8, num_joints=4)
    features = (torch.rand(2, 8, 1, 1), )
    expected = torch.nn.functional.linear(
        features[0].flatten(1).double(), *(p.double() for p in head.fc.parameters()))
    with float32_outputs(head):
        found = head.forward(features)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found.double().flatten(1), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize('name', ['regression', 'rle'])
def test_in_a_step_too_keypoints_lie_between_bfloat16s_numbers(name, monkeypatch):
    model, steps = MODELS.build(tiny_estimators.other_config(name)), []
    model.watchers.append(steps.append)
    model.loss(**tiny_estimators.other_batch(name, model, monkeypatch))
    step, = steps
    for found in (step.seen, step.output):
        assert (found != found.bfloat16()).float().mean() > .9


def test_a_head_within_a_head_gives_float32_and_other_modules_do_not():
    head = IntegralRegressionHead(
        in_channels=8, in_featuremap_size=(2, 3), num_joints=4, deconv_out_channels=(8, ),
        deconv_kernel_sizes=(4, ))
    seen = []
    inner = head.simplebaseline_head
    for module in (inner, inner.final_layer):
        module.register_forward_hook(lambda module, inputs, output: seen.append(output.dtype))
    with float32_outputs(nn.Sequential(head)):
        head(FEATURES)
    head(FEATURES)
    assert seen == [torch.bfloat16, torch.float32, torch.bfloat16, torch.bfloat16]


def test_a_forward_that_was_put_there_stays():
    model = nn.Sequential(heatmap_head())
    turn_on_activation_checkpointing(model, '0')
    recomputing = model[0].forward
    with float32_outputs(model):
        with float32_outputs(model[0]):
            assert model(FEATURES).dtype == torch.float32
        assert model(FEATURES).dtype == torch.float32
    assert model[0].forward is recomputing


def test_an_error_does_not_leave_a_head_changed():
    head = heatmap_head()
    with pytest.raises(RuntimeError, match='of a loss'):
        with float32_outputs(head):
            raise RuntimeError('of a loss')
    assert head(FEATURES).dtype == torch.bfloat16
    assert 'forward' not in vars(head)  # else a deep copy would call this head's


def test_a_loss_that_calls_forward_itself_can_compute_its_accuracy():
    model = MODELS.build(tiny_config())
    batch = tiny_batch(model)
    head, features = model.student.head, model.student.extract_feat(batch['inputs']['sup'])
    samples = batch['data_samples']['sup']
    with pytest.raises(TypeError, match='BFloat16'):  # as long as the host leads to NumPy
        head.loss(features, samples)
    with float32_outputs(head):
        losses = head.loss(features, samples)
    assert losses['loss_kpt'].dtype == torch.float32 and 'acc_pose' in losses
    losses['loss_kpt'].backward()
    assert head.final_layer.weight.grad.isfinite().all()


def test_a_loss_is_computed_without_autocast_which_gpus_refuse_for_some():
    head = VisPredictHead(pose_cfg=dict(type='HeatmapHead', in_channels=8, out_channels=4,
                                        deconv_out_channels=None))
    seen = []

    class Watching(nn.Module):
        """Notes what it is called with."""

        def forward(self, output, target, weight=None):
            """Note it."""
            seen.append((torch.is_autocast_cpu_enabled(), output.dtype, target.dtype))

    head.loss_module, head.losses = Watching(), nn.ModuleList([Watching()])
    half = torch.rand(2, 4, dtype=torch.bfloat16)
    with float32_outputs(head):
        head.loss_module(half, half.long(), weight=half)
        head.losses[0](half, half)
    head.loss_module(half, half)
    assert seen == [(False, torch.float32, torch.int64), (False, torch.float32, torch.float32),
                    (True, torch.bfloat16, torch.bfloat16)]


@pytest.mark.parametrize('device', ['cpu', 'meta', 'mps'])
def test_devices_without_autocast_have_it_off(device):
    with without_autocast(device):
        assert torch.is_autocast_cpu_enabled() == (device != 'cpu')
