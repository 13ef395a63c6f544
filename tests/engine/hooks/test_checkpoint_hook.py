"""Whatever happens while a checkpoint is written, there is one to resume from."""
import resource
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from mmengine.hooks import Hook

from helpers.tiny_estimators import build as build_estimator
from helpers.toy_runner import build, same
from mmpose_mum.checkpoint import schedule
from mmpose_mum.checkpoint.atomic_backend import AtomicLocalBackend
from mmpose_mum.engine.hooks import checkpoint_hook
from mmpose_mum.engine.hooks.checkpoint_hook import SafeCheckpointHook

BIG = 200_000  # elements: a checkpoint of 0.8 MB, logs are far smaller


class FullBetween(Hook):
    """Fills the disk before an iteration's end and frees it before another one's.

    No file can grow beyond a size then: a write fails half way, as on a full disk.
    """

    priority = 'VERY_HIGH'

    def __init__(self, begin, end):
        self.begin, self.end = begin, end

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        """Set the limit."""
        limit = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
        full = self.begin <= batch_idx + 1 < self.end
        resource.setrlimit(resource.RLIMIT_FSIZE, (BIG if full else limit, limit))


@pytest.fixture(autouse=True)
def no_limit_afterwards():
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def train(folder, iters, *, keep=1, resume=False, interval=5, **kwargs):
    checkpoint = dict(max_keep_ckpts=keep, interval=interval, **kwargs.pop('checkpoint', {}))
    runner = build(folder, iters, padding=BIG, resume=resume, checkpoint=checkpoint, **kwargs)
    said = []
    runner.logger.error = said.append
    try:
        runner.train()
    finally:
        runner.said = said
    return runner


def told(monkeypatch, module):
    """Collects what a module logs."""
    logged = []
    monkeypatch.setattr(module, 'print_log', lambda text, *_: logged.append(text))
    return logged


def files(folder):
    return sorted(p.name for p in Path(folder).iterdir()
                  if p.is_file() and p.suffix not in ('.py', '.lock'))


def last(folder):
    return Path((Path(folder) / 'last_checkpoint').read_text()).name


def test_as_many_are_kept_as_are_asked_for(tmp_path):
    train(tmp_path / 'a', 12, keep=2)
    assert files(tmp_path / 'a') == ['iter_10.pth', 'iter_12.pth', 'last_checkpoint']
    train(tmp_path / 'a', 14, keep=1, resume=True)
    assert files(tmp_path / 'a') == ['iter_14.pth', 'last_checkpoint']
    train(tmp_path / 'b', 12, keep=-1)
    assert files(tmp_path / 'b') == ['iter_10.pth', 'iter_12.pth', 'iter_5.pth', 'last_checkpoint']


def test_the_old_one_goes_when_the_new_one_is_there(tmp_path, monkeypatch):
    seen = []
    remove = AtomicLocalBackend.remove

    def watched(self, path):
        new = torch.load(Path(tmp_path) / last(tmp_path))['meta']['iter']
        seen.append((Path(path).name, new))
        remove(self, path)

    monkeypatch.setattr(AtomicLocalBackend, 'remove', watched)
    train(tmp_path, 12)
    assert seen == [('iter_5.pth', 10), ('iter_10.pth', 12)]


