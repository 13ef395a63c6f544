"""Each way in which pseudo-labels go wrong is told once, with its cause; healthy ones are not."""
import copy
import uuid
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.runner import Runner
from mmpose.registry import MODELS
from torch import nn
from torch.utils.data import DataLoader, Dataset

import mmpose_mum  # noqa: F401
from mmpose_mum.engine import EMANHook, PseudoLabelMonitorHook
from mmpose_mum.engine.hooks import monitor_hook
from mmpose_mum.testing import tiny_config, tiny_loader_batch

INTERVAL, WINDOW = 2, 6


class Batches(Dataset):
    """Whole batches, of which each is one item."""

    def __init__(self, change=lambda batch: batch):
        self.batches = [change(tiny_loader_batch(seed=i)) for i in range(3)]

    def __len__(self):
        return 60

    def __getitem__(self, index):
        """Gives a batch that nobody else has."""
        return copy.deepcopy(self.batches[index % 3])


def one_peak(heatmaps, height=.8):
    """Each keypoint has a peak of its own place, in every image the same."""
    made = torch.zeros_like(heatmaps)
    for keypoint in range(made.shape[1]):
        made[:, keypoint, 5 + 3 * keypoint, 4 + 2 * keypoint] = height
    return made


def one_spot(heatmaps):
    """All keypoints of an image have a peak at one place, which differs by image."""
    made = torch.zeros_like(heatmaps)
    for image in range(len(made)):
        made[image, :, 3 + 5 * image, 4 + 2 * image] = .8
    return made


def varied(heatmaps):
    """Peaks at places that the image decides."""
    made = torch.zeros_like(heatmaps)
    places = (heatmaps.double().flatten(2).sum(2) * 1e6).long() % made[0, 0].numel()
    return made.flatten(2).scatter(2, places[..., None], .8).view_as(made)


@pytest.fixture
def said(monkeypatch):
    """What the hook has told."""
    texts = []
    monkeypatch.setattr(monitor_hook, 'print_log', lambda text, *_, **__: texts.append(text))
    return texts


def train(work_dir, hook, *, iters=12, answer=None, change=lambda batch: batch, hooks=(),
          checkpoint=None, **options):
    torch.manual_seed(0)
    model = MODELS.build(tiny_config(**{'mix_unmix': False, **options}))
    model.init_weights()
    if answer is not None:
        head = model.teacher.head
        forward = head.forward
        head.forward = lambda features: answer(forward(features))
    runner = Runner(
        model, str(work_dir),
        train_dataloader=DataLoader(Batches(change), collate_fn=lambda batches: batches[0]),
        optim_wrapper=dict(
            type='OptimWrapper', constructor='StudentOptimWrapperConstructor',
            optimizer=dict(type='Adam', lr=1e-3)),
        train_cfg=dict(by_epoch=False, max_iters=iters),
        default_hooks=dict(logger=None, timer=None, sampler_seed=None, checkpoint=checkpoint),
        custom_hooks=[EMANHook(momentum=.9, burn_in=model.burn_in), *([hook] if hook else []),
                      *hooks], default_scope='mmpose',
        experiment_name=uuid.uuid4().hex, log_level='WARNING')
    torch.manual_seed(1)
    np.random.seed(1)
    runner.train()
    return runner


def monitor(**options):
    return PseudoLabelMonitorHook(**{'interval': INTERVAL, 'window': WINDOW, **options})


def test_a_healthy_training_is_told_nothing_and_stays_the_same_to_the_bit(tmp_path, said):
    with_hook, without = (train(tmp_path / str(bool(hook)), hook, answer=varied, mix_unmix=True)
                          for hook in (monitor(), None))
    assert said == []
    for name, tensor in with_hook.model.state_dict().items():
        assert torch.equal(tensor, without.model.state_dict()[name]), name
    best = with_hook.message_hub.get_info('pseudo_labels_at_their_best')['']
    assert best['confidence'] > .1 and best['spread'] > .05


def test_a_teacher_that_answers_always_the_same_has_collapsed_to_one_place(tmp_path, said):
    train(tmp_path, monitor(), answer=one_peak)
    text, = said
    assert 'iteration 6: collapse to one place: the teacher\'s keypoints lie at the same' in text
    assert 'Lengthen burn_in' in text


def test_keypoints_at_one_spot_of_each_image(tmp_path, said):
    train(tmp_path, monitor(), answer=one_spot)
    text, = said
    assert "collapse to one place: all the teacher's keypoints of an image lie at one spot" in text


def test_a_teacher_that_sees_nothing(tmp_path, said):
    train(tmp_path, monitor(), answer=lambda heatmaps: varied(heatmaps) * .01)
    text, = said
    assert 'collapse to background: teacher_confidence is 0.008' in text and 'burn_in' in text


