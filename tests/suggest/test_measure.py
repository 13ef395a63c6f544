"""Measures of a checkpoint: keypoints where MMPose has them, and notes on what is missing."""
import json

import numpy as np
import pytest
import torch
from mmengine.dataset import pseudo_collate
from mmpose.registry import MODELS

from helpers import small_run
from mmpose_mum.configs.plain import read_config
from mmpose_mum.export.people import find_people, load_plain, predict
from mmpose_mum.suggest import measure as module
from mmpose_mum.suggest.measure import Observer, complete_poses, measure


@pytest.fixture(scope='module')
def run():
    return small_run.train()


@pytest.fixture
def cfg(run):
    return read_config(run.parent / 'original.py')


def test_keypoints_lie_where_mmpose_puts_them(run, cfg):
    cfg.model.estimator.test_cfg.flip_test = False
    model, people = load_plain(cfg, str(run)), find_people(cfg)
    seen = []

    class Spy(Observer):
        def _in_image(self, output, samples, mirrored=False):
            seen.append(super()._in_image(output, samples, mirrored))
            return seen[-1]

    predicted = list(predict(model, people, 2, Spy(model)))
    there = np.stack([person['scores'] for person in predicted]) > 0  # else MMPose says -1, -1
    expected = np.stack([person['keypoints'] for person in predicted])
    found = np.concatenate(seen[::2])  # those of the images as they are
    # The codec refines by a quarter of a pixel of the map, the target maker does not.
    cell = 1.25 * max(120, 90 * 4 / 3) / 16
    assert there.any() and np.abs(found - expected)[there].max() < cell


def test_the_mirrored_answer_comes_back_to_the_same_place(run, cfg, monkeypatch):
    model, people = load_plain(cfg, str(run)), find_people(cfg)
    observer = Observer(model)
    monkeypatch.setattr(observer.maker, 'keypoints', lambda output: (output, None))
    samples = [people.datasets[0].prepare_data(i)['data_samples'] for i in range(3)]
    width, height = observer.maker.input_size
    answer = torch.rand(3, 14, 2) * torch.tensor([width - 1, height - 1])
    mirrored = answer[:, people.metainfo['flip_indices']]
    mirrored[..., 0] = width - 1 - mirrored[..., 0]
    np.testing.assert_allclose(observer._in_image(mirrored, samples, mirrored=True),
                               observer._in_image(answer, samples), atol=1e-3)


@pytest.mark.parametrize('head', ['RegressionHead', 'RLEHead'])
def test_a_model_that_regresses_is_measured_by_its_pooled_features(cfg, head):
    estimator = cfg.model.estimator
    estimator.neck = dict(type='GlobalAveragePooling')
    estimator.head = dict(
        type=head, in_channels=estimator.head.in_channels, num_joints=14,
        decoder=dict(type='RegressionLabel', input_size=estimator.head.decoder.input_size))
    model, people = MODELS.build(estimator).eval(), find_people(cfg)
    found = list(predict(model, people, 2, Observer(model)))
    assert all(person['feature'].shape == (estimator.head.in_channels, ) for person in found)
    assert all(np.isfinite(person['flip']) and 'peaks' not in person for person in found)


def test_all_criteria_of_a_training_and_its_labeled_people(run, cfg):
    found = measure(cfg, str(run), find_people(cfg), 2, 'cpu')
    assert set(found.doubts) == {'mean', 'kth', 'peaks', 'flip', 'student', 'pose'}
    assert found.notes == []
    assert all(values.shape == (3, ) and np.isfinite(values).all()
               for values in found.doubts.values())
    assert found.features.shape[0] == 3 and found.labeled.shape == (2, found.features.shape[1])
    # EMAN has made student and teacher two models.
    assert (found.doubts['student'] > 0).any()


def test_what_a_plain_model_without_labels_cannot_tell_is_said(run, cfg, monkeypatch):
    cfg.train_dataloader.dataset.datasets[0].ann_file = 'gone.json'
    weights = {f'x{key}' if key.startswith('student.') else key: value
               for key, value in module.load_checkpoint(str(run))['state_dict'].items()}
    monkeypatch.setattr(module, 'load_checkpoint', lambda path: dict(state_dict=weights))
    found = measure(cfg, str(run), find_people(cfg), 2, 'cpu')
    assert set(found.doubts) == {'mean', 'kth', 'peaks', 'flip'}
    assert [note.split(':')[0] for note in found.notes] == ['student', 'pose']
    assert 'gone.json' in found.notes[1] and found.labeled.shape[0] == 0
    monkeypatch.setattr(module, 'predict', None)  # what is wanted is told before
    for name, why in (('student', 'plain model'), ('pose', 'gone.json')):
        with pytest.raises(ValueError, match=f'{name} cannot be measured: .*{why}'):
            measure(cfg, str(run), find_people(cfg), 2, 'cpu', ['flip', name])


