"""MMEngine's checkpoints load as PyTorch does by default, and strangers' are refused as before."""
import os
import pickle

import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer
from mmengine.optim import OneCycleLR
from mmengine.runner import CheckpointLoader

from helpers import small_run
from mmpose_mum.checkpoint.safe_globals import _array, _bytes, _dtype, _method, _scalar

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
    infos, raw_infos = (content['message_hub']['runtime_info'] for content in (found, raw))
    assert repr(infos) == repr(raw_infos)
    assert infos.keys() >= {'data_stream', 'eman_updates', 'pseudo_labels_at_their_best'}


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
    lambda path: np.zeros(1, [('a', 'f4')]),
    lambda path: np.array(['2024'], 'M8'),
    lambda path: Calls(bytes, 10 ** 12),
    lambda path: Calls(np.ndarray, (10 ** 12, )),
    lambda path: Calls(np.zeros(0).__reduce__()[0], np.ndarray, (10 ** 12, ), b'b'),
    lambda path: Calls(type(np.dtype('U')), 10 ** 9),
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


@pytest.mark.parametrize('function, arguments', [
    (_bytes, (10 ** 12, )), (_bytes, ([1], )), (_bytes, (0, )),
    (_array, (_array, (10 ** 12, ), b'b')), (_array, (np.ndarray, (0, ), b'b')), (_array, ()),
    (_array, ((10 ** 12, ), )), (_array, (_array, (0, ), b'O')),
    (_dtype, ('O', False, True)), (_dtype, ('M8', False, True)), (_dtype, ('f4,O', False, True)),
    (_dtype, ('(1000000000,)f8', False, True)), (_dtype, ([('a', 'O')], False, True)),
    (_dtype, (HistoryBuffer, ))])
def test_what_stands_for_other_functions_makes_nothing_else(function, arguments):
    with pytest.raises(pickle.UnpicklingError, match='asks for'):
        function(*arguments)


def test_what_stands_for_other_functions_does_what_they_do():
    assert _bytes() == b'' and _dtype('f4', False, True) == np.float32
    assert _array(_array, (0, ), b'b').size == 0 and _scalar(np.dtype('u1'), b'a') == ord('a')
    # A copy: the state that a file gives it is not to be NumPy's own.
    assert _dtype('f4') is not np.dtype('f4')
    with pytest.raises(TypeError):
        _scalar(np.dtype('U999999999'))


def test_every_name_that_may_be_filled_and_not_called_is_out_of_a_pickles_reach():
    """A pickle's names have a dot; NumPy's classes would allocate what they are told to."""
    if hasattr(torch.serialization, 'get_safe_globals'):
        entries = [entry if isinstance(entry, tuple) else (entry, f'{entry.__module__}.')
                   for entry in torch.serialization.get_safe_globals()]
        names = [name for entry, name in entries
                 if isinstance(entry, type) and issubclass(entry, (np.ndarray, np.dtype))]
        assert 'ndarray' in names and not any('.' in name for name in names)
