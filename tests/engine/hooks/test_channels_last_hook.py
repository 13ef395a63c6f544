"""The hook changes the memory format of the weights, and nothing that anyone else can see."""
from types import SimpleNamespace

import pytest
import torch
from mmengine.registry import MODEL_WRAPPERS
from mmpose.registry import HOOKS, MODELS

from mmpose_mum.testing import tiny_config


def test_weights_and_activations_are_channels_last_and_the_output_stays():
    torch.manual_seed(0)
    model = MODELS.build(tiny_config()).eval()
    images = torch.randn(2, 3, 96, 64)
    expected = model(images)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    parameters = {id(p) for p in model.parameters()}

    HOOKS.build(dict(type='ChannelsLastHook')).before_train(SimpleNamespace(model=model))

    for name, weight in model.named_parameters():
        if weight.ndim == 4:
            assert weight.is_contiguous(memory_format=torch.channels_last), name
    assert {id(p) for p in model.parameters()} == parameters  # the optimizer's are still these
    after = model.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    features = model.student.backbone(images)[-1]
    assert features.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(model(images), expected, rtol=1e-4, atol=1e-5)


def test_a_wrapper_that_cannot_be_made_anew_is_refused(monkeypatch):
    """Of several processes, tests/test_distributed.py shows the other one."""

    class OtherWrapper(torch.nn.Module):
        """Known to MMEngine as a wrapper."""

    monkeypatch.setitem(MODEL_WRAPPERS.module_dict, 'OtherWrapper', OtherWrapper)
    with pytest.raises(ValueError, match='wrapped in OtherWrapper, and ChannelsLastHook only'):
        HOOKS.build(dict(type='ChannelsLastHook')).before_train(
            SimpleNamespace(model=OtherWrapper()))
