"""MMEngine's checkpoints load as PyTorch does by default, and strangers' are refused as before."""
import os
import pickle

import numpy as np
import pytest
import small_run
import torch
from mmengine.logging import HistoryBuffer
from mmengine.optim import OneCycleLR
from mmengine.runner import CheckpointLoader

from mmpose_mum.safe_globals import _method

refuses_by_default = pytest.mark.skipif(
    not hasattr(torch.serialization, 'get_unsafe_globals_in_checkpoint'),
    reason='before PyTorch 2.6 everything is loaded by default')


class Calls:
    """Unpickles as a call."""

    def __init__(self, function, *args):
        self.call = function, args

    def __reduce__(self):
        return self.call


def saved(content, path):
    """Returns what MMEngine reads after ``content`` has been saved."""
    torch.save(content, str(path))
    return CheckpointLoader.load_checkpoint(str(path))


def test_all_that_a_runner_saves_is_loaded():
    path = small_run.train()
    found = CheckpointLoader.load_checkpoint(str(path))
    raw = torch.load(str(path), weights_only=False)
    assert repr(found['meta']) == repr(raw['meta'])
    logs, raw_logs = (content['message_hub']['log_scalars']['train/sup_loss_kpt']
                      for content in (found, raw))
    assert isinstance(logs, HistoryBuffer) and logs.mean() == raw_logs.mean()
    assert found.keys() == raw.keys() >= {'optimizer', 'message_hub'}


@pytest.mark.parametrize('value', [
    np.arange(3, dtype='u1'), np.array([[1.5], [2]], dtype='f2'), np.array(['left', 'right']),
    np.array([True]), np.float32(3), np.int64(4), np.bool_(True), np.array(5.)])
def test_numbers_and_names_of_numpy_are_loaded(value, tmp_path):
    found = saved([value], tmp_path / 'a.pth')[0]
    assert type(found) is type(value) and found.dtype == value.dtype
    assert np.array_equal(found, value)


@pytest.mark.parametrize('strategy', ['cos', 'linear'])
def test_a_schedule_of_one_cycle_is_loaded(strategy, tmp_path):
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1)
    schedule = OneCycleLR(optimizer, eta_max=1, total_steps=5, anneal_strategy=strategy)
    found = saved(schedule.state_dict(), tmp_path / 'a.pth')
    assert found['anneal_func'] is schedule.anneal_func


@refuses_by_default
@pytest.mark.parametrize('evil', [
    lambda path: Calls(os.system, f'touch {path}'),
    lambda path: Calls(eval, f'open({str(path)!r}, "w")'),
    lambda path: Calls(getattr, Calls(getattr, HistoryBuffer, 'mean'), '__globals__'),
    lambda path: Calls(getattr, HistoryBuffer, '__init__'),
    lambda path: np.array([Calls(os.system, f'touch {path}')]),
    lambda path: np.array([None]),
])
def test_what_a_strangers_file_may_hold_beside_is_refused(evil, tmp_path):
    victim = tmp_path / 'victim'
    with pytest.raises(pickle.UnpicklingError):
        saved(dict(state_dict={'a': torch.zeros(1)}, meta=evil(victim)), tmp_path / 'a.pth')
    assert not victim.exists()


@pytest.mark.parametrize('owner, name', [
    (HistoryBuffer, '__init__'), (HistoryBuffer, '_statistics_methods'), (HistoryBuffer, []),
    (torch, 'load'), ('', 'format'), ([], 'mean'), (HistoryBuffer.mean, '__globals__')])
def test_no_attribute_is_found_but_the_methods_that_are_pickled(owner, name):
    assert _method(HistoryBuffer, 'mean') is HistoryBuffer.mean
    with pytest.raises(pickle.UnpicklingError, match='asks for the attribute'):
        _method(owner, name)