def test_what_a_killed_process_could_not_delete_goes_after_the_resume(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(SafeCheckpointHook, '_delete', lambda *_: None)
        train(tmp_path, 10)
    assert files(tmp_path) == ['iter_10.pth', 'iter_5.pth', 'last_checkpoint']
    train(tmp_path, 11, resume=True)
    assert files(tmp_path) == ['iter_11.pth', 'last_checkpoint']


def test_a_full_disk_is_reported_and_the_training_goes_on(tmp_path):
    straight = train(tmp_path / 'a', 15)
    runner = train(tmp_path / 'b', 15, hooks=[FullBetween(10, 15)])
    assert same(straight, runner)  # nothing else changes
    error, = runner.said
    size = (tmp_path / 'b/iter_15.pth').stat().st_size
    for part in ('File too large', 'b/iter_10.pth needs', f'{str(size)[0]}', 'are free',
                 'goes on', 'b/iter_5.pth. Make room'):
        assert part in error, error
    assert files(tmp_path / 'b') == ['iter_15.pth', 'last_checkpoint']


def test_the_old_one_stays_while_the_disk_is_full(tmp_path):
    runner = build(tmp_path, 12, padding=BIG, checkpoint=dict(max_keep_ckpts=1),
                   hooks=[FullBetween(10, 99)])
    with pytest.raises(OSError, match='iter_12.pth needs .* bytes, .* are free'):
        runner.train()  # the last one could not be written in the end, either
    assert files(tmp_path) == ['iter_5.pth', 'last_checkpoint'] and last(tmp_path) == 'iter_5.pth'
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    resumed = train(tmp_path, 12, resume=True)
    assert same(resumed, train(tmp_path / 'straight', 12))
    assert files(tmp_path) == ['iter_12.pth', 'last_checkpoint']


def test_a_last_one_that_failed_is_tried_again_at_the_end(tmp_path):

    class Free(Hook):
        priority = 'VERY_HIGH'

        def after_train_epoch(self, runner, *_):
            limit = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    runner = train(tmp_path, 12, hooks=[FullBetween(10, 99), Free()])
    assert len(runner.said) == 2
    assert torch.load(tmp_path / 'iter_12.pth')['meta']['iter'] == 12
    assert files(tmp_path) == ['iter_12.pth', 'last_checkpoint']


def best_of(folder):
    return [name for name in files(folder) if name.startswith('best')]


def test_the_best_one_is_replaced_when_a_better_one_is_there(tmp_path, monkeypatch):
    seen = []
    delete = SafeCheckpointHook._delete

    def watched(self, path):
        seen.append((Path(path).name, best_of(tmp_path)))
        delete(self, path)

    monkeypatch.setattr(SafeCheckpointHook, '_delete', watched)
    best = dict(save_best='score', rule='greater')
    train(tmp_path, 15, keep=-1, scores=[1, 3, 2], val_interval=5, checkpoint=best)
    assert seen == [('best_score_iter_5.pth', ['best_score_iter_10.pth', 'best_score_iter_5.pth'])]
    assert best_of(tmp_path) == ['best_score_iter_10.pth']
    train(tmp_path, 20, keep=-1, scores=[2, 4], val_interval=5, checkpoint=best, resume=True)
    assert best_of(tmp_path) == ['best_score_iter_20.pth']


def test_a_resume_in_a_copy_of_the_work_dir_leaves_the_originals_best_one(tmp_path):
    best = dict(save_best='score', rule='greater')
    train(tmp_path / 'a', 10, keep=-1, scores=[1, 3], val_interval=5, checkpoint=best)
    shutil.copytree(tmp_path / 'a', tmp_path / 'b')
    train(tmp_path / 'b', 15, keep=-1, scores=[4], val_interval=5, checkpoint=best, resume=True)
    assert best_of(tmp_path / 'a') == ['best_score_iter_10.pth']
    assert best_of(tmp_path / 'b') == ['best_score_iter_15.pth']


def test_a_best_one_that_cannot_be_written_leaves_the_old_one(tmp_path):
    runner = train(
        tmp_path, 15, scores=[1, 3, 2], val_interval=5, hooks=[FullBetween(10, 15)],
        checkpoint=dict(save_best='score', rule='greater'))
    assert len(runner.said) == 2 and 'best_score_iter_10.pth needs' in runner.said[1]
    assert best_of(tmp_path) == ['best_score_iter_15.pth']  # better than what could be kept: 1
    assert runner.message_hub.get_info('best_score') == 2


def test_a_best_by_what_was_not_measured_is_told_what_was(tmp_path):
    with pytest.raises(ValueError, match="save_best='AP' is no metric of this.*which has score"):
        train(tmp_path, 5, scores=[1.], checkpoint=dict(save_best='AP', rule='greater'))
    assert last(tmp_path) == 'iter_5.pth'


@pytest.mark.parametrize('save_best, rule, left', [
    (['score', 'cost'], ['greater', 'less'],
     ['best_cost_iter_5.pth', 'best_score_iter_10.pth']),
    ('auto', 'greater', ['best_score_iter_10.pth'])])
def test_several_best_ones(tmp_path, save_best, rule, left):
    train(tmp_path, 15, scores=[1, 3, 2], val_interval=5,
          checkpoint=dict(save_best=save_best, rule=rule))
    assert best_of(tmp_path) == left


@pytest.mark.parametrize('metric, rule', [
    ('teacher/PCK', 'greater'), ('torso/tPCK', 'greater'), ('teacher/coco/AP', 'greater'),
    ('student/coco/AP (M)', 'greater'), ('AUC', 'greater'), ('teacher/EPE', 'less'),
    ('NME', 'less')])
def test_the_directions_of_mmposes_metrics_are_known(metric, rule):
    assert SafeCheckpointHook(save_best=metric).rules == [rule]
    auto = SafeCheckpointHook(save_best='auto')
    auto._init_rule(auto.rules, [metric])  # as MMEngine does at the first validation
    assert auto.rules == [rule]


class FullForLogs(FullBetween):
    """Leaves no room for a line of a log, either."""

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        """Set the limit."""
        super().after_train_iter(runner, batch_idx, data_batch, outputs)
        if self.begin <= batch_idx + 1 < self.end:
            resource.setrlimit(resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))


