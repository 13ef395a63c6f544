"""A loss that is not finite reaches neither weights, optimizer, teacher, statistics nor files."""
import copy
import uuid

import numpy as np
import pytest
import torch
from mmengine.runner import Runner
from mmpose.registry import MODELS
from torch.utils.data import DataLoader, Dataset

import mmpose_mum  # noqa: F401
from mmpose_mum.engine import EMANHook, LossGuardHook
from mmpose_mum.engine.hooks import loss_guard_hook
from mmpose_mum.engine.hooks.loss_guard_hook import describe_batch
from mmpose_mum.functional.finite import all_finite
from mmpose_mum.testing import tiny_config, tiny_loader_batch


def spoil_pixels(batch, branch='sup'):
    """Gives the first image of a branch pixels that are not finite."""
    images = batch['inputs'][branch]
    first = next(i for i, image in enumerate(images) if image is not None)
    images[first] = images[first].float()
    images[first][:, 5, 5] = float('nan')
    return batch


def spoil_labels(batch):
    """Gives the second labeled sample a heatmap that is not finite."""
    batch['data_samples']['sup'][1].gt_fields.heatmaps[0, 3, 3] = float('inf')
    return batch


class Batches(Dataset):
    """Whole batches, some of them spoilt."""

    def __init__(self, bad, spoil):
        self.bad, self.spoil = bad, spoil

    def __len__(self):
        return 40

    def __getitem__(self, index):
        """Makes the batch of this number."""
        batch = tiny_loader_batch(seed=index)
        return self.spoil(batch) if index in self.bad else batch


@pytest.fixture
def said(monkeypatch):
    """What the hook has told."""
    texts = []
    monkeypatch.setattr(loss_guard_hook, 'print_log', lambda text, *_: texts.append(text))
    return texts


def train(work_dir, hook, bad=(), *, iters=6, spoil=spoil_pixels, hooks=(), lr=1e-3,
          checkpoint=None, **optim_wrapper):
    torch.manual_seed(0)
    model = MODELS.build(tiny_config(mix_unmix=False))
    # Float pixels stay what they are.
    model.data_preprocessor.data_preprocessor._enable_normalize = True
    runner = Runner(
        model, str(work_dir),
        train_dataloader=DataLoader(Batches(bad, spoil), collate_fn=lambda batches: batches[0]),
        optim_wrapper=dict(dict(
            type='OptimWrapper', constructor='StudentOptimWrapperConstructor',
            optimizer=dict(type='Adam', lr=lr)), **optim_wrapper),
        train_cfg=dict(by_epoch=False, max_iters=iters),
        default_hooks=dict(logger=None, timer=None, sampler_seed=None, checkpoint=checkpoint),
        custom_hooks=[EMANHook(momentum=.9), *([hook] if hook else []), *hooks],
        default_scope='mmpose', experiment_name=uuid.uuid4().hex, log_level='ERROR')
    torch.manual_seed(1)
    np.random.seed(1)
    runner.train()
    return runner


def state(runner):
    optimizer = runner.optim_wrapper.state_dict()['state']
    return [*runner.model.state_dict().values(),
            *(value for entry in optimizer.values() for value in entry.values())]


class Copies:
    """Copies the whole state behind each iteration, and takes part as a hook."""

    def __init__(self):
        from mmengine.hooks import Hook

        class Copying(Hook):
            priority = 'VERY_LOW'

            def after_train_iter(hook, runner, *_, **__):
                self.states.append(copy.deepcopy(state(runner)))

        self.states, self.hook = [], Copying()


def equal(first, second):
    return len(first) == len(second) and all(map(torch.equal, first, second))


@pytest.mark.parametrize('branch', ['sup', 'unsup_teacher', 'unsup_student'])
def test_a_step_that_is_left_out_changes_nothing(tmp_path, said, branch):
    hook, copies = LossGuardHook(action='skip'), Copies()
    runner = train(tmp_path, hook, bad=[3],
                   spoil=lambda batch: spoil_pixels(batch, branch), hooks=[copies.hook])
    assert equal(copies.states[2], copies.states[3])
    assert not equal(copies.states[3], copies.states[4])
    assert all(tensor.isfinite().all() for tensor in state(runner))
    assert hook.skipped == 1
    text, = said
    losses = 'sup_loss_kpt is nan' if branch == 'sup' else 'unsup_loss is nan'
    assert 'iteration 4: loss is nan' in text and losses in text and 'number 1 of this run' in text
    if branch != 'unsup_student':
        number = 0 if branch == 'sup' else 2
        assert f'not finite: {branch}: noise/{number}.png (id {number}).' in text
    else:
        assert 'It is the batch of unsup_teacher: noise/2.png (id 2), noise/3.png' in text
        assert 'noise/0.png' not in text
    assert runner.message_hub.get_info('eman_updates') == 5
    assert 'step' not in vars(runner.optim_wrapper)


