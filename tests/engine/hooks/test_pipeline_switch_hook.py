"""The labeled images get their second pipeline at the right batch, and no sample is lost."""
import logging
from contextlib import nullcontext
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmcv.transforms import Compose
from mmengine.dataset import ConcatDataset, RepeatDataset
from mmengine.runner.loops import IterBasedTrainLoop
from mmpose.registry import TRANSFORMS
from torch.utils.data import DataLoader, Dataset

from mmpose_mum.datasets import PoseMultiBranch, SemiSupervisedSampler
from mmpose_mum.engine import LabeledPipelineSwitchHook
from mmpose_mum.engine.hooks import pipeline_switch_hook
from mmpose_mum.functional.branches import BRANCHES

BATCH, ITERS, SWITCH = 4, 9, 5


@TRANSFORMS.register_module()
class MarkSample:
    """Packs a sample's number together with the name of the pipeline that it went through."""

    def __init__(self, name):
        self.name = name

    def __call__(self, results):
        """Pack it."""
        return dict(inputs=(self.name, results['number']), data_samples=None)


class Numbers(Dataset):
    """Samples that are numbers, through a pipeline as MMEngine's datasets have one."""

    metainfo = {}

    def __init__(self, first, size, branch):
        self.numbers = range(first, first + size)
        step = PoseMultiBranch(BRANCHES, **{branch: [dict(type='MarkSample', name='first')]})
        self.pipeline = SimpleNamespace(transforms=[step])

    def full_init(self):
        """Do nothing, as there is nothing to read."""

    def __len__(self):
        return len(self.numbers)

    def __getitem__(self, index):
        step, = self.pipeline.transforms
        return next(filter(None, step(dict(number=self.numbers[index]))['inputs'].values()))


class Both(torch.utils.data.ConcatDataset):
    """Both sources, as the sampler needs them."""

    metainfo = {}


def run(workers, *, switch=SWITCH, wrap=lambda dataset: dataset, resume=0, persistent=True):
    """Trains nothing, in MMEngine's own loop; returns the batches of (pipeline, number)."""
    hook = LabeledPipelineSwitchHook(switch, [dict(type='MarkSample', name='second')])
    data = Both([wrap(Numbers(0, 7, 'sup')), Numbers(100, 11, 'unsup_teacher')])
    loader = DataLoader(
        data, BATCH, sampler=SemiSupervisedSampler(data, BATCH, seed=3), num_workers=workers,
        persistent_workers=persistent and workers > 0, collate_fn=list)
    seen = []

    def call_hook(name, **kwargs):
        if name == 'before_train':
            hook.before_train(runner)
        if name == 'after_train_iter':
            hook.after_train_iter(runner, **kwargs)

    runner = SimpleNamespace(
        train_dataloader=loader, call_hook=call_hook, max_iters=ITERS,
        logger=logging.getLogger('test'), visualizer=SimpleNamespace(), val_loop=None,
        optim_wrapper=None, model=SimpleNamespace(
            train=lambda: None, train_step=lambda batch, optim_wrapper: seen.append(batch)))
    loop = runner.train_loop = IterBasedTrainLoop(runner, loader, ITERS)
    loop._iter = runner.iter = resume
    loop.run()
    return seen


def expected(data_sizes=(7, 11)):
    """Lists the batches of numbers without any switch."""
    data = Both([Numbers(0, data_sizes[0], 'sup'), Numbers(100, data_sizes[1], 'unsup_teacher')])
    stream = iter(SemiSupervisedSampler(data, BATCH, seed=3))
    index = [next(stream) for _ in range(BATCH * ITERS)]
    numbers = [i if i < data_sizes[0] else 100 + i - data_sizes[0] for i in index]
    return np.reshape(numbers, (ITERS, BATCH)).tolist()


def numbers_of(batches):
    return [[number for _, number in batch] for batch in batches]


def pipelines_of(batches):
    """Returns the names of the labeled samples' pipelines, batch by batch."""
    return [{name for name, number in batch if number < 100} for batch in batches]


@pytest.mark.parametrize('workers, persistent', [(0, False), (2, True), (2, False)])
def test_the_switch_is_exact_and_the_stream_goes_on(workers, persistent):
    seen = run(workers, persistent=persistent)
    assert numbers_of(seen) == expected()
    assert pipelines_of(seen) == [{'first'}] * SWITCH + [{'second'}] * (ITERS - SWITCH)
    unlabeled = {name for batch in seen for name, number in batch if number >= 100}
    assert unlabeled == {'first'}


