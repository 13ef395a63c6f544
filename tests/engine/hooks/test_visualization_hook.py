"""The hook shows and counts what was trained, by whatever backend, and changes nothing of it."""
import json
import uuid
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from mmengine.runner import Runner
from mmpose.registry import MODELS
from torch import nn
from torch.utils.data import DataLoader, Dataset

import mmpose_mum  # noqa: F401
from mmpose_mum.engine import EMANHook, PseudoLabelVisualizationHook
from mmpose_mum.engine.hooks import visualization_hook
from mmpose_mum.engine.hooks.visualization_hook import count_keypoints, figures
from mmpose_mum.testing import tiny_batch, tiny_config, tiny_loader_batch

NAMES = ['left_hand', 'right_hand', 'left_foot', 'right_foot']


class Batches(Dataset):
    """Whole batches, of which each is one item."""

    metainfo = dict(keypoint_id2name=dict(enumerate(NAMES)), skeleton_links=[(0, 1), (2, 3)])

    def __len__(self):
        return 6

    def __getitem__(self, index):
        """Makes the batch of this number."""
        return tiny_loader_batch(seed=index)


def train(work_dir, *hooks, cfg=None, backends=('LocalVisBackend', )):
    """Trains six steps with everything random that a training may have."""
    torch.manual_seed(0)
    model = MODELS.build(cfg or tiny_config(
        keypoint_cutout=dict(num_keypoints=2), confidence=dict(mode='threshold', threshold=0.)))
    runner = Runner(
        model, str(work_dir),
        train_dataloader=DataLoader(Batches(), collate_fn=lambda batches: batches[0]),
        optim_wrapper=dict(type='OptimWrapper', optimizer=dict(type='Adam', lr=1e-3)),
        train_cfg=dict(by_epoch=False, max_iters=6),
        visualizer=dict(type='PoseLocalVisualizer', name=uuid.uuid4().hex,
                        vis_backends=[dict(type=backend) for backend in backends]),
        default_hooks=dict(logger=None, timer=None, sampler_seed=None, checkpoint=None),
        custom_hooks=list(hooks), default_scope='mmpose',
        experiment_name=uuid.uuid4().hex, log_level='ERROR')
    torch.manual_seed(1)
    np.random.seed(1)
    runner.train()
    return runner, (torch.get_rng_state(), np.random.get_state()[1].copy())


def written(work_dir):
    """Returns the images by name, and the scalars."""
    images = {path.name: cv2.imread(str(path))
              for path in work_dir.glob('*/vis_data/vis_image/*.png')}
    return images, [json.loads(line) for path in work_dir.glob('*/vis_data/scalars.json')
                    for line in path.read_text().splitlines()]


def test_the_training_is_the_same_to_the_bit_and_panels_are_written(tmp_path):
    eman = EMANHook(momentum=.9)
    runner, random = train(
        tmp_path / 'with', eman, PseudoLabelVisualizationHook(interval=3, num_images=2))
    plain, plain_random = train(tmp_path / 'without', eman)
    assert torch.equal(random[0], plain_random[0]) and (random[1] == plain_random[1]).all()
    expected = plain.model.state_dict()
    for name, tensor in runner.model.state_dict().items():
        assert torch.equal(tensor, expected[name]), name
    optimizer, other = (r.optim_wrapper.state_dict()['state'] for r in (runner, plain))
    assert all(torch.equal(optimizer[i]['exp_avg_sq'], other[i]['exp_avg_sq']) for i in other)
    assert runner.model.watchers == []

    images, scalars = written(tmp_path / 'with')
    assert set(images) == {'unlabeled_3.png', 'unlabeled_6.png'}
    assert all(image.shape[0] == 58 + 2 * 196 for image in images.values())
    assert [entry['step'] for entry in scalars] == [3, 6]
    for entry in scalars:
        shares = [value for key, value in entry.items() if key.startswith('unsup/share_')]
        assert len(shares) == 10 and sum(shares) == pytest.approx(1)
        assert {f'unsup/used_{name}' for name in NAMES} < set(entry)
        assert 0 <= entry['unsup/agreement'] <= 1
    assert written(tmp_path / 'without') == ({}, [])


