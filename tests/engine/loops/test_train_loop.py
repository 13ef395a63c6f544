"""The loop goes on where it stopped: data, random numbers, validations, each for itself."""
import random
import re
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmdet.engine.hooks import PipelineSwitchHook
from mmdet.engine.runner import TeacherStudentValLoop
from mmengine.hooks import EarlyStoppingHook, Hook
from mmengine.runner import ValLoop

from helpers import toy_runner
from helpers.toy_runner import build, same
from mmpose_mum.engine import EMANHook
from mmpose_mum.engine.loops import train_loop
from mmpose_mum.engine.loops.val_loop import TeacherStudentOnePassValLoop

STOP = 5


class Stop(Exception):
    """The training ends here."""


class StopAt(Hook):
    """Stops before an iteration, or before the validation that follows upon one."""

    def __init__(self, iteration, in_val=False):
        self.iteration, self.in_val = iteration, in_val

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        """Stop, if it is this one."""
        if runner.iter == self.iteration and not self.in_val:
            raise Stop

    def before_val(self, runner):
        """Stop, if it is this one."""
        if runner.iter == self.iteration and self.in_val:
            raise Stop


def run(*args, **kwargs):
    runner = build(*args, **kwargs)
    runner.train()
    return runner


def read(runner):
    return [source.read for source in runner.train_dataloader.dataset.datasets]


@pytest.mark.parametrize('loop', ['ResumableTrainLoop', 'IterBasedTrainLoop'])
@pytest.mark.parametrize('seed', [0, None])
def test_a_resumed_training_is_the_same_and_reads_nothing_twice(tmp_path, loop, seed):
    """Without a seed in the config, the checkpoint's is taken. MMEngine's loop is the control."""
    straight = run(tmp_path / 'a', 12, loop=loop, seed=seed)
    with pytest.raises(Stop):
        run(tmp_path / 'b', 12, loop=loop, seed=straight.seed, hooks=[StopAt(STOP + 3)])
    resumed = run(tmp_path / 'b', 12, loop=loop, seed=seed, resume=True)
    first, second = read(straight), read(resumed)
    if loop == 'ResumableTrainLoop':
        assert same(straight, resumed)
        for all_, later in zip(first, second):
            assert later == all_[2 * STOP:] and len(later) == 2 * (12 - STOP)
    else:
        assert not same(straight, resumed)
        assert len(second[0]) == len(first[0])  # replayed
    assert resumed.model.generator.initial_seed() == 5 or loop == 'IterBasedTrainLoop'


def test_a_stop_in_a_validation_is_made_up_for(tmp_path):
    scores = [1, 2, 3, 4]
    straight = run(tmp_path / 'a', 12, scores=scores[:], val_interval=STOP)
    runner = build(tmp_path / 'b', 12, scores=scores[:], val_interval=STOP,
                   hooks=[StopAt(2 * STOP, in_val=True)])
    with pytest.raises(Stop):
        runner.train()
    resumed = run(tmp_path / 'b', 12, scores=scores[1:], val_interval=STOP, resume=True)
    assert same(straight, resumed)
    logged = [list(r.message_hub.get_scalar('val/score').data[0]) for r in (straight, resumed)]
    assert logged == [[1, 2, 3], [1, 2, 3]]


def test_a_training_that_goes_on_after_an_interrupt_makes_up_for_the_validation(tmp_path):
    runner = build(tmp_path, 12, scores=[1, 2, 3], val_interval=STOP,
                   hooks=[StopAt(2 * STOP, in_val=True)])
    with pytest.raises(Stop):
        runner.train()
    runner._hooks = [hook for hook in runner.hooks if not isinstance(hook, StopAt)]
    runner.train()
    assert list(runner.message_hub.get_scalar('val/score').data[0]) == [1, 2, 3]


def test_a_validation_that_is_in_the_checkpoint_is_not_repeated(tmp_path):
    best = dict(save_best='score', rule='greater')  # writes the checkpoint again behind it
    with pytest.raises(Stop):
        run(tmp_path, 12, scores=[1], val_interval=STOP, checkpoint=best, hooks=[StopAt(STOP)])
    resumed = run(tmp_path, 9, scores=[7], val_interval=STOP, checkpoint=best, resume=True)
    assert resumed.val_evaluator.metrics[0].asked == 1  # the last iteration's
    assert resumed.message_hub.get_info('best_score') == 7