def test_a_log_that_cannot_be_written_ends_the_run_which_resumes_to_the_bit(tmp_path):
    straight = train(tmp_path / 'a', 12)
    runner = build(tmp_path / 'b', 12, padding=BIG, hooks=[FullForLogs(7, 99)])
    next(hook for hook in runner.hooks if type(hook).__name__ == 'LoggerHook').interval = 1
    with pytest.raises(OSError, match='File too large'):  # by MMEngine's LocalVisBackend
        runner.train()
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, ) * 2)
    assert last(tmp_path / 'b') == 'iter_5.pth'
    assert same(straight, train(tmp_path / 'b', 12, resume=True))


@pytest.mark.parametrize('change, told', [
    (lambda weights: weights.update(padding=torch.zeros(4)),
     'weights of another shape: 1, such as size mismatch for padding'),
    (lambda weights: weights.update(other=weights.pop('layer.bias')),
     'missing weights: 1, such as layer.bias; unknown weights: 1, such as other')])
def test_a_resume_with_another_model_is_refused(tmp_path, change, told):
    build(tmp_path / 'first', 5, padding=3).train()
    path = str(tmp_path / 'first/iter_5.pth')
    checkpoint = torch.load(path, weights_only=False)
    change(checkpoint['state_dict'])
    torch.save(checkpoint, path)
    build(tmp_path / 'second', 6, padding=3, load_from=path).load_or_resume()
    with pytest.raises(ValueError, match=f'resumed with another model: {told}'):
        build(tmp_path / 'third', 6, padding=3, load_from=path, resume=True).load_or_resume()


def test_a_resume_from_a_plain_model_is_refused():
    hook, model = SafeCheckpointHook(), build_estimator()
    runner = SimpleNamespace(model=model, _resume=True, _train_loop={}, _val_loop={}, _test_loop={})
    hook.after_load_checkpoint(runner, dict(state_dict=model.state_dict()))
    with pytest.raises(ValueError, match='another model: the checkpoint has no teacher.*load_from'):
        hook.after_load_checkpoint(runner, dict(state_dict=model.student.state_dict()))
    runner._resume = False
    hook.after_load_checkpoint(runner, dict(state_dict=model.student.state_dict()))


def test_a_resume_from_the_best_one_which_has_no_optimizer_is_refused(tmp_path):
    train(tmp_path, 10, scores=[1, 3], val_interval=5,
          checkpoint=dict(save_best='score', rule='greater'))
    best = str(tmp_path / 'best_score_iter_10.pth')
    with pytest.raises(ValueError, match='no optimizer.*Resume from an iter_….pth'):
        build(tmp_path / 'other', 15, padding=BIG, load_from=best, resume=True).train()
    build(tmp_path / 'new', 2, padding=BIG, load_from=best).train()


def test_a_resume_by_another_metric_starts_the_search_for_the_best_one_over(tmp_path, monkeypatch):
    logged = told(monkeypatch, checkpoint_hook)
    train(tmp_path, 10, scores=[1, 3], val_interval=5,
          checkpoint=dict(save_best='score', rule='greater'))
    assert best_of(tmp_path) == ['best_score_iter_10.pth']
    cost = dict(save_best='cost', rule='less')
    train(tmp_path, 15, scores=[5], val_interval=5, resume=True, checkpoint=cost)
    assert 'save_best was score and is cost' in logged.pop() and not logged
    assert best_of(tmp_path) == ['best_cost_iter_15.pth', 'best_score_iter_10.pth']
    train(tmp_path, 20, scores=[6], val_interval=5, resume=True, checkpoint=cost)
    assert len(best_of(tmp_path)) == 2 and not logged


def test_a_validation_alone_looks_for_no_best_one(tmp_path):
    runner = build(tmp_path, 5, scores=[7], checkpoint=dict(save_best='score', rule='greater'))
    assert runner.val()['score'] == 7


def test_a_resume_takes_the_checkpoint_of_its_folder_not_one_of_an_older_run(tmp_path):
    train(tmp_path, 5)
    apart = dict(out_dir=str(tmp_path / 'apart'))
    train(tmp_path, 5, seed=1, checkpoint=apart)
    straight = train(tmp_path / 'straight', 10, seed=1)
    assert same(straight, train(tmp_path, 10, seed=1, checkpoint=apart, resume=True))