def test_the_panel_is_of_the_step_that_was_trained(tmp_path, monkeypatch):
    drawn, trained = [], []
    monkeypatch.setattr(visualization_hook, 'draw_panel', lambda step, *args, **kwargs: (
        drawn.append((step, kwargs['title'], args[1])), np.zeros((2, 2, 3), np.uint8))[1])
    make = MODELS.get('MixUnMix').forward

    def forward(neck, feats):
        if neck._site is not None:
            trained.append((neck._site, neck.permutation.clone()))
        return make(neck, feats)

    monkeypatch.setattr(MODELS.get('MixUnMix'), 'forward', forward)
    train(tmp_path, PseudoLabelVisualizationHook(interval=2))
    assert [title for _, title, _ in drawn] == [f'iteration {i}' for i in (2, 4, 6)]
    assert drawn[0][2] == Batches.metainfo['skeleton_links']
    assert len(trained) == 6 and len({site for site, _ in trained}) > 1
    for (step, _, _), (site, permutation) in zip(drawn, trained[1::2]):
        assert step.site == site and torch.equal(step.permutation, permutation)


def test_both_students_of_the_dual_model_are_shown(tmp_path):
    cfg = dict(tiny_config(mix_unmix=False), type='DualPoseEstimator')
    train(tmp_path, PseudoLabelVisualizationHook(interval=6), cfg=cfg)
    images, scalars = written(tmp_path)
    assert set(images) == {'unlabeled_6.png', 'second_unlabeled_6.png'}
    assert 'second_unsup/agreement' in {key for entry in scalars for key in entry}


def test_there_is_nothing_to_show_in_the_burn_in(tmp_path):
    cfg = tiny_config(burn_in=4)
    train(tmp_path, PseudoLabelVisualizationHook(interval=2), cfg=cfg)
    images, scalars = written(tmp_path)
    assert set(images) == {'unlabeled_6.png'}
    assert [entry['step'] for entry in scalars] == [6]


def test_tensorboard_gets_panels_and_scalars(tmp_path):
    pytest.importorskip('tensorboard')
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    runner, _ = train(tmp_path, PseudoLabelVisualizationHook(interval=3, num_images=1),
                      backends=['LocalVisBackend', 'TensorboardVisBackend'])
    runner.visualizer.close()
    folder, = tmp_path.glob('*/vis_data')
    events = EventAccumulator(str(folder)).Reload()
    assert [image.step for image in events.Images('unlabeled')] == [3, 6]
    encoded = np.frombuffer(events.Images('unlabeled')[1].encoded_image_string, np.uint8)
    local = cv2.imread(str(folder / 'vis_image/unlabeled_6.png'))
    np.testing.assert_array_equal(cv2.imdecode(encoded, cv2.IMREAD_COLOR), local)
    assert [entry.step for entry in events.Scalars('unsup/agreement')] == [3, 6]


def test_other_processes_count_and_do_not_draw(monkeypatch):
    model = MODELS.build(tiny_config())
    hook, sums = PseudoLabelVisualizationHook(interval=1), []
    monkeypatch.setattr(visualization_hook, 'is_main_process', lambda: False)
    monkeypatch.setattr(visualization_hook, 'draw_panel', None)
    monkeypatch.setattr(visualization_hook, 'all_reduce', sums.append)
    runner = SimpleNamespace(
        model=model, iter=0, train_dataloader=SimpleNamespace(dataset=Batches()),
        visualizer=SimpleNamespace(add_scalars=lambda values, step: None))
    hook.before_train(runner)
    model.loss(**tiny_batch(model))
    hook.after_train_iter(runner, 0)
    assert len(sums) == 1 and sums[0].shape == (3, 14)


# Counting

def make_step(seed, scores=None):
    generator = torch.Generator().manual_seed(seed)

    def rand(*shape):
        return torch.rand(shape, generator=generator)

    targets = SimpleNamespace(
        keypoints=rand(20, 4, 2) * 100, weights=(rand(20, 4) - .4).clamp(min=0),
        scores=rand(20, 4) * 1.4 - .2 if scores is None else scores)
    answers = targets.keypoints + (rand(20, 4, 2) - .5) * 12
    return SimpleNamespace(prefix='', targets=targets, student_keypoints=lambda: answers,
                           strong=torch.zeros(20, 3, 96, 64))


