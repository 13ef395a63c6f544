"""MixUnMix does not show in the state dict, and a copy of a model mixes by its own neck."""
import copy
import pickle

import pytest
import torch
from mixing_models import CPU, MAPPER, SIZE, drawn, estimator, images, make_pointwise
from mmengine.runner import load_checkpoint
from mmengine.runner.checkpoint import load_state_dict


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