def test_a_resume_that_has_nothing_left_to_train_is_told(tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr(train_loop, 'print_log', lambda message, *_: said.append(message))
    straight = run(tmp_path, STOP)
    assert not said
    resumed = run(tmp_path, STOP, resume=True)
    assert len(said) == 1 and 'has 5 iterations, and train_cfg has max_iters=5' in said[0]
    assert same(straight, resumed) and not any(map(len, read(resumed)))


def test_the_model_trains_again_after_each_validation(tmp_path):
    seen = []

    class Modes(Hook):
        def before_train_iter(self, runner, batch_idx, data_batch=None):
            seen.append(runner.model.training)

    run(tmp_path, 8, scores=[1, 2, 3], val_interval=3, hooks=[Modes()])
    assert seen == [True] * 8


def test_each_process_draws_its_own_random_numbers(tmp_path, monkeypatch):
    runs = []
    for rank in (0, 1):
        monkeypatch.setattr(train_loop, 'get_rank', lambda rank=rank: rank)
        runs.append(run(tmp_path / str(rank), 6))
    assert not same(*runs)


def test_validations_begin_and_grow_frequent_when_the_config_says(tmp_path):
    runner = build(tmp_path, 12, scores=[1, 2, 3, 4, 5], val_interval=4)
    runner._train_loop.update(val_begin=6, dynamic_intervals=[(9, 1)])
    runner.train()
    assert runner.val_evaluator.metrics[0].asked == 5  # after 8 iterations, and after 9 to 12


def test_accumulated_gradients_resume_between_two_steps(tmp_path):
    straight = run(tmp_path / 'a', 12, accumulate=STOP)
    with pytest.raises(Stop):
        run(tmp_path / 'b', 12, accumulate=STOP, hooks=[StopAt(STOP + 1)])
    assert same(straight, run(tmp_path / 'b', 12, accumulate=STOP, resume=True))


def test_other_data_after_the_stop_are_reported(tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr(train_loop, 'print_log', lambda message, *_: said.append(message))
    run(tmp_path, STOP)
    run(tmp_path, STOP + 1, resume=True)
    assert not said
    run(tmp_path, STOP + 2, resume=True, sampler=dict(
        type='SemiSupervisedSampler', batch_size=4, source_ratio=[3, 1]))
    assert len(said) == 1 and 'per_batch, were [2, 2] and are [3, 1]' in said[0]
    run(tmp_path, STOP + 3, resume=True, sizes=(11, 14))  # someone was added
    assert 'labeled and unlabeled people were [10, 14] and are [11, 14]' in said[1]


def test_entries_that_were_edited_between_stop_and_resume_are_told(tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr(train_loop, 'print_log', lambda message, *_: said.append(message))
    run(tmp_path, STOP)
    # As many people as before; how MMEngine's datasets keep them.
    monkeypatch.setattr(toy_runner.Noise, 'data_bytes', b'edited', raising=False)
    run(tmp_path, STOP + 1, resume=True)
    assert len(said) == 1 and ': the checksums of their entries, order and folder were' in said[0]


def test_the_log_tells_measures_alone(tmp_path):
    """MMEngine adds to a validation's line whatever in its hub begins with 'val'."""
    runner = build(tmp_path, STOP, scores=[1], val_interval=STOP)
    said = []
    runner.logger.info = said.append
    runner.train()
    line, = [line for line in said if line.startswith('Iter(val) [1/1]    ')]
    assert re.findall(r'(\w+): ', line) == ['score', 'cost', 'data_time', 'time']


def test_another_sampler_is_replayed_as_mmengine_does(tmp_path):
    infinite = dict(type='InfiniteSampler', shuffle=True)
    run(tmp_path, STOP, sampler=infinite)
    resumed = run(tmp_path, 7, sampler=infinite, resume=True)
    assert resumed.iter == 7 and sum(map(len, read(resumed))) == 7 * 4
    with pytest.raises(ValueError, match='SafeCheckpointHook, counts epochs'):  # as for any other
        run(tmp_path, 8, sampler=infinite, checkpoint=dict(by_epoch=True))


def test_the_sampler_has_the_loaders_batch_size(tmp_path):
    runner = run(tmp_path, 1, sampler=dict(type='SemiSupervisedSampler', source_ratio=[3, 1]))
    assert runner.train_dataloader.sampler.batch_size == 4
    assert runner.train_dataloader.sampler.per_batch == [3, 1]


@pytest.mark.parametrize('of_sampler', [2, 8])
def test_a_sampler_for_other_batches_than_the_loaders_is_an_error(tmp_path, of_sampler):
    with pytest.raises(ValueError, match=rf'batches of 4, .*SemiSupervisedSampler.*{of_sampler}: '
                       r'.*train_dataloader\.batch_size.*train_dataloader\.sampler\.batch_size'):
        run(tmp_path, 1, sampler=dict(type='SemiSupervisedSampler', batch_size=of_sampler))


def test_a_hook_that_waits_for_an_epoch_is_an_error(tmp_path):
    with pytest.raises(ValueError, match='PipelineSwitchHook.*epochs.*LabeledPipelineSwitchHook'):
        run(tmp_path, 1, hooks=[PipelineSwitchHook(1, [])])


@pytest.mark.parametrize('loop', [TeacherStudentOnePassValLoop, TeacherStudentValLoop])
def test_an_early_stop_by_a_metric_of_no_model_is_an_error(loop):
    def check(monitor, val_loop):
        train_loop._check_monitors(SimpleNamespace(val_loop=val_loop, hooks=[
            EarlyStoppingHook(monitor=monitor, rule='greater')]))

    check('teacher/PCK', loop.__new__(loop))
    check('student/PCK', loop.__new__(loop))
    check('PCK', ValLoop.__new__(ValLoop))
    with pytest.raises(ValueError, match="never stop.*monitor='teacher/PCK'"):
        check('PCK', loop.__new__(loop))


def test_a_checkpoint_hook_that_counts_epochs_is_an_error(tmp_path):
    with pytest.raises(ValueError, match='SafeCheckpointHook, counts epochs.*by_epoch=False'):
        run(tmp_path, 1, checkpoint=dict(by_epoch=True))


def test_the_model_knows_whose_hub_is_its_trainings(tmp_path):
    runner = build(tmp_path / 'a', 1)
    runner.model.run_name = None
    build(tmp_path / 'b', 1)
    runner.train()
    assert runner.model.run_name == runner.message_hub.instance_name


def test_a_scheduler_that_counts_epochs_is_an_error(tmp_path):
    runner = build(tmp_path, 1)
    runner.param_schedulers = [dict(type='MultiStepLR', milestones=[1])]
    with pytest.raises(ValueError, match='has a MultiStepLR that counts epochs.*by_epoch=False'):
        runner.train()
    runner = build(tmp_path, 1)
    runner.param_schedulers = [dict(type='ReduceOnPlateauLR', monitor='PCK')]
    runner.train()


class Follows(EMANHook):
    """Stands for one that finds a teacher and a student."""

    before_train = after_train_iter = after_train = lambda *_, **__: None


@pytest.mark.parametrize('trains_teacher, hooks, number', [
    (False, [], 1), (False, [Follows()], 0), (True, [], 0), (None, [], 0)])
def test_a_teacher_that_nobody_moves_is_told(tmp_path, monkeypatch, trains_teacher, hooks, number):
    said = []
    monkeypatch.setattr(train_loop, 'print_log', lambda message, *_: said.append(message))
    runner = build(tmp_path, 1, hooks=hooks)
    if trains_teacher is not None:  # a plain model says nothing of a teacher
        runner.model.trains_teacher = trains_teacher
    runner.train()
    assert ['no EMANHook' in text for text in said] == [True] * number


def test_iterations_draw_by_their_number_and_the_runs_seed(tmp_path):
    """What is drawn between two iterations, as by a hook or a validation, changes nothing."""

    class Draws(Hook):

        def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
            torch.rand(batch_idx + 1, generator=runner.model.generator)
            torch.rand(2)

    plain = run(tmp_path / 'a', 6)
    assert same(plain, run(tmp_path / 'b', 6, hooks=[Draws()]))
    assert not same(plain, run(tmp_path / 'c', 6, seed=1))


def test_modules_draw_by_the_runs_seed_too(tmp_path):

    class Seeds(Hook):

        def before_train(self, runner):
            self.seen = []

        def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
            self.seen.append(runner.model.generator.initial_seed())

    seeds = [Seeds(), Seeds()]
    for seed, hook in enumerate(seeds):
        run(tmp_path / str(seed), 6, seed=seed, hooks=[hook])
    assert len({seed for hook in seeds for seed in hook.seen}) == 12


def test_no_two_iterations_draw_the_same_numbers(tmp_path):
    """Else each step would hide the same keypoints, and drop out the same features."""

    class Draws(Hook):

        def before_train(self, runner):
            self.seen = []

        def before_train_iter(self, runner, batch_idx, data_batch=None):
            self.seen.append((random.random(), np.random.rand(), torch.rand(()).item()))

    hook = Draws()
    run(tmp_path, 6, hooks=[hook])
    assert [len(set(numbers)) for numbers in zip(*hook.seen)] == [6] * 3