def test_figures_of_several_steps_against_a_slow_reference():
    steps = [make_step(seed) for seed in range(3)]
    found = figures(sum(count_keypoints(step) for step in steps), NAMES)
    rows = [dict(keypoint=k, used=bool(t.weights[b, k] > 0), score=float(t.scores[b, k]),
                 near=float(np.hypot(*((a[b, k] - t.keypoints[b, k]).numpy() / [64, 96]))) <= .05)
            for step in steps for t, a in [(step.targets, step.student_keypoints())]
            for b in range(20) for k in range(4)]

    def share(part, whole):
        return sum(map(part, whole)) / len(whole)

    used = [row for row in rows if row['used']]
    expected = {'agreement': share(lambda row: row['near'], used)}
    for k, name in enumerate(NAMES):
        own = [row for row in rows if row['keypoint'] == k]
        expected[f'used_{name}'] = share(lambda row: row['used'], own)
        expected[f'agreement_{name}'] = share(
            lambda row: row['near'], [row for row in own if row['used']])
    for i in range(10):
        expected[f'share_{i / 10}-{(i + 1) / 10}'] = share(
            lambda row, i=i: min(9, max(0, int(np.floor(row['score'] * 10)))) == i, rows)
    assert .2 < expected['agreement'] < .8
    assert found == pytest.approx(expected)


def test_a_keypoint_that_never_counts_has_no_agreement():
    step = make_step(0)
    step.targets.weights[:, 2] = 0
    found = figures(count_keypoints(step), NAMES)
    assert found['used_left_foot'] == 0 and 'agreement_left_foot' not in found
    step.targets.weights[:] = 0
    assert not any('agreement' in key for key in figures(count_keypoints(step), NAMES))


def test_each_panel_begins_to_count_anew():
    model = SimpleNamespace(watchers=[], burn_in=0, data_preprocessor=None)
    found = []
    runner = SimpleNamespace(
        model=model, train_dataloader=SimpleNamespace(dataset=None),
        visualizer=SimpleNamespace(
            add_scalars=lambda values, step: found.append((step, values)),
            add_image=lambda *args, **kwargs: None))
    hook = PseudoLabelVisualizationHook(interval=2)
    hook.before_train(runner)
    watch, = model.watchers
    low, high = torch.full((20, 4), .05), torch.full((20, 4), .95)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(visualization_hook, 'draw_panel', lambda *args, **kwargs: None)
        for runner.iter, scores in enumerate((low, high, high, high)):
            watch(make_step(0, scores))
            hook.after_train_iter(runner, runner.iter)
    assert [step for step, _ in found] == [2, 4]
    assert [values['unsup/share_0.9-1.0'] for _, values in found] == [.5, 1.]
    assert {'unsup/used_0', 'unsup/used_3'} < set(found[0][1])  # a set that names no keypoints
    hook.after_train(runner)
    assert model.watchers == []


def test_between_panels_nothing_is_read_from_the_device():
    model = MODELS.build(tiny_config()).to('meta')
    hook = PseudoLabelVisualizationHook(interval=10)
    hook.before_train(SimpleNamespace(model=model))
    for iteration in range(2):
        model.loss(**tiny_batch(model))
        hook.after_train_iter(SimpleNamespace(iter=iteration), iteration)
    assert hook._counts[''].is_meta and hook._counts[''].shape == (3, 14)
    assert hook._steps == {}  # or a step's tensors would outlive it


def test_what_it_cannot_watch_is_an_error():
    with pytest.raises(TypeError, match='unlabeled branches.*Conv2d'):
        PseudoLabelVisualizationHook().before_train(SimpleNamespace(model=nn.Conv2d(1, 1, 1)))
    for arguments in (dict(interval=0), dict(num_images=0)):
        with pytest.raises(ValueError, match='must be at least 1'):
            PseudoLabelVisualizationHook(**arguments)
