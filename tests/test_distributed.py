"""Several processes train one model: the same everywhere, on different images, and to the bit."""
import json
import sys
import uuid
from pathlib import Path
from unittest.mock import patch

import pytest
import torch
from mmengine.config import Config
from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmpose.registry import HOOKS
from torch import nn

from helpers import small_run
from mmpose_mum.engine.cpu_launch import launch, train
from mmpose_mum.functional.ema import paired_tensors
from mmpose_mum.functional.seeding import seed_of
from mmpose_mum.functional.tiles import sample_tile_permutation
from mmpose_mum.models.mixing import neck as mix_unmix
from mmpose_mum.testing import CODEC, tiny_config

sys.path.insert(0, str(Path(__file__).parents[1] / 'tools'))

import dist_train_cpu  # noqa: E402

ITERS, EVERY, BURN_IN = 6, 3, 2
SPOILT = (3, 4)  # of three iterations for a step, from 3 on
LABELED, UNLABELED = 10, 12
SETTINGS = f"""
train_cfg = dict(type='ResumableTrainLoop', max_iters={ITERS}, val_interval={EVERY})
default_hooks['checkpoint'].update(interval={EVERY})
custom_hooks = [dict(type='EMANHook', momentum=0.9, burn_in={BURN_IN}), dict(type='Recorder')]
"""
AVERAGE = 'student.backbone.bn1.running_mean'


@HOOKS.register_module()
class Recorder(Hook):
    """Keeps what this process sees and what it has learned, in a file of its own."""

    priority = 'ABOVE_NORMAL'  # before EMANHook

    def before_train(self, runner):
        """Forget earlier runs."""
        self.record = dict(states={}, raw={}, validated={}, images={}, mixing={})

    def _state(self, runner):
        model = getattr(runner.model, 'module', runner.model)
        return {name: tensor.clone() for name, tensor in model.state_dict().items()}

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        """Keep the model that hooks and checkpoints left behind, and the images."""
        self.record['states'][runner.iter] = self._state(runner)
        self.record['images'][runner.iter] = {
            branch: [Path(sample.img_path).name for sample in samples if sample is not None]
            for branch, samples in data_batch['data_samples'].items()}

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        """Keep the statistics of this process's images, and the seed of its permutations."""
        state, model = self._state(runner), getattr(runner.model, 'module', runner.model)
        self.record['raw'][runner.iter] = state.get(AVERAGE)
        self.record['mixing'][runner.iter] = model.student.neck.generator.initial_seed()

    def before_val(self, runner):
        """Keep the model that is validated."""
        self.record['validated'][runner.iter] = self._state(runner)

    def after_train(self, runner):
        """Write all of it."""
        self.record['states'][runner.iter] = self._state(runner)
        torch.save(self.record, Path(runner.work_dir) / f'rank_{get_rank()}.pth')


@HOOKS.register_module()
class Spoiler(Hook):
    """Spoils an image of one process in an iteration that makes no step, and in one that does."""

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        """Spoil it."""
        if runner.iter in SPOILT and get_rank() == 1:
            images = data_batch['inputs']['sup']
            first = next(i for i, image in enumerate(images) if image is not None)
            images[first] = images[first] * float('nan')


def write_config(root, name, model, settings=''):
    path = root / f'{name}.py'
    path.write_text(f'{small_run.BASE}\nroot = {str(root)!r} + "/"\ncodec = {CODEC!r}\n'
                    f'model = {model!r}\n{small_run.REST}\n{SETTINGS}\n{settings}')
    return path


def model_of(backbone='resnet', **options):
    return tiny_config(backbone, num_keypoints=14, unsup_weight=1., burn_in=BURN_IN, **options)


