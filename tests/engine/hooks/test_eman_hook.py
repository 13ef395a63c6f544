"""The teacher is the exponential average of the student, statistics included, at real steps."""
import uuid
from types import SimpleNamespace

import pytest
import torch
from mmdet.engine.hooks import MeanTeacherHook
from mmengine.dataset import DefaultSampler
from mmengine.hooks import EMAHook
from mmengine.optim import AmpOptimWrapper, OptimWrapper
from mmengine.registry import MODEL_WRAPPERS
from mmengine.runner import Runner
from torch import nn
from torch.utils.data import DataLoader

from helpers.student_teacher_pair import Pair, Trainer, assert_states_equal, network, snapshot
from mmpose_mum.engine import ChannelsLastHook, EMANHook
from mmpose_mum.engine.hooks import eman_hook
from mmpose_mum.functional.ema import paired_tensors


def test_a_mean_teacher_averages_weights_and_copies_statistics():
    trainer = Trainer(Pair(), EMANHook(momentum=.9, warm_up=False, statistics='copy')).step(3)
    model = trainer.model
    for name in ('1.running_mean', '1.running_var', '1.num_batches_tracked'):
        assert torch.equal(model.teacher.state_dict()[name], model.student.state_dict()[name])
    assert not torch.equal(model.teacher[0].weight, model.student[0].weight)
    averaging = Trainer(Pair(), EMANHook(momentum=.9, warm_up=False)).step(3).model
    assert torch.equal(averaging.teacher[0].weight, model.teacher[0].weight)
    assert not torch.equal(averaging.teacher[1].running_mean, model.teacher[1].running_mean)


def test_without_momentum_the_teacher_is_the_student():
    model = Trainer(Pair(), EMANHook(momentum=0.)).step(3).model
    assert_states_equal(model.student.state_dict(), model.teacher.state_dict())


def test_every_step_follows_the_formula_in_weights_and_statistics():
    model = Pair()
    trainer = Trainer(model, EMANHook(momentum=.9, warm_up=False))
    expected = {name: t.double() for name, t in snapshot(model.teacher).items()}
    start = snapshot(model.teacher)
    for step in range(1, 6):
        trainer.step()
        student = model.student.state_dict()
        for name in expected:
            if name.endswith('num_batches_tracked'):
                expected[name] = student[name]
            else:
                expected[name] = .9 * expected[name] + .1 * student[name].double()
            torch.testing.assert_close(
                model.teacher.state_dict()[name].double(), expected[name].double(),
                rtol=1e-5, atol=1e-7)
        assert model.teacher[1].num_batches_tracked == step
    for name, tensor in model.teacher.state_dict().items():  # none of them stood still
        assert not torch.equal(tensor, start[name]), name
    assert not torch.equal(model.teacher[1].running_var, model.student[1].running_var)


def test_warm_up_is_the_mean_of_all_students_at_first():
    model = Pair()
    trainer = Trainer(model, EMANHook(momentum=.99))
    students = []
    for step in range(1, 5):
        trainer.step()
        students.append(snapshot(model.student))
        assert trainer.message_hub.get_info('eman_updates') == step
        for name, tensor in model.teacher.state_dict().items():
            if tensor.is_floating_point():
                torch.testing.assert_close(
                    tensor, torch.stack([s[name] for s in students]).mean(0), rtol=1e-5, atol=1e-7)


def test_burn_in_copies_to_the_bit_and_the_average_begins_after_it():
    model = Pair()
    trainer = Trainer(model, EMANHook(momentum=.9, burn_in=3, warm_up=False))
    for _ in range(3):
        trainer.step()
        assert_states_equal(snapshot(model.student), snapshot(model.teacher))
    assert trainer.message_hub.get_info('eman_updates') == 0
    before = snapshot(model.teacher)
    trainer.step()
    expected = .9 * before['0.weight'] + .1 * model.student[0].weight
    torch.testing.assert_close(model.teacher[0].weight, expected, rtol=1e-6, atol=1e-7)


class Wrapper(nn.Module):
    """What MMEngine takes for DistributedDataParallel."""

    def __init__(self, module):
        super().__init__()
        self.module = module


@pytest.mark.parametrize('own', [None, 3], ids=['from the model', 'said twice'])
@pytest.mark.parametrize('wrapped', [False, True])
def test_the_burn_in_is_the_models(own, wrapped, monkeypatch):
    model = Pair()
    model.burn_in = 3
    trainer = Trainer(model, EMANHook(momentum=.9, burn_in=own))
    if wrapped:
        monkeypatch.setitem(MODEL_WRAPPERS.module_dict, 'Wrapper', Wrapper)
        trainer.hook.after_train(trainer)
        trainer.hook.before_train(
            SimpleNamespace(**{**vars(trainer), 'model': Wrapper(model)}))
    for updates in (0, 0, 0, 1, 2):
        trainer.step()
        assert trainer.message_hub.get_info('eman_updates') == updates