def test_without_the_hook_the_same_batch_spoils_everything(tmp_path):
    runner = train(tmp_path, None, bad=[3])
    for part in (runner.model.student, runner.model.teacher):
        assert not all(tensor.isfinite().all() for tensor in part.parameters())
        assert not all(tensor.isfinite().all() for tensor in part.buffers())


def test_on_healthy_batches_the_training_is_the_same_to_the_bit(tmp_path, said):
    plain, *guarded = (train(tmp_path / str(i), hook, iters=3) for i, hook in enumerate(
        [None, LossGuardHook(), LossGuardHook(action='skip')]))
    for runner in guarded:
        assert equal(state(runner), state(plain))
    assert said == []


def test_labels_that_are_not_finite_are_named(tmp_path, said):
    train(tmp_path, LossGuardHook(action='skip'), bad=[1], iters=3, spoil=spoil_labels)
    text, = said
    assert 'sup_loss_kpt is inf' in text and 'not finite: sup: noise/1.png (id 1).' in text


def test_stop_leaves_the_teacher_and_the_last_checkpoint_as_they_were(tmp_path):
    copies = Copies()
    with pytest.raises(
            RuntimeError, match=r'(?s)iteration 4: loss is nan, sup_loss_kpt is nan.*sup: '
            r'noise/0.png \(id 0\).*last checkpoint: .*iter_2\.pth.*learning rate'):
        train(tmp_path, LossGuardHook(), bad=[3], hooks=[copies.hook],
              checkpoint=dict(type='CheckpointHook', by_epoch=False, interval=2))
    assert len(copies.states) == 3
    assert [path.name for path in tmp_path.glob('*.pth')] == ['iter_2.pth']
    stored = torch.load(tmp_path / 'iter_2.pth', map_location='cpu')['state_dict']
    assert all(tensor.isfinite().all() for tensor in stored.values())


def test_too_many_in_a_row_stop_and_a_good_step_begins_the_count_anew(tmp_path, said):
    hook = LossGuardHook(action='skip', max_in_a_row=2)
    train(tmp_path / 'a', hook, bad=[1, 3, 5], iters=7)
    assert hook.skipped == 3
    with pytest.raises(RuntimeError, match='2 iterations without a good step, the last: iter.* 4'):
        train(tmp_path / 'b', LossGuardHook(action='skip', max_in_a_row=2), bad=[2, 3])


def test_accumulated_gradients_are_left_out_together(tmp_path, said):
    hook, copies = LossGuardHook(action='skip', max_in_a_row=5), Copies()
    runner = train(tmp_path, hook, bad=[2], iters=8, hooks=[copies.hook], accumulative_counts=2)
    parameters = len(list(runner.model.parameters()))
    weights = [[s for s in states if s.dim()][:parameters] for states in copies.states]
    assert all(tensor.isfinite().all() for tensor in state(runner))
    assert not equal(weights[1 - 1], weights[1])      # the first step
    assert equal(weights[1], weights[2])
    assert ['iteration 3' in said[0], 'iteration 4' in said[1], len(said)] == [True, True, 2]
    assert 'the gradients are not finite, though the losses are' in said[1]
    assert not equal(weights[4], weights[5])


def test_the_log_of_bad_losses_passes_in_every_process(tmp_path, capsys):
    """It lets through errors alone, as MMEngine's does in all processes but the first."""
    train(tmp_path, LossGuardHook(action='skip'), bad=[0], iters=1)
    assert 'not finite: sup: noise/0.png (id 0).' in capsys.readouterr().out


class Root(LossGuardHook):
    """Makes the second step's gradient the infinite one of a root at zero."""

    def before_train(self, runner):
        """Puts the root in."""
        super().before_train(runner)
        wrapper, backward = runner.optim_wrapper, runner.optim_wrapper.backward

        def worse(loss):
            weight = next(runner.model.student.parameters())
            return backward(loss + ((weight - weight.detach()) * runner.iter % 2).abs().sqrt(
                ).sum() if runner.iter == 1 else loss)

        wrapper.backward = worse


