"""A stranger's checkpoint gives its tensors, and nothing that is in it is run."""
import codecs
import os
import pickle
import re
import subprocess
from collections import OrderedDict

import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer
from mmengine.utils import mkdir_or_exist

from helpers import small_run
from mmpose_mum.checkpoint import safe_load


class Calls:
    """Unpickles as a call."""

    def __init__(self, function, *args):
        self.call = function, args

    def __reduce__(self):
        return self.call


def test_a_checkpoint_of_the_runner_gives_its_tensors_and_no_objects():
    run = small_run.train()
    found = safe_load.load_checkpoint(run)
    raw = torch.load(str(run), weights_only=False)
    assert found['state_dict'].keys() == raw['state_dict'].keys()
    for key, value in raw['state_dict'].items():
        assert torch.equal(found['state_dict'][key], value)
    logs = raw['message_hub']['log_scalars']['train/sup_loss_kpt']
    assert isinstance(logs, HistoryBuffer)
    assert isinstance(
        found['message_hub']['log_scalars']['train/sup_loss_kpt'], safe_load.Ignored)


@pytest.mark.parametrize('evil, message', [
    (lambda path: Calls(os.system, f'touch {path}'), r'contains (posix|nt)\.system'),
    (lambda path: Calls(eval, f'open({str(path)!r}, "w")'),
     r'contains (__builtin__|builtins)\.eval'),
    (lambda path: Calls(subprocess.call, ['touch', str(path)]),
     r'contains (commands|subprocess)\.call'),  # the former is its name in Python 2
    (lambda path: torch.nn.Linear(1, 1), r'contains torch\.nn\.modules\.linear\.Linear'),
    (lambda path: Calls(codecs.open, str(path), 'w'), r'contains codecs\.open'),
    (lambda path: Calls(open, str(path), 'w'), r'contains (io|_io|__builtin__|builtins)\.open'),
])
def test_a_hostile_checkpoint_is_refused_and_not_run(evil, message, tmp_path):
    victim, path = tmp_path / 'victim', tmp_path / 'evil.pth'
    content = dict(state_dict={'teacher.a': torch.zeros(1)}, meta=dict(a=evil(victim)))
    torch.save(content, str(path))
    with pytest.raises(ValueError, match=message):
        safe_load.load_checkpoint(path)
    path.write_bytes(pickle.dumps(content))  # as PyTorch before 1.6 saved, and as anybody can
    with pytest.raises(ValueError, match='is refused'):
        safe_load.load_checkpoint(path)
    torch.save(content, str(path), _use_new_zipfile_serialization=False)
    with pytest.raises(ValueError, match='not in the format of PyTorch 1.6'):
        safe_load.load_checkpoint(path)
    assert not victim.exists()


def test_an_old_checkpoint_is_read_after_what_the_error_says(tmp_path):
    old, new = tmp_path / 'OLD.pth', tmp_path / 'NEW.pth'
    torch.save(dict(state_dict={'a': torch.ones(2)}, meta=dict(epoch=1)), str(old),
               _use_new_zipfile_serialization=False)
    with pytest.raises(ValueError) as error:
        safe_load.load_checkpoint(old)
    call = re.search(r'torch\.save\(.*$', str(error.value)).group()
    for path in (old, new):
        call = call.replace(path.name, str(path))
    exec(call)
    assert torch.equal(safe_load.load_checkpoint(new)['state_dict']['a'], torch.ones(2))


@pytest.mark.parametrize('content', [
    {'a.b': torch.ones(2)}, {'module.a.b': torch.ones(2)},
    dict(state_dict={'module.a.b': torch.ones(2)}, meta=dict(epoch=1))])
def test_bare_weights_and_those_of_a_parallel_model_are_checkpoints(content, tmp_path):
    torch.save(content, str(tmp_path / 'a.pth'))
    found = safe_load.load_checkpoint(tmp_path / 'a.pth')
    assert list(found['state_dict']) == ['a.b'] and found.get('meta') == content.get('meta')


def test_what_is_ignored_is_not_run_either(tmp_path):
    victim, path = tmp_path / 'victim', tmp_path / 'a.pth'
    weights = {'a': torch.zeros(1)}
    torch.save(dict(state_dict=weights, meta=[
        Calls(mkdir_or_exist, str(victim)), Calls(getattr, Calls(np.dtype, 'f4'), 'type'),
        np.float32(3), np.arange(3), {1, 2}]), str(path))
    assert torch.equal(safe_load.load_checkpoint(path)['state_dict']['a'], weights['a'])
    assert not victim.exists()