def test_all_processes_judge_by_the_same_numbers(tmp_path, said, monkeypatch):
    """Else one could stop while the others wait for it."""
    own = []

    def all_reduce(values, op='sum'):  # the other process's teacher sees nothing
        own.append(values.clone())
        values.copy_(values.new_tensor([0, 1, 0, 0]) if op == 'mean' else values)

    monkeypatch.setattr(monitor_hook, 'all_reduce', all_reduce)
    train(tmp_path, monitor(), answer=varied)
    assert any('no signal' in text for text in said)
    looks, means = ([value for value in own if (value.shape == (4, )) == is_mean]
                    for is_mean in (False, True))
    assert len(looks) >= len(means) > 0 and all(mean[3] > 0 for mean in means)


def test_views_that_do_not_overlap(tmp_path, said):

    def shift(batch):
        for sample in batch['data_samples']['unsup_student']:
            if sample is not None:
                matrix = sample.metainfo['warp_mat'].copy()
                matrix[0, 2] += 1000
                sample.set_metainfo(dict(warp_mat=matrix))
        return batch

    train(tmp_path, monitor(), change=shift, answer=varied)
    text, = said
    assert 'no signal: no keypoint counts' in text and 'boxes' in text and 'rotation' in text


def test_a_confidence_that_is_too_strict(tmp_path, said):
    train(tmp_path, monitor(), answer=varied, confidence=dict(mode='threshold', threshold=.9))
    text, = said
    assert 'no signal' in text and '0.8 on average, is below the threshold of 0.9' in text


def test_a_soft_confidence_without_any(tmp_path, said):
    train(tmp_path, monitor(), answer=lambda h: -varied(h), confidence=dict(mode='soft'))
    assert any('no signal' in text and "teacher's confidence is not above 0" in text
               for text in said)


def test_a_loss_of_exactly_zero_although_keypoints_count(tmp_path, said):
    def no_loss(runner, hook):
        runner.model.target_maker.loss = lambda output, *_: output.sum() * 0

    hook = monitor()
    before = hook.before_train
    hook.before_train = lambda runner: (no_loss(runner, hook), before(runner))
    train(tmp_path, hook, answer=varied)
    text, = said
    assert 'unsup_loss is exactly 0 although keypoints count' in text


@pytest.mark.parametrize('options, word', [
    (dict(unsup_weight=0.), 'unsup_weight is 0'),
    (dict(burn_in=12), 'burn-in of 12 iterations is as long as the training of 12')], ids=str)
def test_unlabeled_images_that_never_count(tmp_path, said, options, word):
    train(tmp_path, monitor(), **options)
    text, = said
    assert 'never count' in text and word in text


def test_a_confidence_that_falls_is_told_when_it_comes_goes_and_comes_again(said):
    hook, runner = monitor(), fake_runner()
    hook.before_train(runner)
    batch = tiny_loader_batch()
    runner.model.teacher = Looks()
    for runner.iter in range(60):
        low = 10 <= runner.iter < 20 or runner.iter >= 40
        runner.figures(.1 if low else 1., 1., .1 if low else .5, 1.)
        hook.after_train_iter(runner, runner.iter, batch, dict(unsup_loss=None))
    kinds = [text.split(': ', 1)[1][:32] for text in said]
    assert kinds == ['collapse to background: teacher_', '"collapse to background" is over',
                     'collapse to background: teacher_']
    assert 'has fallen from 0.5 to 0.1 while unsup_loss fell' in said[0]
    iterations = [int(text.split()[1][:-1]) for text in said]
    for iteration, change in zip(iterations, (10, 20, 40)):
        assert change < iteration <= change + WINDOW


def test_a_confidence_that_falls_while_the_loss_rises_is_no_collapse(said):
    hook, runner = monitor(), fake_runner()
    hook.before_train(runner)
    runner.model.teacher = Looks()
    for runner.iter in range(40):
        low = runner.iter >= 20
        runner.figures(2. if low else 1., 1., .1 if low else .5, 1.)
        hook.after_train_iter(runner, runner.iter, tiny_loader_batch(), dict(unsup_loss=None))
    assert said == []


def test_the_ramp_up_does_not_hide_that_the_loss_falls(said):
    hook, runner = monitor(), fake_runner()
    hook.before_train(runner)
    runner.model.teacher = Looks()
    for runner.iter in range(40):
        low = runner.iter >= 20
        weight = (runner.iter + 1) / 10
        runner.figures((.5 if low else 1.) * weight, weight, .1 if low else .5, 1.)
        hook.after_train_iter(runner, runner.iter, tiny_loader_batch(), dict(unsup_loss=None))
    assert len(said) == 1 and 'background' in said[0]


def test_steps_that_were_left_out_do_not_hide_a_symptom(said):
    hook, runner = monitor(), fake_runner()
    hook.before_train(runner)
    runner.model.teacher = Looks()
    for runner.iter in range(12):
        runner.figures(float('nan') if runner.iter % 4 else 0., 1., .5, 0.)
        hook.after_train_iter(runner, runner.iter, tiny_loader_batch(), dict(unsup_loss=None))
    assert len(said) == 1 and 'no signal' in said[0]