@pytest.mark.parametrize('processes', [1, 2])
def test_gradients_that_are_not_finite_although_the_loss_is(
        tmp_path, said, monkeypatch, processes):
    monkeypatch.setattr(loss_guard_hook, 'get_world_size', lambda: processes)
    copies = Copies()
    runner = train(tmp_path, Root(action='skip'), iters=3, hooks=[copies.hook])
    text, = said
    if processes == 1:
        assert 'iteration 2: the gradients are not finite, though the losses are. It is' in text
        assert 'sup: noise/0.png' in text and 'unsup_teacher: noise/2.png' in text
    else:
        assert "this process's losses are finite. Look for the message of another process" in text
        assert '.png' not in text
    assert equal(copies.states[0], copies.states[1])
    assert all(tensor.isfinite().all() for tensor in state(runner))


def test_no_checkpoint_is_written_of_weights_that_are_not_finite(tmp_path):
    """The loss would tell one step later, when the last good checkpoint had been deleted."""
    checkpoint = dict(type='SafeCheckpointHook', by_epoch=False, interval=1, max_keep_ckpts=1)
    with pytest.raises(
            RuntimeError, match=r'weights are NaN or infinite.* not written.*iter_1\.pth'):
        train(tmp_path, Root(), iters=3, checkpoint=checkpoint)
    assert [path.name for path in tmp_path.glob('*.pth')] == ['iter_1.pth']
    stored = torch.load(tmp_path / 'iter_1.pth', map_location='cpu')['state_dict']
    assert all(tensor.isfinite().all() for tensor in stored.values())


class Scaler:
    """What a gradient scaler does on an accelerator: it leaves out such steps by itself."""

    def __init__(self):
        self.skipped = 0

    def step(self, optimizer):
        """Step, unless a gradient is not finite."""
        if all_finite(p.grad for group in optimizer.param_groups for p in group['params']):
            optimizer.step()
        else:
            self.skipped += 1


def test_a_gradient_scaler_is_left_to_do_its_work(tmp_path, said):
    scaler, copies = Scaler(), Copies()

    class Scaled(LossGuardHook):
        """Puts a scaler into the wrapper, as AmpOptimWrapper has one."""

        def before_train(self, runner):
            """Puts it in."""
            runner.optim_wrapper.loss_scaler = scaler
            runner.optim_wrapper.step = lambda: scaler.step(runner.optim_wrapper.optimizer)
            super().before_train(runner)

    hook = Scaled(action='skip')
    train(tmp_path, hook, bad=[2], iters=4, hooks=[copies.hook])
    assert scaler.skipped == hook.skipped == len(said) == 1
    assert equal(copies.states[1], copies.states[2])


@pytest.mark.parametrize('action', ['stop', 'skip'])
def test_a_scaler_that_makes_no_step_any_more_is_told(action, tmp_path, monkeypatch):
    monkeypatch.setattr(loss_guard_hook, '_MAX_LEFT_OUT', 3)
    scaler = Scaler()

    class Scaled(LossGuardHook):
        """Has a scaler, and NaN in a gradient of a finite loss from the second iteration on."""

        def before_train(self, runner):
            """Puts both in."""
            def step():
                if runner.iter > 0:
                    next(runner.model.student.parameters()).grad.fill_(float('nan'))
                scaler.step(runner.optim_wrapper.optimizer)
            runner.optim_wrapper.loss_scaler = scaler
            runner.optim_wrapper.step = step
            super().before_train(runner)

    with pytest.raises(RuntimeError, match='iteration 4: the gradient scaler has left out 3 steps'):
        train(tmp_path, Scaled(action), iters=9)
    assert scaler.skipped == 3


def test_a_batch_without_branches_and_a_long_one_are_described():
    batch = tiny_loader_batch(num_labeled=20, num_unlabeled=2)
    plain = {key: [x for x in value['sup'] if x is not None] for key, value in batch.items()}
    text = describe_batch(plain, ['loss_kpt'])
    assert text.startswith('It is the batch of batch: noise/0.png (id 0), ')
    assert 'noise/15.png' in text and 'noise/16.png' not in text and text.endswith('4 more')
    assert describe_batch(batch, ['loss', 'second_unsup_loss']) == (
        'It is the batch of unsup_teacher: noise/20.png (id 20), noise/21.png (id 21)')


@pytest.mark.parametrize('arguments', [dict(action='warn'), dict(max_in_a_row=0)], ids=str)
def test_arguments_out_of_range(arguments):
    with pytest.raises(ValueError, match='must be'):
        LossGuardHook(**arguments)
