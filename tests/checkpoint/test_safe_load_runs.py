"""Whatever MMEngine's Runner saves is read by each reader; new kinds of it are tried by themselves.

Where PyTorch loads safely by default, as of 2.6, the Runner's own reading tries ``safe_globals``.
"""
import datetime
import importlib.util
import pickle
from collections import Counter, OrderedDict, defaultdict, deque
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.hooks import Hook
from mmengine.optim import OptimWrapper, OptimWrapperDict
from mmengine.registry import HOOKS, OPTIM_WRAPPERS, OPTIMIZERS, PARAM_SCHEDULERS, VISBACKENDS
from mmengine.runner import CheckpointLoader
from mmpose.datasets.datasets.utils import parse_pose_metainfo
from mmpose.registry import OPTIM_WRAPPERS as OURS

from helpers import saved_runs
from mmpose_mum.checkpoint import safe_load

pytestmark = pytest.mark.filterwarnings('ignore:Detected call of `scheduler.step')
MMPOSE = Path(importlib.util.find_spec('mmpose').submodule_search_locations[0])
DATASETS = sorted((MMPOSE / '.mim/configs/_base_/datasets').glob('*.py'))


def names(registry, kind):
    """Returns the names of what is registered and is no more than ``kind``, the class of all."""
    return sorted(name for name, found in registry.module_dict.items()
                  if issubclass(found, kind) and found is not kind)


def resume(path, **options):
    """Goes on from a checkpoint, and returns what it holds."""
    whole = saved_runs.check_readers(path)
    further = saved_runs.train(path.parent / 'on', 3, load_from=str(path), resume=True, **options)
    assert saved_runs.check_readers(further)['meta']['iter'] == whole['meta']['iter'] + 1
    return whole


def test_mmpose_ships_datasets():
    assert len(DATASETS) >= 55


@pytest.mark.parametrize('path', DATASETS, ids=lambda path: path.stem)
def test_keypoints_of_every_dataset(path, tmp_path):
    metainfo = parse_pose_metainfo(dict(from_file=str(path)))
    found = saved_runs.check_readers(saved_runs.train(tmp_path, 1, metainfo=metainfo))
    assert saved_runs.same(found['meta']['dataset_meta'], metainfo)


def test_without_skeleton_and_sigmas_it_goes_on_or_begins_anew(tmp_path):
    metainfo = parse_pose_metainfo(dict(
        dataset_name='mine', keypoint_info={0: dict(name='head', id=0)}, skeleton_info={},
        joint_weights=[1.], sigmas=[]))
    run = saved_runs.train(tmp_path, metainfo=metainfo)
    assert saved_runs.same(resume(run, metainfo=metainfo)['meta']['dataset_meta'], metainfo)
    saved_runs.train(tmp_path / 'anew', 1, load_from=str(run), metainfo=metainfo)


# What each optimizer may be told so that it keeps more than it does by itself.
OPTIMIZER_OPTIONS = dict(
    Adam=dict(amsgrad=True), LBFGS=dict(line_search_fn='strong_wolfe', history_size=2),
    RMSprop=dict(centered=True, momentum=.9), Rprop=dict(step_sizes=(1e-6, 50)),
    SGD=dict(momentum=.9))


@pytest.mark.parametrize('name', names(OPTIMIZERS, torch.optim.Optimizer))
def test_every_optimizer(name, tmp_path):
    if name == 'ZeroRedundancyOptimizer':
        pytest.skip('it needs several processes')
    options = dict(sparse=name == 'SparseAdam', optim_wrapper=dict(
        optimizer=dict(type=name, lr=.1, **OPTIMIZER_OPTIONS.get(name, {}))))
    assert resume(saved_runs.train(tmp_path, **options), **options)['optimizer']['state']


# What each schedule needs to be told, whatever it changes.
SCHEDULES = dict(
    Exponential=dict(gamma=.9), MultiStep=dict(milestones=[2, 3]), Step=dict(step_size=2),
    CosineAnnealing=dict(T_max=5), CosineRestart=dict(periods=[3], eta_min=0),
    OneCycle=dict(eta_max=1, total_steps=9),
    ReduceOnPlateau=dict(by_epoch=True, monitor='score', patience=0))


