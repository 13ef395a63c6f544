"""The training step runs in bfloat16 where asked to, and in float32 everywhere else."""
import pytest
import torch
from mmpose.registry import OPTIM_WRAPPERS
from torch import nn

from mmpose_mum.engine.optim import autocast
from mmpose_mum.engine.optim.autocast import (
    AutocastOptimWrapper,
    cpu_has_bfloat16,
    has_bfloat16,
)


def wrapper(**kwargs):
    model = nn.Linear(4, 3)
    optimizer = torch.optim.SGD(model.parameters(), lr=.1)
    return model, AutocastOptimWrapper(optimizer=optimizer, **kwargs)


def dtype_inside(model, optim_wrapper):
    with optim_wrapper.optim_context(model):
        return model(torch.ones(2, 4)).dtype


def test_forced_on_is_bfloat16_inside_and_float32_around():
    model, optim_wrapper = wrapper(enabled=True)
    assert dtype_inside(model, optim_wrapper) == torch.bfloat16
    assert model(torch.ones(2, 4)).dtype == torch.float32
    assert model.weight.dtype == torch.float32


def test_a_step_changes_float32_weights_by_bfloat16_gradients():
    model, optim_wrapper = wrapper(enabled=True)
    before = model.weight.detach().clone()
    with optim_wrapper.optim_context(model):
        loss = model(torch.ones(2, 4)).float().pow(2).sum()
    optim_wrapper.update_params(loss)
    assert model.weight.dtype == torch.float32 and not torch.equal(model.weight, before)


def test_off_is_float32():
    assert dtype_inside(*wrapper(enabled=False)) == torch.float32


@pytest.mark.parametrize('has_bfloat16', [True, False])
def test_auto_asks_the_cpu(has_bfloat16, monkeypatch):
    monkeypatch.setattr(autocast, 'cpu_has_bfloat16', lambda: has_bfloat16)
    model, optim_wrapper = wrapper()
    assert optim_wrapper.enabled == 'auto'
    expected = torch.bfloat16 if has_bfloat16 else torch.float32
    assert dtype_inside(model, optim_wrapper) == expected


@pytest.mark.parametrize('enabled, has_it, said', [
    ('auto', True, 'bfloat16: this cpu has bfloat16 in hardware'),
    ('auto', False, 'float32: this cpu has no bfloat16 in hardware'),
    (True, False, 'bfloat16: enabled=True'), (False, True, 'float32: enabled=False')])
def test_the_log_says_the_precision_once(enabled, has_it, said, monkeypatch):
    logged = []
    monkeypatch.setattr(autocast, 'print_log', lambda text, logger: logged.append(text))
    monkeypatch.setattr(autocast, 'cpu_has_bfloat16', lambda: has_it)
    model, optim_wrapper = wrapper(enabled=enabled)
    for _ in range(2):
        dtype_inside(model, optim_wrapper)
    assert logged == ['Training steps run in ' + said]


@pytest.mark.parametrize('device, capability, hip, expected', [
    ('cuda', (7, 5), None, False), ('cuda', (8, 0), None, True), ('cuda', (12, 0), None, True),
    ('cuda', (7, 5), '6.0', True), ('xpu', None, None, True), ('mps', None, None, False)])
def test_auto_asks_the_gpu(device, capability, hip, expected, monkeypatch):
    monkeypatch.setattr(torch.cuda, 'get_device_capability', lambda: capability)
    monkeypatch.setattr(torch.version, 'hip', hip)
    assert has_bfloat16(device) is expected


@pytest.mark.parametrize('cpuinfo, expected', [
    ('processor : 0\nflags : fpu avx512f avx512_bf16 amx_bf16\n', True),
    ('processor : 0\nflags : fpu avx2 avx512f\n', False),
    ('processor : 0\nFeatures : fp asimd bf16 i8mm\n', True),
    ('processor : 0\nFeatures : fp asimd\n', False),
    ('', False)])
def test_the_cpus_flags_are_read(cpuinfo, expected, tmp_path, monkeypatch):
    (tmp_path / 'cpuinfo').write_text(cpuinfo)
    monkeypatch.setattr(
        autocast, 'open', lambda path: open(tmp_path / 'cpuinfo'), raising=False)
    assert cpu_has_bfloat16() is expected


def test_without_a_list_of_flags_there_is_none(monkeypatch):

    def missing(path):
        raise FileNotFoundError(path)

    monkeypatch.setattr(autocast, 'open', missing, raising=False)
    assert cpu_has_bfloat16() is False


def test_gradient_accumulation_is_left_to_the_base_class():
    model, optim_wrapper = wrapper(enabled=True, accumulative_counts=2)
    before = model.weight.detach().clone()
    changed = []
    for _ in range(4):
        with optim_wrapper.optim_context(model):
            loss = model(torch.ones(2, 4)).float().pow(2).sum()
        optim_wrapper.update_params(loss)
        changed.append(not torch.equal(model.weight, before))
        before = model.weight.detach().clone()
    assert changed == [False, True, False, True]


def test_registered_and_checked():
    optimizer = torch.optim.SGD(nn.Linear(1, 1).parameters(), lr=.1)
    built = OPTIM_WRAPPERS.build(dict(type='AutocastOptimWrapper', optimizer=optimizer))
    assert isinstance(built, AutocastOptimWrapper)
    with pytest.raises(ValueError, match="enabled must be True, False or 'auto', got 'yes'"):
        wrapper(enabled='yes')