def scenarios(root):
    """All trainings of several processes, in one start of them."""

    def start(config, work_dir, *options):
        train(dist_train_cpu.parse_args([
            str(root / f'{config}.py'), '--work-dir', str(root / work_dir), *options,
            '--cfg-options', f'experiment_name={work_dir}', 'log_level=ERROR'])[1])

    # What MMEngine dumps is only made pretty by yapf, which takes longer than the training.
    with patch('mmengine.config.config.FormatCode', lambda text, **kwargs: (text, True)):
        start('plain', 'straight')
        start('plain', 'resumed', '--resume', str(root / f'straight/iter_{EVERY}.pth'))
        start('group_norm', 'halves')
        start('accumulating', 'accumulating')
        start('skipping', 'skipping')
        start('dual', 'dual')
        for name in ('contiguous', 'channels_last'):
            start(name, name)


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    """The folder of all trainings, when they are through."""
    root = tmp_path_factory.mktemp('distributed')
    labels = small_run.write_people(root / 'labeled', [f'l{i}.png' for i in range(LABELED)])
    (root / 'labels.json').write_text(json.dumps(labels))
    small_run.write_people(root / 'unlabeled', [f'u{i}.png' for i in range(UNLABELED)])
    write_config(root, 'plain', model_of())
    group_norm = model_of('hrnet', mix_unmix=dict(sites=['stage2'], group_size=2))
    group_norm['estimator']['backbone'].update(norm_cfg=dict(type='GN', num_groups=2))
    for part in ('backbone', 'head'):  # maps with peaks, which the last bit does not move
        group_norm['estimator'][part]['init_cfg'] = dict(type='Normal', layer='Conv2d', std=0.1)
    write_config(root, 'group_norm', group_norm)
    write_config(root, 'accumulating', model_of(), 'optim_wrapper.update('
                 "type='AutocastOptimWrapper', enabled=True, accumulative_counts=3)")
    write_config(root, 'skipping', model_of(), 'optim_wrapper.update('
                 "type='AutocastOptimWrapper', enabled=True, accumulative_counts=3)\n"
                 "custom_hooks += [dict(type='LossGuardHook', action='skip'), "
                 "dict(type='Spoiler')]")
    write_config(root, 'dual', dict(model_of(), type='DualPoseEstimator'),
                 "optim_wrapper.pop('constructor')\ncustom_hooks.pop(0)")
    wrapper = 'model_wrapper_cfg = dict(find_unused_parameters=True)\n'
    write_config(root, 'contiguous', group_norm, wrapper)
    write_config(root, 'channels_last', group_norm,
                 wrapper + "custom_hooks.append(dict(type='ChannelsLastHook'))")
    launch(2, scenarios, root)
    return root


def records(root, run):
    return [torch.load(root / run / f'rank_{rank}.pth') for rank in range(2)]


def assert_equal(first, second, **tolerance):
    assert first.keys() == second.keys()
    for name, value in first.items():
        torch.testing.assert_close(second[name], value, msg=lambda m, n=name: f'{n}: {m}',
                                   **(tolerance or dict(rtol=0, atol=0)))


@pytest.mark.parametrize('run', ['straight', 'halves', 'accumulating', 'skipping'])
def test_student_and_teacher_are_the_same_in_all_processes_at_every_moment(root, run):
    """Among them validations and checkpoints, although each process has its own statistics."""
    first, second = records(root, run)
    for moment in ('states', 'validated'):
        assert first[moment].keys() == second[moment].keys()
        for iteration, state in first[moment].items():
            assert_equal(state, second[moment][iteration])
    assert list(first['validated']) == [EVERY, ITERS]
    for iteration in (EVERY, ITERS):
        saved = torch.load(root / run / f'iter_{iteration}.pth')['state_dict']
        assert_equal(saved, second['states'][iteration])
    if run == 'straight':
        for iteration, own in first['raw'].items():
            other, after = second['raw'][iteration], first['states'][iteration + 1][AVERAGE]
            assert not torch.allclose(own, other, rtol=1e-3)
            torch.testing.assert_close(after, (own + other) / 2)


def test_each_process_has_images_and_permutations_of_its_own(root):
    first, second = records(root, 'straight')
    for branch, size in (('sup', LABELED), ('unsup_teacher', UNLABELED)):
        seen = [sum((r['images'][i][branch] for i in range(ITERS)), []) for r in (first, second)]
        together = [image for pair in zip(*seen) for image in pair]
        assert len(together) == 2 * 2 * ITERS  # two of each branch a process
        for start in range(0, len(together) - size + 1, size):
            assert len(set(together[start:start + size])) == size  # none twice in a round
    seeds = [seed for r in (first, second) for i, seed in r['mixing'].items()]
    assert len(set(seeds)) == 2 * ITERS


def test_a_resume_is_the_training_that_never_stopped_in_each_process(root):
    for straight, resumed in zip(records(root, 'straight'), records(root, 'resumed')):
        assert list(resumed['states']) == list(range(EVERY, ITERS + 1))
        for iteration, state in resumed['states'].items():
            assert_equal(straight['states'][iteration], state)
            if iteration < ITERS:
                assert straight['images'][iteration] == resumed['images'][iteration]
                assert torch.equal(straight['raw'][iteration], resumed['raw'][iteration])