def test_a_resumed_runs_config_tests_its_checkpoint(tmp_path):
    """MMPose writes resume=True into the config in the work dir; a test builds no schedule."""
    build(tmp_path / 'first', 5).train()
    path = str(tmp_path / 'first/iter_5.pth')
    runner = build(tmp_path / 'second', 5, load_from=path, resume=True)
    runner.load_or_resume()
    assert runner.iter == 5


def test_a_moved_or_copied_work_dir_resumes_from_its_own_checkpoint(tmp_path, monkeypatch):
    logged = told(monkeypatch, checkpoint_hook)
    straight = train(tmp_path / 'straight', 10)
    train(tmp_path / 'a', 5)
    assert same(straight, train(tmp_path / 'a', 10, resume=True)) and not logged
    train(tmp_path / 'b', 5)
    shutil.copytree(tmp_path / 'b', tmp_path / 'copy')
    shutil.move(tmp_path / 'b', tmp_path / 'moved')
    for name in ('copy', 'moved'):
        assert same(straight, train(tmp_path / name, 10, resume=True))
        assert f'resumed from {tmp_path / name}/iter_5.pth' in logged.pop() and not logged


def test_a_resume_without_a_checkpoint_is_told(tmp_path, monkeypatch):
    logged = told(monkeypatch, checkpoint_hook)
    train(tmp_path / 'a', 5)
    assert not logged
    train(tmp_path / 'b', 5, resume=True)
    assert f'{tmp_path}/b has no checkpoint to resume from' in logged.pop() and not logged


def test_a_start_in_a_work_dir_that_has_a_training_is_told(tmp_path, monkeypatch):
    logged = told(monkeypatch, checkpoint_hook)
    train(tmp_path, 5)
    train(tmp_path, 10, resume=True)
    assert not logged
    train(tmp_path, 5)
    assert f'{tmp_path} holds checkpoints of another run, up to iter_10.pth' in logged.pop()
    assert not logged


def test_work_dirs_of_one_name_that_share_a_folder_are_told(tmp_path, monkeypatch):
    logged, shared = told(monkeypatch, checkpoint_hook), dict(out_dir=str(tmp_path / 'shared'))
    train(tmp_path / 'a' / 'run', 5, checkpoint=shared)
    assert not logged
    train(tmp_path / 'b' / 'run', 5, checkpoint=shared)
    assert f'{tmp_path}/shared/run holds checkpoints of another' in logged.pop() and not logged


def test_a_folder_that_cannot_be_written_is_told_before_the_training(tmp_path):
    (tmp_path / 'file').write_text('')
    with pytest.raises(OSError, match='file.* is a folder|cannot write to .*file'):
        train(tmp_path / 'run', 5, checkpoint=dict(out_dir=str(tmp_path / 'file' / 'below')))


def test_a_resume_with_another_schedule_is_told(tmp_path, monkeypatch):
    logged = told(monkeypatch, schedule)

    def steps(milestones, warm_up=2):
        return [dict(type='LinearLR', end=warm_up, by_epoch=False),
                dict(type='MultiStepLR', milestones=milestones, by_epoch=False)]

    train(tmp_path, 5, schedule=steps([4, 8]))
    train(tmp_path, 5, schedule=steps([4, 8]), resume=True)
    assert not logged
    train(tmp_path, 9, schedule=steps([4, 12]), resume=True)
    assert ('(MultiStepLR: end was 5 and is 9, milestones was [4, 8] and is [4, 12])'
            in logged.pop() and not logged)
    train(tmp_path, 9, schedule=[dict(type='LinearLR', end=3, by_epoch=False)], resume=True)
    assert ('schedulers: 2 in the checkpoint, 1 in the config; LinearLR: end was 2 and is 3'
            in logged.pop())


def test_a_training_that_a_hook_ends_leaves_its_last_weights(tmp_path):

    class Ends(Hook):

        def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
            runner.train_loop.stop_training = batch_idx + 1 == self.at

    for at, expected in ((7, 'iter_7.pth'), (10, 'iter_10.pth')):
        hook = Ends()
        hook.at = at
        runner = train(tmp_path / str(at), 20, hooks=[hook])
        assert last(tmp_path / str(at)) == expected
        saved = torch.load(tmp_path / str(at) / expected)['state_dict']
        assert all(torch.equal(saved[k], v) for k, v in runner.model.state_dict().items())