@pytest.mark.parametrize('workers', [0, 2])
@pytest.mark.parametrize('resume', [SWITCH - 2, SWITCH, SWITCH + 2])
def test_it_works_after_a_resume(workers, resume):
    seen = run(workers, resume=resume)
    assert numbers_of(seen) == expected()[resume:]
    assert pipelines_of(seen) == (
        [{'first'}] * max(0, SWITCH - resume) + [{'second'}] * (ITERS - max(SWITCH, resume)))


@pytest.mark.parametrize('switch, number', [(ITERS - 1, 0), (ITERS, 1), (ITERS + 1, 1)])
def test_a_switch_that_never_comes_is_told(switch, number, monkeypatch):
    told = []
    monkeypatch.setattr(pipeline_switch_hook, 'print_log', lambda text, *_: told.append(text))
    run(0, switch=switch)
    assert len(told) == number
    assert all(f'switch_iter={switch}, but the training ends at {ITERS}' in text for text in told)


def test_no_switch_at_the_end_and_at_once_at_the_start():
    assert pipelines_of(run(0, switch=ITERS)) == [{'first'}] * ITERS
    assert pipelines_of(run(0, switch=0)) == [{'second'}] * ITERS


def repeated(dataset):
    wrapper = RepeatDataset.__new__(RepeatDataset)
    wrapper.dataset, wrapper.times, wrapper._ori_len = dataset, 1, len(dataset)
    wrapper._fully_initialized = True
    return wrapper


def concatenated(dataset):
    wrapper = ConcatDataset.__new__(ConcatDataset)
    torch.utils.data.ConcatDataset.__init__(wrapper, [dataset])
    wrapper._fully_initialized = True
    return wrapper


@pytest.mark.parametrize('wrap', [repeated, concatenated])
def test_it_reaches_into_wrappers(wrap):
    seen = run(0, wrap=wrap)
    assert numbers_of(seen) == expected()
    assert pipelines_of(seen)[SWITCH:] == [{'second'}] * (ITERS - SWITCH)


def test_data_without_labels_and_a_negative_iteration_are_errors():
    hook = LabeledPipelineSwitchHook(3, [])
    loader = SimpleNamespace(dataset=Numbers(0, 3, 'unsup_teacher'))
    with pytest.raises(ValueError, match='no PoseMultiBranch with a branch `sup`'):
        hook.before_train(SimpleNamespace(train_dataloader=loader, iter=0))
    with pytest.raises(ValueError, match='at least 0, got -1'):
        LabeledPipelineSwitchHook(-1, [])


@TRANSFORMS.register_module()
class Blank:
    """Packs an image of a size; fails without one."""

    def __init__(self, size=None):
        self.size = size

    def __call__(self, results):
        """Pack it."""
        return dict(inputs=torch.zeros(3, *self.size) + torch.rand(1), data_samples=None)


class People(Numbers):
    """Samples that are loaded as MMEngine's datasets load them."""

    def prepare_data(self, index):
        """Run the pipeline."""
        step, = self.pipeline.transforms
        return step(dict(number=self.numbers[index]))


@pytest.mark.parametrize('second, message', [
    (dict(type='Blank', size=(8, 6)), None),
    (dict(type='Blank', size=(6, 8)), r'images of \(6, 8\) pixels .*before it \(8, 6\)'),
    (dict(type='Blank'), 'cannot load the first labeled person: TypeError'),
])
def test_the_second_pipeline_is_tried_on_a_person(second, message):
    dataset = People(0, 3, 'sup')
    branches = dataset.pipeline.transforms[0].branch_pipelines
    first = branches['sup'] = Compose([Blank((8, 6))])
    hook, runner = LabeledPipelineSwitchHook(3, [second]), SimpleNamespace(
        train_dataloader=SimpleNamespace(dataset=dataset), iter=0, max_iters=ITERS)
    before = torch.get_rng_state()
    with pytest.raises(ValueError, match=message) if message else nullcontext():
        hook.before_train(runner)
    assert branches['sup'] is first and torch.get_rng_state().equal(before)


def test_a_mistake_in_the_second_pipeline_is_told_at_the_start():
    hook = LabeledPipelineSwitchHook(3, [dict(type='MarkSample')])
    loader = SimpleNamespace(dataset=Numbers(0, 3, 'sup'))
    with pytest.raises(TypeError, match='name'):
        hook.before_train(SimpleNamespace(train_dataloader=loader, iter=0))