@pytest.mark.parametrize('own', [0, 4])
def test_a_burn_in_that_contradicts_the_models_is_an_error(own):
    model = Pair()
    model.burn_in = 3
    with pytest.raises(ValueError, match=f'burn_in={own}, but the model has burn_in=3.*Remove it'):
        Trainer(model, EMANHook(burn_in=own))


@pytest.mark.parametrize('burn_in', [0, 6])
def test_gradient_accumulation_updates_at_real_steps_alone(burn_in):
    model = Pair()
    trainer = Trainer(
        model, EMANHook(momentum=.5, warm_up=False, burn_in=burn_in), accumulative_counts=3)
    changes = []
    for _ in range(12):
        before = snapshot(model.teacher)
        trainer.step()
        after = snapshot(model.teacher)
        changes.append(not all(torch.equal(before[name], after[name]) for name in before))
    assert changes == [False, False, True] * 4
    assert trainer.message_hub.get_info('eman_updates') == (2 if burn_in else 4)


def test_interval_counts_optimizer_steps():
    model = Pair()
    trainer = Trainer(
        model, EMANHook(momentum=.5, warm_up=False, interval=2), accumulative_counts=2)
    changed_at = []
    for iteration in range(1, 13):
        before = model.teacher[0].weight.clone()
        trainer.step()
        if not torch.equal(before, model.teacher[0].weight):
            changed_at.append(iteration)
    assert changed_at == [4, 8, 12]


class Scaler:
    """PyTorch's ``GradScaler``, which does nothing without an accelerator, in its main lines."""

    scale_now = 1024.

    def scale(self, loss):
        """Scale the loss."""
        return loss * self.scale_now

    def unscale_(self, optimizer):
        """Scale the gradients back, before they are clipped."""
        self.unscaled = True
        for parameter in optimizer.param_groups[0]['params']:
            parameter.grad /= self.scale_now

    def step(self, optimizer):
        """Step, unless a gradient is not finite."""
        if not getattr(self, 'unscaled', False):
            self.unscale_(optimizer)
        self.finite = all(p.grad.isfinite().all() for p in optimizer.param_groups[0]['params'])
        if self.finite:
            optimizer.step()

    def update(self, new_scale=None):
        """Lower the scale after a step that was skipped."""
        self.unscaled = False
        self.scale_now *= 1. if self.finite else .5


class ScaledOptimWrapper(AmpOptimWrapper):
    """MMEngine's, which refuses to be built without an accelerator, and with its own steps."""

    def __init__(self, **kwargs):
        OptimWrapper.__init__(self, **kwargs)
        self.loss_scaler, self._scale_update_param = Scaler(), None


@pytest.mark.parametrize('options', [
    {}, dict(clip_grad=dict(max_norm=1.)), dict(accumulative_counts=2)], ids=str)
def test_a_step_that_a_gradient_scaler_skips_is_none(options):
    model, too_large = Pair(), {1, 4}
    trainer = Trainer(
        model, EMANHook(momentum=.5, warm_up=False), wrapper=ScaledOptimWrapper, **options)
    every, updates = options.get('accumulative_counts', 1), 0
    for iteration in range(6):
        before = snapshot(model)
        largest = torch.finfo(torch.float32).max if iteration in too_large else 1.
        handle = model.student.register_forward_hook(lambda *a, by=largest: a[2] * by)
        trainer.step()
        handle.remove()
        group = range(iteration - every + 1, iteration + 1)
        stepped = (iteration + 1) % every == 0 and not too_large & set(group)
        updates += stepped
        assert trainer.message_hub.get_info('eman_updates') == updates
        for part in ('student', 'teacher'):
            name = f'{part}.0.weight'
            assert torch.equal(before[name], model.state_dict()[name]) != stepped, iteration
    assert updates == (1 if every == 2 else 4)
    assert trainer.optim_wrapper.loss_scaler.scale_now == 256.