def test_a_pickle_cannot_change_the_functions_that_it_may_call(tmp_path):
    """By setting the state of a function, as if it were an object that is unpickled."""
    rebuild = b'ctorch._utils\n_rebuild_tensor_v2\n'
    path = tmp_path / 'a.pth'
    torch.save(dict(state_dict={'a': torch.zeros(1)}), str(path))
    writer = torch._C.PyTorchFileWriter(str(path))
    state = pickle.dumps(({}, {'__defaults__': (1, )}), 2)[2:-1]
    content = b'\x80\x02' + rebuild + state + b'b.'
    writer.write_record('data.pkl', content, len(content))
    writer.write_end_of_file()
    before = torch._utils._rebuild_tensor_v2.__defaults__
    with pytest.raises(ValueError, match='sets the attributes of a function'):
        safe_load.load_checkpoint(path)
    assert torch._utils._rebuild_tensor_v2.__defaults__ == before


def test_what_is_no_checkpoint_is_an_error(tmp_path):
    path = tmp_path / 'a.pth'
    with pytest.raises(FileNotFoundError, match='no checkpoint'):
        safe_load.load_checkpoint(path)
    torch.jit.save(torch.jit.script(torch.nn.ReLU()), str(path))
    with pytest.raises(ValueError, match='TorchScript'):
        safe_load.load_checkpoint(path)
    path.write_bytes(safe_load.ZIP_MAGIC + b'broken')
    with pytest.raises(ValueError, match='is refused'):
        safe_load.load_checkpoint(path)
    for content in ([1], dict(a=1), dict(state_dict={}), dict(state_dict={'a': np.zeros(1)}),
                    dict(state_dict=OrderedDict({1: torch.zeros(1)}))):
        torch.save(content, str(path))
        with pytest.raises(ValueError, match='no state_dict of tensors'):
            safe_load.load_checkpoint(path)


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16, torch.int64, torch.bool])
def test_tensors_come_out_as_they_were(tmp_path, dtype):
    weights = OrderedDict(a=torch.rand(3, 4).to(dtype), b=torch.rand(5, 4)[1:3].t().to(dtype),
                          c=torch.nn.Parameter(torch.rand(2)))
    torch.save(dict(state_dict=weights), str(tmp_path / 'a.pth'))
    for key, value in safe_load.load_checkpoint(tmp_path / 'a.pth')['state_dict'].items():
        assert torch.equal(value, weights[key]) and value.dtype == weights[key].dtype


@pytest.mark.parametrize('bomb', [
    Calls(bytes, 10 ** 12), Calls(bytearray, 10 ** 12), Calls(np.ndarray, (10 ** 12, )),
    Calls(np.zeros(0).__reduce__()[0], np.ndarray, (10 ** 12, ), b'b'),
    Calls(list, range(10 ** 12)), Calls(codecs.encode, 'a', 'no_such_codec')],
    ids=lambda bomb: bomb.call[0].__name__)
@pytest.mark.parametrize('protocol', [2, pickle.HIGHEST_PROTOCOL])
def test_what_is_ignored_allocates_nothing(bomb, protocol, tmp_path):
    torch.save(dict(state_dict=dict(a=torch.ones(1)), meta=bomb), str(tmp_path / 'a.pth'),
               pickle_protocol=protocol)
    assert isinstance(safe_load.load_checkpoint(tmp_path / 'a.pth')['meta'], safe_load.Ignored)


@pytest.mark.filterwarnings('ignore:TypedStorage is deprecated')
@pytest.mark.parametrize('offset, size, stride', [
    (0, (10 ** 12, ), (1, )), (0, (2, ), (1, )), (1, (1, ), (1, )),
    (0, (2, 10 ** 6), (10 ** 6, 1))])
def test_a_tensor_is_no_larger_than_what_the_file_holds(offset, size, stride, tmp_path):
    class Tensor:
        """Unpickles as a tensor on a storage of one number."""

        def __reduce__(self):
            return torch._utils._rebuild_tensor_v2, (
                torch.ones(1).storage(), offset, size, stride, False, OrderedDict())

    torch.save(dict(state_dict=dict(a=Tensor())), str(tmp_path / 'a.pth'))
    with pytest.raises(ValueError, match=r'asks for \d+ values, and the file holds 1 of them'):
        safe_load.load_checkpoint(tmp_path / 'a.pth')


def test_tensors_that_use_a_value_again_or_have_none(tmp_path):
    weights = dict(a=torch.ones(1).expand(3, 4), b=torch.zeros(0, 5), c=torch.rand(9)[::4])
    torch.save(dict(state_dict=weights), str(tmp_path / 'a.pth'))
    found = safe_load.load_checkpoint(tmp_path / 'a.pth')['state_dict']
    assert all(torch.equal(found[key], weights[key]) for key in weights)
