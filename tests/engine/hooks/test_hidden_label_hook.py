"""The hook measures the teacher's targets by the true keypoints of their views."""
import copy
import json
import uuid
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.dataset import Compose, pseudo_collate
from mmengine.runner import Runner
from mmpose.registry import KEYPOINT_CODECS, MODELS
from torch import nn
from torch.utils.data import DataLoader, Dataset

from helpers.hidden_people import KEYPOINTS, META, NAMES, FakeRunner, with_hidden
from mmpose_mum.datasets import PoseMultiBranch, StrongView, WeakView
from mmpose_mum.engine import EMANHook, HiddenLabelHook
from mmpose_mum.engine.hooks import hidden_label_hook
from mmpose_mum.engine.hooks.hidden_label_hook import hidden_keypoints
from mmpose_mum.functional.branches import BRANCHES
from mmpose_mum.functional.tally import tally
from mmpose_mum.models.labelers.base import Seen
from mmpose_mum.models.targets.base import target_maker_for
from mmpose_mum.testing import CODEC, INPUT_SIZE, tiny_config, tiny_loader_batch

FLIP_INDICES = [1, 0, 3, 2]
HEIGHT, WIDTH = 100, 140


def person(rng, number, visible=(1, 1, 1, 1)):
    keypoints = KEYPOINTS + rng.uniform(-6, 6, KEYPOINTS.shape).astype(np.float32)
    return dict(
        id=number, img_id=number, img_path='none', img=np.zeros((HEIGHT, WIDTH, 3), np.uint8),
        img_shape=(HEIGHT, WIDTH), ori_shape=(HEIGHT, WIDTH), category_id=1,
        bbox=np.array([[15, 10, 125, 95]], np.float32), bbox_score=np.ones(1, np.float32),
        flip_indices=FLIP_INDICES,
        # MMPose's transforms carry these into the view: an answer that owes nothing to the hook.
        keypoints=keypoints[None].copy(), keypoints_visible=np.ones((1, 4), np.float32),
        hidden_keypoints=keypoints[None].copy(),
        hidden_visible=np.array([visible], np.float32))


def loader_batch(number=8, people=None, seed=0, **view):
    """Makes the unlabeled branches of a batch whose weak samples hold the transformed keypoints."""
    rng = np.random.default_rng(seed)
    np.random.seed(seed)
    weak = WeakView(INPUT_SIZE, **view)
    weak.transforms[-1].pack_transformed = True
    pipeline = Compose([PoseMultiBranch(
        BRANCHES, unsup_teacher=[weak], unsup_student=[StrongView(INPUT_SIZE)])])
    return pseudo_collate(
        [pipeline(copy.deepcopy(p)) for p in people or [person(rng, i) for i in range(number)]])


class Oracle(nn.Module):
    """A teacher that knows the keypoints of its view, and may change its answer."""

    def __init__(self, change=lambda heatmaps: heatmaps):
        super().__init__()
        self.head = nn.Identity()
        # MMPose misplaces blobs near the border if three sigma are no whole number, as CODEC's.
        self.codec = KEYPOINT_CODECS.build(dict(CODEC, sigma=1))
        self.change = change

    def forward(self, inputs, data_samples, mode):
        """Encodes where MMPose's transforms have put the keypoints."""
        assert mode == 'tensor' and not torch.is_grad_enabled() and not self.training
        assert tuple(inputs.shape[1:]) == (3, *INPUT_SIZE[::-1])
        heatmaps = [self.codec.encode(s.gt_instances.transformed_keypoints, np.ones((1, 4)))
                    for s in data_samples]
        return self.change(torch.from_numpy(np.stack([h['heatmaps'] for h in heatmaps])))


def measure(batches, teacher, **arguments):
    """Returns the scalars of some batches."""
    runner, hook = FakeRunner(teacher), HiddenLabelHook(interval=1, **arguments)
    hook.before_train(runner)
    for batch in batches:
        hook.after_train_iter(runner, 9, data_batch=batch)
    hook.before_val(runner)
    (step, values), = runner.written
    assert step == 9
    return values


VIEWS = {
    'plain': dict(flip_prob=0, rotate_prob=0, scale_prob=0),
    'flipped': dict(flip_prob=1, rotate_prob=0, scale_prob=0),
    'rotated': dict(flip_prob=0, rotate_factor=60., rotate_prob=1),
    'flipped, rotated': dict(flip_prob=1, rotate_factor=60., rotate_prob=1),
    'mixed': dict(),
}