def schedule(name, **options):
    """Returns the config of a schedule of that name."""
    kind = next(kind for kind in ('LR', 'Momentum', 'ParamScheduler') if name.endswith(kind))
    options = dict(dict(by_epoch=False), **SCHEDULES.get(name[:-len(kind)], {}), **options)
    if kind == 'ParamScheduler':
        options['param_name'] = 'lr'
    return dict(type=name, **options)


@pytest.mark.filterwarnings('ignore:torch.cuda.amp.GradScaler')
@pytest.mark.parametrize('name', [
    *sorted(OPTIM_WRAPPERS.module_dict), *(f'mmpose.{name}' for name in OURS.module_dict)])
def test_every_optimizer_wrapper(name, tmp_path, monkeypatch):
    if name in ('ApexOptimWrapper', 'ColossalAIOptimWrapper', 'DeepSpeedOptimWrapper'):
        pytest.skip('it needs a package of its own, and two of them another Runner')
    # The one for float16 asks for an accelerator, although it works without one.
    monkeypatch.setattr(
        'mmengine.optim.optimizer.amp_optimizer_wrapper.is_cuda_available', lambda: True)
    options = dict(optim_wrapper=dict(
        type=name, optimizer=dict(type='Adam', lr=.1), accumulative_counts=2,
        clip_grad=dict(max_norm=1.), paramwise_cfg=dict(custom_keys=dict(table=dict(lr_mult=2.)))))
    found = resume(saved_runs.train(tmp_path, **options), **options)['optimizer']
    assert found['param_groups'][0]['lr'] == .2
    assert ('loss_scaler' in found) == (name == 'AmpOptimWrapper')


def test_several_optimizers(tmp_path):
    def options():
        weights = list(saved_runs.Table().parameters())
        return dict(
            optim_wrapper=OptimWrapperDict(a=OptimWrapper(torch.optim.SGD(weights, lr=.1)),
                                           b=OptimWrapper(torch.optim.Adam(weights, lr=.1))),
            param_scheduler=dict(a=schedule('LinearLR'), b=schedule('StepLR')))

    found = resume(saved_runs.train(tmp_path, **options()), **options())
    assert found['optimizer'].keys() == found['param_schedulers'].keys() == {'a', 'b'}


@pytest.mark.parametrize('name', sorted(PARAM_SCHEDULERS.module_dict))
def test_every_schedule(name, tmp_path):
    options = dict(param_scheduler=[schedule(name)])
    assert len(resume(saved_runs.train(tmp_path, **options), **options)['param_schedulers']) == 1


@pytest.mark.parametrize('options', [dict(anneal_strategy='linear'), dict(three_phase=True)])
def test_a_schedule_of_one_cycle(options, tmp_path):
    options = dict(param_scheduler=[schedule('OneCycleLR', **options)])
    resume(saved_runs.train(tmp_path, **options), **options)


# What each hook needs to be told.
HOOK_OPTIONS = dict(
    EarlyStoppingHook=dict(monitor='score', rule='less'),
    ProfilerHook=dict(by_epoch=False, profile_times=1, on_trace_ready=None))


@pytest.mark.parametrize('name', names(HOOKS, Hook))
def test_every_hook(name, tmp_path):
    if name in ('NPUProfilerHook', 'PrepareTTAHook', 'RFSearchHook'):
        pytest.skip('it needs an accelerator, is for tests, or is of a search')
    options = dict(custom_hooks=[dict(type=name, **HOOK_OPTIONS.get(name, {}))])
    found = resume(saved_runs.train(tmp_path, **options), **options)
    assert ('ema_state_dict' in found) == (name == 'EMAHook')


@pytest.mark.parametrize('name', sorted(VISBACKENDS.module_dict))
def test_every_visualizer_backend(name, tmp_path):
    options = dict(visualizer=dict(type='Visualizer', vis_backends=[dict(type=name)]))
    if name != 'LocalVisBackend':
        pytest.importorskip(dict(TensorboardVisBackend='tensorboard').get(
            name, name[:-len('VisBackend')].lower()))
    resume(saved_runs.train(tmp_path, **options), **options)