@pytest.mark.slow
def test_two_processes_are_one_with_the_doubled_batch(root, monkeypatch):
    """Without BatchNorm, as its statistics are of fewer images; mixed as both processes mix."""

    def both(batch, grid, group_size, generator):
        """The permutations of both processes, whose images lie alternately in the batch."""
        hub = runner.message_hub
        permutation = torch.empty(batch, *grid, dtype=torch.long)
        for rank in range(2):
            own = torch.Generator().manual_seed(seed_of(rank, hub.get_info('iter')))
            torch.rand((), generator=own)  # whether to mix, and where
            torch.multinomial(torch.ones(1, dtype=torch.float64), 1, generator=own)
            permutation[rank::2] = 2 * sample_tile_permutation(
                batch // 2, grid, group_size, generator=own) + rank
        return permutation

    monkeypatch.setattr(mix_unmix, 'sample_tile_permutation', both)
    cfg = Config.fromfile(str(root / 'group_norm.py'))
    cfg.merge_from_dict({
        'work_dir': str(root / 'doubled'), 'experiment_name': uuid.uuid4().hex,
        'log_level': 'ERROR', 'train_dataloader.batch_size': 8,
        'train_dataloader.sampler.batch_size': 8})
    with patch('mmengine.config.config.FormatCode', lambda text, **kwargs: (text, True)):
        runner = Runner.from_cfg(cfg)
    runner.train()
    half, doubled = records(root, 'halves')[0], torch.load(root / 'doubled/rank_0.pth')
    for iteration, state in doubled['states'].items():
        assert_equal(state, half['states'][iteration], rtol=1e-4, atol=1e-6)
    start, end = doubled['states'][0], doubled['states'][ITERS]
    for part in ('student', 'teacher'):
        moved = [not torch.allclose(start[name], end[name], rtol=1e-3, atol=1e-5)
                 for name in start if name.startswith(part)]
        assert sum(moved) > 20


def test_channels_last_changes_no_step(root):
    """PyTorch's wrapper would permute the gradients of weights that change their format in it."""
    plain, other = (records(root, run)[0]['states'] for run in ('contiguous', 'channels_last'))
    names = [name for name, value in other[0].items()
             if name.startswith('student') and value.ndim == 4]
    assert any(other[0][name].is_contiguous(memory_format=torch.channels_last)
               and not other[0][name].is_contiguous() for name in names)
    for i in range(EVERY):  # later, what was rounded in another way has grown
        for name in names:
            step, expected = (states[i + 1][name] - states[i][name] for states in (other, plain))
            assert (step - expected).norm() <= .05 * expected.norm(), (i, name)


def test_accumulated_gradients_move_the_teacher_with_the_optimizer_alone(root):
    for record in records(root, 'accumulating'):
        states = record['states']
        for part in ('student', 'teacher'):
            name = f'{part}.backbone.conv1.weight'
            changed = [not torch.equal(states[i][name], states[i + 1][name]) for i in range(ITERS)]
            assert changed == [False, False, True] * 2


def test_a_step_that_one_process_spoils_is_left_out_by_all(root):
    states = records(root, 'skipping')[0]['states']
    for name, value in states[ITERS].items():
        assert value.isfinite().all(), name
        if 'num_batches_tracked' not in name:
            continue
        counts = [states[i][name].item() for i in range(ITERS + 1)]
        # Neither the iterations of the image count, nor that whose step had to be left out.
        assert counts[4:] == [counts[3]] * 3, name
    name = 'student.backbone.conv1.weight'
    assert not torch.equal(states[2][name], states[3][name])
    assert torch.equal(states[3][name], states[ITERS][name])


def test_networks_that_teach_each_other_learn_the_same_in_all_processes(root):
    first, second = (r['states'][ITERS] for r in records(root, 'dual'))
    learned = [name for name in first if not name.endswith(('running_mean', 'running_var'))]
    assert_equal({n: first[n] for n in learned}, {n: second[n] for n in learned})
    assert not torch.equal(first['teacher.backbone.conv1.weight'],
                           first['student.backbone.conv1.weight'])


def test_sync_batch_norm_is_in_student_and_teacher_alike():
    """By construction: PyTorch's runs on GPUs alone, but for evaluation mode."""
    from mmengine.model import convert_sync_batchnorm
    from mmpose.registry import MODELS
    plain = MODELS.build(model_of())
    names = list(plain.state_dict())
    images = torch.rand(2, 3, 96, 64)
    expected = plain.teacher.eval()(images, None, mode='tensor')
    model = convert_sync_batchnorm(plain, 'torch').train()
    assert list(model.state_dict()) == names
    both = [[m for m in part.modules() if isinstance(m, nn.SyncBatchNorm)]
            for part in (model.student, model.teacher)]
    assert len(both[0]) == len(both[1]) > 20
    assert all(m.training for m in both[0]) and not any(m.training for m in both[1])
    assert torch.equal(model.teacher(images, None, mode='tensor'), expected)
    teacher, student = paired_tensors(model.teacher, model.student)
    assert any(t is both[1][0].running_var for t in teacher)
    assert any(t is both[0][0].running_var for t in student)