@pytest.mark.parametrize('view', VIEWS.values(), ids=VIEWS)
def test_a_perfect_teacher_reaches_one_and_a_mirrored_one_does_not(view):
    perfect = measure([loader_batch(**view)], Oracle())
    assert perfect['hidden/PCK'] == 1
    assert [perfect[f'hidden/PCK_{name}'] for name in NAMES] == [1] * 4
    mirrored = measure([loader_batch(**view)], Oracle(lambda heat: heat[:, FLIP_INDICES]))
    assert mirrored['hidden/PCK'] == 0


def test_the_other_processes_keypoints_count(monkeypatch):
    def all_reduce(counts):
        counts[1] *= 2  # another process has had as many keypoints, all of them wrong

    monkeypatch.setattr(hidden_label_hook, 'all_reduce', all_reduce)
    assert measure([loader_batch()], Oracle())['hidden/PCK'] == .5


def test_the_keypoints_lie_where_mmpose_puts_them_and_those_outside_do_not_count():
    batch = loader_batch(24, scale_factor=(.5, .75), scale_prob=1., rotate_prob=1.)
    samples = batch['data_samples']['unsup_teacher']
    keypoints, counts, radius = hidden_keypoints(samples, INPUT_SIZE[::-1])
    expected = np.concatenate([s.gt_instances.transformed_keypoints for s in samples])
    flips = [s.metainfo['flip'] for s in samples]
    assert 3 < sum(flips) < 21
    np.testing.assert_allclose(keypoints.numpy(), expected, atol=.01)
    inside = ((expected >= 0) & (expected <= np.array(INPUT_SIZE) - 1)).all(-1)
    assert 10 < (~inside).sum() < inside.sum()
    np.testing.assert_array_equal(counts.numpy(), inside)
    # MMPose fits input_scale, in pixels of the image, into the view.
    scale = np.array([INPUT_SIZE[0] / s.metainfo['input_scale'][0] for s in samples])
    np.testing.assert_allclose(radius[:, 0].numpy(), 110 * scale, rtol=1e-3)
    right, total = tally(counts, counts, torch.ones(counts.shape), 2)
    assert total[:4].tolist() == inside.sum(0).tolist() == right[:4].tolist()


def test_unlabeled_keypoints_do_not_count_under_the_name_that_they_have_in_the_view():
    rng = np.random.default_rng(0)
    people = [person(rng, i, visible=(1, 1, 0, 1)) for i in range(4)]
    people += [dict(person(rng, i, visible=(0, 1, 1, 1)),
                    hidden_keypoints=np.full((1, 4, 2), np.nan, np.float32)) for i in range(2)]
    for flip, missing in ((0, 'left_foot'), (1, 'right_foot')):
        view = dict(VIEWS['plain'], flip_prob=flip)
        values = measure([loader_batch(people=people, **view)], Oracle())
        assert f'hidden/PCK_{missing}' not in values
        assert values['hidden/PCK'] == 1
        assert sum(key.startswith('hidden/PCK_') for key in values) == 3


def test_keypoints_that_a_labeler_does_not_have_do_not_count():
    runner, hook = FakeRunner(), HiddenLabelHook(interval=1)
    batch = loader_batch(8, **VIEWS['plain'])

    def labeler(weak, samples):
        """Knows all keypoints but one of the first person, and another nobody's."""
        truth = np.concatenate([s.gt_instances.transformed_keypoints for s in samples])
        weights = torch.ones(8, 4)
        weights[0, 1] = weights[:, 3] = 0
        keypoints = torch.from_numpy(truth).masked_fill(weights[..., None] == 0, -1000)
        return Seen(keypoints, weights, weights)

    runner.model.labeler = labeler
    hook.before_train(runner)
    hook.after_train_iter(runner, 9, data_batch=batch)
    assert hook._counts[:, :4].tolist() == [[8, 7, 8, 0]] * 2


@pytest.mark.parametrize('thr, expected', [(.17, 0), (.3, 1)])
def test_the_threshold_is_a_share_of_the_box(thr, expected):
    # The box of 110 pixels is 51.2 wide in the view (padding 1.25); 3 heatmap pixels are 12 there.
    batch = loader_batch(**VIEWS['plain'])
    values = measure([batch], Oracle(lambda heat: heat.roll(3, -2)), thr=thr)
    assert values['hidden/PCK'] == expected