def test_keypoints_that_come_together_are_compared_with_the_burn_ins_end(said):
    hook, runner = monitor(), fake_runner(burn_in=20)
    hook.before_train(runner)
    runner.model.teacher = Looks()
    for runner.iter in range(40):
        runner.model.teacher.spread = 1. if runner.iter < 20 else 0.
        outputs = dict(unsup_loss=None) if runner.iter >= 20 else {}
        runner.figures(1., 1., .5, 1.)
        hook.after_train_iter(runner, runner.iter, tiny_loader_batch(), outputs)
    assert runner.model.teacher.looks == (40 - 20 + WINDOW) // INTERVAL
    text, = said
    # It is more than would be too little without that.
    assert 'iteration 26: collapse to one place' in text
    assert 'deviation 0.012 of the input, at most 0.1' in text


def test_the_best_outlives_a_resume(said):
    hook, runner = monitor(), fake_runner()
    runner.message_hub.info['pseudo_labels_at_their_best'] = {
        '': dict(confidence=.9, loss=5., spread=.1)}
    hook.before_train(runner)
    runner.model.teacher = Looks()
    for runner.iter in range(WINDOW):
        runner.figures(1., 1., .2, 1.)
        hook.after_train_iter(runner, runner.iter, tiny_loader_batch(), dict(unsup_loss=None))
    assert len(said) == 1 and 'fallen from 0.9 to 0.2' in said[0]


def test_it_can_stop_the_run_and_the_last_checkpoint_stays(tmp_path, said):
    with pytest.raises(RuntimeError, match=r"(?s)one place.*on_collapse is 'stop'.*iter_4\.pth"):
        train(tmp_path, monitor(on_collapse='stop'), answer=one_peak,
              checkpoint=dict(type='CheckpointHook', by_epoch=False, interval=4))
    assert [path.name for path in tmp_path.glob('*.pth')] == ['iter_4.pth']


def test_both_students_of_the_dual_model_are_watched(tmp_path, said):
    torch.manual_seed(0)
    model = MODELS.build(dict(tiny_config(mix_unmix=False), type='DualPoseEstimator'))
    for part in (model.student, model.teacher):
        part.head.forward = (lambda forward: lambda x: one_peak(forward(x)))(part.head.forward)
    hook, runner = monitor(), fake_runner(model=model)
    hook.before_train(runner)
    for runner.iter in range(WINDOW):
        runner.figures(1., 1., .5, 1.)
        hook.after_train_iter(runner, runner.iter, tiny_loader_batch(),
                              dict(unsup_loss=None, second_unsup_loss=None))
    assert ['second_' in text for text in said] == [False, True]


class Looks(nn.Module):
    """A teacher whose keypoints spread at random, or are one pixel off in each twelfth image."""

    def __init__(self):
        super().__init__()
        self.head = nn.Identity()
        self.spread, self.looks = 1., 0
        self.generator = torch.Generator().manual_seed(0)

    def forward(self, inputs, data_samples, mode):
        """Answers by heatmaps with one peak a keypoint."""
        self.looks += 1
        heatmaps = torch.zeros(len(inputs), 4, 24, 16)
        for image in range(len(inputs)):
            for keypoint in range(4):
                x, y = (torch.rand(2, generator=self.generator) * 8 * self.spread).long().tolist()
                y += image == 0 == self.looks % 3 + self.spread
                heatmaps[image, keypoint, min(4 * keypoint + y, 23), 4 + x] = 1.
        return heatmaps


class FakeHub:
    """What the hook uses of a message hub."""

    def __init__(self):
        self.info, self.scalars = {}, {}

    def get_info(self, key, default=None):
        """As MMEngine's."""
        return self.info.get(key, default)

    def update_info(self, key, value):
        """As MMEngine's."""
        self.info[key] = value

    def get_scalar(self, key):
        """As MMEngine's."""
        value = self.scalars[key.replace('second_', '')]
        return SimpleNamespace(current=lambda: value)


def fake_runner(model=None, **options):
    """Makes what the hook uses of a Runner, whose figures a test sets."""
    hub = FakeHub()

    def figures(*values):
        hub.scalars = {f'train/{name}': value for name, value in zip(
            monitor_hook.FIGURES, values)}

    return SimpleNamespace(
        model=model or MODELS.build(tiny_config(mix_unmix=False, **options)), iter=0,
        max_iters=100, message_hub=hub, figures=figures)


@pytest.mark.parametrize('arguments', [
    dict(interval=0), dict(interval=9, window=8), dict(on_collapse='ignore')], ids=str)
def test_arguments_out_of_range(arguments):
    with pytest.raises(ValueError, match='must be'):
        PseudoLabelMonitorHook(**arguments)


def test_a_model_without_targets_is_an_error():
    with pytest.raises(TypeError, match='teacher and targets.*Conv2d'):
        PseudoLabelMonitorHook().before_train(SimpleNamespace(model=nn.Conv2d(1, 1, 1)))