def test_poses_with_all_keypoints_are_kept(cfg):
    people = module.find_labeled(cfg)
    assert complete_poses(people).shape == (2, 14, 2)


def test_labeled_images_that_are_gone_are_said(run, cfg, tmp_path):
    cfg.train_dataloader.dataset.datasets[0].data_prefix.img = str(tmp_path)
    found = measure(cfg, str(run), find_people(cfg), 2, 'cpu')
    (note, ) = found.notes
    assert 'features of 2 labeled people: their images cannot be read' in note
    assert found.labeled.shape[0] == 0 and 'pose' in found.doubts  # which needs labels alone


def test_a_labeled_set_of_other_keypoints_is_left_out_and_said(run, cfg, tmp_path):
    both = cfg.train_dataloader.dataset.datasets
    others = small_run.write_people(tmp_path / 'images', ['z.png'], number=17)
    (tmp_path / 'coco.json').write_text(json.dumps(others))
    both[0] = dict(
        type='CombinedDataset', metainfo=both[0].metainfo, pipeline=both[0].pipeline, datasets=[
            dict(both[0], pipeline=[]),
            dict(type='CocoDataset', ann_file=str(tmp_path / 'coco.json'), pipeline=[
                dict(type='KeypointConverter', num_keypoints=14, mapping=[(0, 0)])],
                data_prefix=dict(img=str(tmp_path / 'images')))])
    found = measure(cfg, str(run), find_people(cfg), 2, 'cpu')
    (note, ) = found.notes
    assert 'features and poses of 1 labeled people' in note
    assert found.labeled.shape[0] == 2 and 'pose' in found.doubts


def test_people_of_two_sets_are_measured_once(run, cfg):
    both = cfg.train_dataloader.dataset.datasets
    both[1] = dict(type='ConcatDataset', datasets=[both[1], both[1]])
    found = measure(cfg, str(run), find_people(cfg), 2, 'cpu')
    assert len(found.people) == 3 and '3 people a second time' in found.notes[0]


def test_the_second_answer_is_to_the_mirrored_image(run, cfg, monkeypatch):
    model, people = load_plain(cfg, str(run)), find_people(cfg)
    extract, seen = model.extract_feat, []
    monkeypatch.setattr(model, 'extract_feat', lambda x: seen.append(x) or extract(x))
    with torch.no_grad():
        Observer(model)(pseudo_collate([people.datasets[0].prepare_data(i) for i in range(3)]))
    plain, mirrored = seen
    assert torch.equal(mirrored, plain.flip(-1)) and not torch.equal(mirrored, plain)


def test_each_person_is_measured_as_if_alone(run, cfg, tmp_path):
    small_run.write_people(tmp_path / 'all', ['c.png', 'd.png', 'e.png'])
    together = measure(cfg, str(run), find_people(cfg, str(tmp_path / 'all')), 2, 'cpu')
    for i, name in enumerate(('c.png', 'd.png', 'e.png')):
        (tmp_path / name).mkdir()
        (tmp_path / 'all' / name).rename(tmp_path / name / name)
        alone = measure(cfg, str(run), find_people(cfg, str(tmp_path / name)), 1, 'cpu')
        np.testing.assert_allclose(together.features[i], alone.features[0], atol=1e-4)
        for criterion, doubt in alone.doubts.items():
            np.testing.assert_allclose(together.doubts[criterion][i], doubt[0], atol=1e-3)


def test_a_student_that_is_the_teacher_does_not_disagree_and_entropies_are_positive(run, cfg):
    model, people = load_plain(cfg, str(run)), find_people(cfg)
    with torch.no_grad():
        found = Observer(model, model)(pseudo_collate(
            [people.datasets[0].prepare_data(i) for i in range(3)]))
    assert not found['student'].any() and found['flip'].all() and (found['peaks'] > 0).all()