def test_confidence_bins_hold_the_shares_and_empty_ones_are_left_out():
    # Hands are found with a peak of about .3, feet are exchanged with a peak of about .8.
    factors = torch.tensor([.35, .35, .85, .85])[None, :, None, None]
    order = [0, 1, 3, 2]

    def change(heatmaps):
        return heatmaps[:, order] / heatmaps.amax((2, 3), keepdim=True) * factors

    values = measure([loader_batch(**VIEWS['plain'])] * 2, Oracle(change))
    assert values['hidden/PCK'] == .5
    assert values['hidden/confidence_0.3-0.4'] == 1 and values['hidden/share_0.3-0.4'] == .5
    assert values['hidden/confidence_0.8-0.9'] == 0 and values['hidden/share_0.8-0.9'] == .5
    assert sum(key.startswith('hidden/confidence_') for key in values) == 2
    shares = [value for key, value in values.items() if key.startswith('hidden/share_')]
    assert len(shares) == 10 and sum(shares) == 1


def test_each_readout_begins_anew_and_the_interval_holds():
    runner, hook = FakeRunner(Oracle()), HiddenLabelHook(interval=5)
    hook.before_train(runner)
    batch = loader_batch(**VIEWS['plain'])
    hook.before_val(runner)
    assert runner.written == []  # nothing yet
    for runner.iter in range(10):
        hook.after_train_iter(runner, runner.iter, data_batch=batch)
        assert (hook._counts is None) == (runner.iter < 4)
    assert hook._counts[1, :4].tolist() == [16] * 4
    runner.iter = 10
    hook.before_val(runner)
    hook.after_train(runner)
    assert len(runner.written) == 1 and runner.written[0][1]['hidden/PCK'] == 1
    runner.model.teacher.change = lambda heatmaps: heatmaps[:, FLIP_INDICES]
    runner.iter = 14
    hook.after_train_iter(runner, 14, data_batch=batch)
    runner.iter = 15
    hook.after_train(runner)
    assert [step for step, _ in runner.written] == [10, 15]
    assert runner.written[1][1]['hidden/PCK'] == 0


def test_views_without_any_keypoint_are_no_error():
    batch = loader_batch(people=[person(np.random.default_rng(0), 0, visible=(0, 0, 0, 0))] * 4)
    assert measure([batch], Oracle()) == {}


def test_between_readouts_nothing_is_read_from_the_device():
    runner, hook = FakeRunner(), HiddenLabelHook(interval=1)
    runner.model.to('meta')
    for _ in range(2):
        hook.after_train_iter(runner, 9, data_batch=with_hidden(tiny_loader_batch()))
    assert hook._counts.is_meta and hook._counts.shape == (2, 14)


def test_samples_without_hidden_keypoints_are_an_error():
    runner, hook = FakeRunner(), HiddenLabelHook(interval=1)
    hook.before_train(runner)
    with pytest.raises(ValueError, match='set keep_hidden=True in the UnlabeledPoseDataset'):
        hook.after_train_iter(runner, 9, data_batch=tiny_loader_batch())


def test_a_model_without_targets_is_an_error():
    with pytest.raises(TypeError, match='teacher and targets.*Conv2d'):
        HiddenLabelHook().before_train(SimpleNamespace(model=nn.Conv2d(1, 1, 1)))


@pytest.mark.parametrize('arguments', [
    dict(interval=0), dict(thr=0)], ids=str)
def test_arguments_out_of_range(arguments):
    with pytest.raises(ValueError, match='interval must be at least 1 and thr more than 0'):
        HiddenLabelHook(**arguments)


class CoordinateOracle(nn.Module):
    """A teacher with a regression head that knows the keypoints of its view."""

    head = nn.Identity()

    def forward(self, inputs, data_samples, mode):
        """Tells them in widths and heights of the input."""
        keypoints = np.concatenate([s.gt_instances.transformed_keypoints for s in data_samples])
        return torch.from_numpy(keypoints / np.array(INPUT_SIZE, np.float32))