# What a hook or a metric may leave in the Runner's message hub.
VALUES = [
    'text', b'', b'bytes', bytearray(), bytearray(b'more'), 10 ** 30, 1.5, 1j, float('inf'), None,
    {1, 'a'}, frozenset([2]), range(3), (1, [2, {3: 4}]), Counter('aab'), OrderedDict(a=1),
    Path('a') / 'b', datetime.datetime(2024, 1, 2, tzinfo=datetime.timezone.utc),
    datetime.date(2024, 1, 2), datetime.time(3, 4), datetime.timedelta(5),
    torch.zeros(0, 3), torch.ones(2, dtype=torch.bfloat16), torch.float16, torch.Size([1]),
    *(np.ones(shape, dtype) for shape in ((0, 3), (), (2, ))
      for dtype in ('?', 'u1', 'i8', '>i4', 'f2', '>f4', 'f8', 'longdouble', 'c8', '>c16')),
    *(np.dtype(dtype).type(1) for dtype in ('?', 'u2', 'i8', 'f2', 'f4', 'longdouble', 'c8')),
    np.array([], 'U'), np.array(['left', 'é']), np.array('a', '>U3'), np.array([b'a', b'']),
    np.str_('a'), np.bytes_(b'a'), np.asfortranarray(np.ones((2, 3)))]


def ids(values):
    return [f'{i}-{type(value).__name__}' for i, value in enumerate(values)]


def with_value(value):
    """Returns a checkpoint that holds a value beside its tensors."""
    return dict(state_dict=dict(a=torch.ones(1)), message_hub=dict(runtime_info=dict(x=[value])))


@pytest.mark.parametrize('value', VALUES, ids=ids(VALUES))
def test_values_of_every_kind(value, tmp_path):
    torch.save(with_value(value), str(tmp_path / 'a.pth'))
    found = saved_runs.check_readers(tmp_path / 'a.pth')['message_hub']['runtime_info']['x']
    # NumPy itself gives the machine's order of bytes back.
    assert saved_runs.same(found, pickle.loads(pickle.dumps([value], 2)))


# PyTorch fills neither of the first, and NumPy 2 crashes at a damaged dtype of dates.
UNKNOWN_TO_PYTORCH = [
    defaultdict(list, a=[1]), deque([1, 2], 3), np.array(['2024-01-02'], 'M8[D]'),
    np.datetime64('2024-01-02'), np.timedelta64(3, 's'), slice(1, 2), torch.device('cpu')]


@pytest.mark.parametrize('value', UNKNOWN_TO_PYTORCH, ids=ids(UNKNOWN_TO_PYTORCH))
@pytest.mark.parametrize('protocol', range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_what_pytorch_refuses_hides_no_tensor_from_our_reader(value, protocol, tmp_path):
    torch.save(with_value([value, *VALUES]), str(tmp_path / 'a.pth'), pickle_protocol=protocol)
    found = safe_load.load_checkpoint(tmp_path / 'a.pth')
    assert torch.equal(found['state_dict']['a'], torch.ones(1))


@pytest.mark.skipif(not hasattr(torch.serialization, 'get_unsafe_globals_in_checkpoint'),
                    reason='before PyTorch 2.6 everything is loaded by default')
@pytest.mark.parametrize('value, name', [
    (defaultdict(list, a=[1]), 'defaultdict'), (deque([1, 2], 3), 'deque'),
    (np.array(['2024-01-02'], 'M8[D]'), "'M8'"), (np.datetime64('2024-01-02'), "'M8'")])
def test_what_pytorch_refuses_is_named(value, name, tmp_path):
    torch.save(with_value(value), str(tmp_path / 'a.pth'))
    with pytest.raises(pickle.UnpicklingError, match=name):
        CheckpointLoader.load_checkpoint(str(tmp_path / 'a.pth'))


@pytest.mark.parametrize('old, new', [
    (b'cnumpy.core.', b'cnumpy._core.'), (b'cnumpy._core.', b'cnumpy.core.'),
    (b'c__builtin__\nbytes', b'cbuiltins\nbytes')])
def test_names_that_other_versions_write(old, new, tmp_path):
    """NumPy 1 and 2 and pickle's protocols name the same by different names."""
    meta = dict(sigmas=np.array([], 'f4'), score=np.float32(1), names=np.array(['a']))
    torch.save(dict(state_dict=dict(a=torch.ones(1)), meta=meta), str(tmp_path / 'a.pth'))
    saved_runs.rewrite(tmp_path / 'a.pth', lambda content: content.replace(old, new))
    assert saved_runs.same(saved_runs.check_readers(tmp_path / 'a.pth')['meta'], meta)