@pytest.mark.parametrize('warm_up', [True, False])
def test_a_loaded_teacher_is_not_overwritten(warm_up):
    model = Pair()
    loaded = snapshot(network(seed=1))
    model.teacher.load_state_dict(loaded)
    trainer = Trainer(model, EMANHook(momentum=.99, warm_up=warm_up))
    assert_states_equal(loaded, snapshot(model.teacher))
    trainer.step()
    expected = .99 * loaded['0.weight'] + .01 * model.student[0].weight
    torch.testing.assert_close(model.teacher[0].weight, expected, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize('burn_in, told', [(3, 1), (0, 0)])
def test_a_loaded_teacher_that_a_burn_in_replaces_is_told(burn_in, told, monkeypatch):
    logged = []
    monkeypatch.setattr(eman_hook, 'print_log', lambda text, *_: logged.append(text))
    Trainer(Pair(), EMANHook(momentum=.99, burn_in=burn_in)).step()
    assert not logged  # equal at the start
    model = Pair()
    model.teacher.load_state_dict(snapshot(network(seed=1)))
    Trainer(model, EMANHook(momentum=.99, burn_in=burn_in)).step()
    assert len(logged) == told and all('Set burn_in=0 in the model' in text for text in logged)


def test_a_shared_parameter_is_averaged_once():
    student = network()
    student.add_module('again', student[3])  # the same weights under two names
    student.add_module('tail', nn.Conv2d(2, 2, 1))
    student.forward = lambda x: student[3](nn.Sequential(*list(student)[:3])(x))
    model = Pair(student)
    assert model.teacher.again is model.teacher[3]
    teacher, _ = paired_tensors(model.teacher, model.student)
    assert len({id(t) for t in teacher}) == len(teacher)
    trainer = Trainer(model, EMANHook(momentum=.9, warm_up=False))
    before = model.teacher[3].weight.clone()
    trainer.step()
    torch.testing.assert_close(
        model.teacher.again.weight, .9 * before + .1 * model.student[3].weight,
        rtol=1e-6, atol=1e-7)


def test_frozen_parts_stay_to_the_bit():
    model = Pair()
    model.student[0].requires_grad_(False)
    frozen = model.student[0].weight.clone()
    Trainer(model, EMANHook(momentum=.7)).step(5)
    assert torch.equal(model.teacher[0].weight, frozen)
    assert not torch.equal(model.teacher[3].weight, model.student[3].weight)


def test_before_train_twice_does_not_count_twice():
    model = Pair()
    hook = EMANHook(momentum=.5, warm_up=False, interval=2)
    trainer = Trainer(model, hook).step(2)
    hook.after_train(trainer)
    hook.before_train(trainer)
    trainer.step(2)
    assert trainer.message_hub.get_info('eman_updates') == 2


def test_sync_bn_is_averaged_like_batch_norm():
    student = nn.SyncBatchNorm.convert_sync_batchnorm(network())
    model = Pair(student)
    assert isinstance(model.teacher[1], nn.SyncBatchNorm)
    hook = EMANHook(momentum=.5, warm_up=False)
    Trainer(model, hook)
    statistics = hook._ema.statistics
    assert sum(t is model.student[1].running_var for t in statistics) == 1
    assert not any(isinstance(t, nn.Parameter) for t in statistics)
    assert sum(t is model.teacher[1].running_var for t in hook._ema._averaged[0]) == 1


def test_a_model_without_a_teacher_is_an_error():
    with pytest.raises(TypeError, match='teacher and a student.*Sequential'):
        EMANHook().before_train(SimpleNamespace(model=network()))


@pytest.mark.parametrize('other', [EMANHook, MeanTeacherHook])
def test_two_hooks_that_update_the_teacher_are_an_error(other):
    hook = EMANHook()
    hook.before_run(SimpleNamespace(hooks=[hook]))
    with pytest.raises(ValueError, match='2 hooks that update the teacher: EMANHook, .*Keep one'):
        hook.before_run(SimpleNamespace(hooks=[hook, other()]))


def test_a_teacher_that_learns_by_gradient_is_not_overwritten():
    model = Pair()
    model.trains_teacher = True
    with pytest.raises(ValueError, match='second network of Pair learns .* remove it'):
        Trainer(model, EMANHook())


@pytest.mark.parametrize('arguments, message', [
    (dict(momentum=1.), 'MMDetection'), (dict(momentum=-.1), 'momentum'),
    (dict(interval=0), 'interval'), (dict(burn_in=-1), 'burn_in')])
def test_arguments_out_of_range(arguments, message):
    with pytest.raises(ValueError, match=message):
        EMANHook(**arguments)


@pytest.mark.parametrize('hook_first', [True, False])
def test_beside_the_channels_last_hook_in_any_order(hook_first):
    model, eman, last = Pair(), EMANHook(momentum=.9, warm_up=False), ChannelsLastHook()
    if hook_first:
        last.before_train(SimpleNamespace(model=model))
    trainer = Trainer(model, eman)
    if not hook_first:
        last.before_train(SimpleNamespace(model=model))
    trainer.step(3)
    reference = Pair()
    Trainer(reference, EMANHook(momentum=.9, warm_up=False)).step(3)
    assert_states_equal(snapshot(reference), snapshot(model), rtol=1e-4, atol=1e-5)


def images(number=64):
    generator = torch.Generator().manual_seed(5)
    return [dict(inputs=torch.randn(3, 8, 8, generator=generator)) for _ in range(number)]


def run(work_dir, max_iters, *, resume=False, hooks=(), load_from=None, **hook):
    """Trains a Pair by MMEngine's Runner and returns it."""
    data = images()
    runner = Runner(
        Pair(), str(work_dir), load_from=load_from, resume=resume,
        train_dataloader=DataLoader(
            data, batch_size=4, sampler=DefaultSampler(data, shuffle=False),
            collate_fn=lambda batch: dict(inputs=[x['inputs'] for x in batch])),
        optim_wrapper=dict(type='OptimWrapper', optimizer=dict(type='SGD', lr=.1)),
        train_cfg=dict(by_epoch=False, max_iters=max_iters),
        default_hooks=dict(
            logger=None, timer=None, sampler_seed=None,
            checkpoint=dict(type='CheckpointHook', by_epoch=False, interval=max_iters)),
        custom_hooks=[*hooks, EMANHook(**hook)],
        experiment_name=uuid.uuid4().hex, log_level='ERROR')
    runner.train()
    return runner


@pytest.mark.parametrize('hook', [
    dict(momentum=.9), dict(momentum=.9, interval=3), dict(momentum=.9, burn_in=7)], ids=str)
def test_a_resumed_run_is_the_uninterrupted_one_to_the_bit(tmp_path, hook):
    whole = run(tmp_path / 'whole', 10, **hook)
    run(tmp_path / 'parts', 5, **hook)
    resumed = run(tmp_path / 'parts', 10, resume=True, **hook)
    assert resumed.iter == 10
    for key in ('eman_updates', 'eman_steps'):
        assert resumed.message_hub.get_info(key) == whole.message_hub.get_info(key)
    assert_states_equal(snapshot(whole.model), snapshot(resumed.model))
    assert not torch.equal(whole.model.teacher[0].weight, whole.model.student[0].weight)


def test_mmengines_average_of_both_models_beside_it_is_an_error(tmp_path):
    with pytest.raises(ValueError, match='EMAHook and EMANHook.*Remove EMAHook'):
        run(tmp_path, 1, hooks=[EMAHook()])


def test_checkpoint_holds_the_teacher_of_its_iteration(tmp_path):
    runner = run(tmp_path / 'run', 4, momentum=.9)
    saved = torch.load(tmp_path / 'run' / 'iter_4.pth')['state_dict']
    assert_states_equal(snapshot(runner.model), saved)


def test_a_teacher_loaded_into_a_runner_is_not_overwritten(tmp_path):
    pair = Pair()
    pair.teacher.load_state_dict(network(seed=1).state_dict())
    torch.save(dict(state_dict=pair.state_dict()), tmp_path / 'pair.pth')
    runner = run(tmp_path / 'run', 1, load_from=str(tmp_path / 'pair.pth'), momentum=.9)
    expected = .9 * pair.teacher[0].weight + .1 * runner.model.student[0].weight
    torch.testing.assert_close(runner.model.teacher[0].weight, expected, rtol=1e-5, atol=1e-7)


def test_a_teachers_own_statistics_are_left_alone_and_its_weights_averaged():
    model = Pair()
    model.teacher_mode = 'train'
    before = snapshot(model.teacher)
    Trainer(model, EMANHook(momentum=.9, warm_up=False, statistics='own')).step(3)
    averaging = Trainer(Pair(), EMANHook(momentum=.9, warm_up=False)).step(3).model
    for name, tensor in model.teacher.state_dict().items():
        own = 'running' in name or name.endswith('num_batches_tracked')
        expected = before[name] if own else averaging.teacher.state_dict()[name]
        assert torch.equal(tensor, expected), name


def test_a_teachers_own_statistics_are_not_averaged_with_the_students():
    model = Pair()
    model.teacher_mode = 'train'
    with pytest.raises(ValueError, match="Set statistics='own' in EMANHook"):
        Trainer(model, EMANHook(momentum=.9)).step(1)


def test_a_teacher_in_evaluation_mode_has_no_statistics_of_its_own():
    with pytest.raises(ValueError, match="teacher_mode='train'"):
        Trainer(Pair(), EMANHook(momentum=.9, statistics='own')).step(1)