@pytest.mark.parametrize('view', VIEWS.values(), ids=VIEWS)
def test_heads_without_heatmaps_are_measured_as_well(view):
    runner, hook = FakeRunner(CoordinateOracle()), HiddenLabelHook(interval=1, thr=.001)
    runner.model.target_maker = target_maker_for(MODELS.build(dict(
        type='RegressionHead', in_channels=4, num_joints=4,
        decoder=dict(type='RegressionLabel', input_size=INPUT_SIZE))))
    hook.before_train(runner)
    hook.after_train_iter(runner, 9, data_batch=loader_batch(**view))
    hook.before_val(runner)
    (_, values), = runner.written
    assert values['hidden/PCK'] == 1 and values['hidden/share_0.9-1.0'] == 1


class Batches(Dataset):
    """Whole batches, of which each is one item."""

    metainfo = META

    def __len__(self):
        return 6

    def __getitem__(self, index):
        """Makes the batch of this number."""
        return with_hidden(tiny_loader_batch(seed=index))


class Noisy(nn.Module):
    """Dropout behind a model's backbone, so that training draws random numbers."""

    def __init__(self, backbone):
        super().__init__()
        self.backbone, self.dropout = backbone, nn.Dropout(.3)

    def forward(self, images):
        """Drops out features."""
        return tuple(self.dropout(x) for x in self.backbone(images))


def train(work_dir, *hooks):
    torch.manual_seed(0)
    model = MODELS.build(tiny_config(mix_unmix=False))
    model.student.backbone = Noisy(model.student.backbone)
    model.teacher.backbone = Noisy(model.teacher.backbone)
    runner = Runner(
        model, str(work_dir),
        train_dataloader=DataLoader(Batches(), collate_fn=lambda batches: batches[0]),
        optim_wrapper=dict(
            type='OptimWrapper', constructor='StudentOptimWrapperConstructor',
            optimizer=dict(type='Adam', lr=1e-3)),
        train_cfg=dict(by_epoch=False, max_iters=6),
        default_hooks=dict(logger=None, timer=None, sampler_seed=None, checkpoint=None),
        custom_hooks=[EMANHook(momentum=.9), *hooks], default_scope='mmpose',
        experiment_name=uuid.uuid4().hex, log_level='WARNING')
    torch.manual_seed(1)
    np.random.seed(1)
    runner.train()
    return runner, (torch.get_rng_state(), np.random.get_state()[1].copy())


def test_the_training_is_the_same_to_the_bit_and_the_scalars_are_stored(tmp_path):
    runner, random = train(tmp_path / 'with', HiddenLabelHook(interval=2, thr=.3))
    plain, plain_random = train(tmp_path / 'without')
    assert torch.equal(random[0], plain_random[0]) and (random[1] == plain_random[1]).all()
    expected = plain.model.state_dict()
    for name, tensor in runner.model.state_dict().items():
        assert torch.equal(tensor, expected[name]), name
    assert runner.model.student.training and not runner.model.teacher.training
    optimizer, other = (r.optim_wrapper.state_dict()['state'] for r in (runner, plain))
    assert all(torch.equal(optimizer[i]['exp_avg_sq'], other[i]['exp_avg_sq']) for i in other)

    path, = (tmp_path / 'with').glob('*/vis_data/scalars.json')
    entry, = (json.loads(line) for line in path.read_text().splitlines())
    assert entry['step'] == 6 and 0 <= entry['hidden/PCK'] <= 1
    assert {f'hidden/PCK_{name}' for name in NAMES} < set(entry)
    assert not list((tmp_path / 'without').glob('*/vis_data/scalars.json'))


@pytest.mark.parametrize('teacher_mode', ['eval', 'train'])
def test_a_teacher_that_is_being_trained_gets_its_modes_back(teacher_mode):
    runner, hook = FakeRunner(), HiddenLabelHook(interval=1)
    runner.model.teacher_mode = teacher_mode
    teacher = runner.model.teacher.train()
    teacher.backbone.bn1.eval()
    modes = [module.training for module in teacher.modules()]
    state = {name: tensor.clone() for name, tensor in runner.model.state_dict().items()}
    hook.after_train_iter(runner, 9, data_batch=with_hidden(tiny_loader_batch()))
    assert [module.training for module in teacher.modules()] == modes
    for name, tensor in runner.model.state_dict().items():
        assert torch.equal(tensor, state[name]), name


def test_it_sees_the_teacher_before_the_update():
    runner = SimpleNamespace(_hooks=[])
    for hook in (EMANHook(), HiddenLabelHook()):
        Runner.register_hook(runner, hook)
    assert isinstance(runner._hooks[0], HiddenLabelHook)
