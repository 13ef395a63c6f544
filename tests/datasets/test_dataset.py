"""The two sets as one dataset: order, harmless differences, and which of them is empty."""
import json
import random
from itertools import islice

import cv2
import numpy as np
import pytest
import torch
from mmpose.registry import TRANSFORMS
from torch.utils.data import DataLoader

from mmpose_mum.datasets import SemiSupervisedDataset, SemiSupervisedSampler


@TRANSFORMS.register_module()
class Draws:
    """Draws a number from every generator; every second sample is one that cannot be read."""

    def __call__(self, results):
        """Return the sample's id and the numbers, or None."""
        if results['id'] % 2:
            return None
        return [results['id'], random.random(), np.random.rand(), torch.rand(()).item()]


def source(tmp_path, name, people, keypoints=True, **options):
    """Write a COCO json of blank images with one person each; return its dataset config."""
    annotation = dict(category_id=1, iscrowd=0, bbox=[4, 4, 20, 24], area=480)
    if keypoints:
        annotation.update(keypoints=[9, 9, 2] * 17, num_keypoints=17)
    (tmp_path / f'{name}.json').write_text(json.dumps(dict(
        images=[dict(id=i, file_name='blank.png', width=32, height=40) for i in range(people)],
        annotations=[dict(annotation, id=i, image_id=i) for i in range(people)],
        categories=[dict(id=1, name='person')])))
    cv2.imwrite(str(tmp_path / 'blank.png'), np.zeros((40, 32, 3), np.uint8))
    return dict(dict(
        type='CocoDataset' if keypoints else 'UnlabeledPoseDataset', data_root=str(tmp_path),
        ann_file=f'{name}.json', data_prefix=dict(img=''), pipeline=[]), **options)


def test_labeled_come_first_and_categories_may_differ(tmp_path):
    dataset = SemiSupervisedDataset([
        source(tmp_path, 'a', 3), source(tmp_path, 'b', 5, keypoints=False)])
    assert [len(d) for d in dataset.datasets] == [3, 5]
    assert len(dataset) == 8 and dataset.metainfo['num_keypoints'] == 17
    assert 'keypoints' in dataset[0] and 'keypoints' not in dataset[3]


@pytest.mark.parametrize('sizes, empty', [
    ((0, 4), 'the labeled set is empty'), ((4, 0), 'no unlabeled person in')])
def test_an_empty_set_is_named(tmp_path, sizes, empty):
    with pytest.raises(ValueError, match=f'{empty}.*{"ab"[sizes[1] == 0]}.json') as error:
        SemiSupervisedDataset([
            source(tmp_path, 'a', sizes[0]), source(tmp_path, 'b', sizes[1], keypoints=False)])
    assert ('An annotation needs a `bbox`' in str(error.value)) == (sizes[0] == 0)


def test_sets_with_pipelines_of_their_own_may_be_combined(tmp_path):
    """MMPose's CombinedDataset adds the metainfo to what its sets have packed already."""
    pack = [dict(type='LoadImage'), dict(type='GetBBoxCenterScale'),
            dict(type='TopdownAffine', input_size=(24, 32)), dict(type='PackPoseInputs')]
    several = dict(
        type='CombinedDataset', metainfo=dict(from_file='configs/_base_/datasets/coco.py'),
        datasets=[source(tmp_path, name, 2, pipeline=pack) for name in 'ab'], pipeline=[])
    dataset = SemiSupervisedDataset(labeled=several, unlabeled=str(tmp_path))
    indices = islice(SemiSupervisedSampler(dataset, batch_size=4, seed=0), 4)
    for sample in (dataset[0], dataset[4], *dataset.__getitems__(list(indices))):
        assert set(sample) == {'inputs', 'data_samples'}


def test_a_labeled_json_without_keypoints_is_empty(tmp_path):
    bare = dict(source(tmp_path, 'a', 3, keypoints=False), type='CocoDataset')
    with pytest.raises(ValueError, match='the labeled set is empty'):
        SemiSupervisedDataset([bare, source(tmp_path, 'b', 2, keypoints=False)])


def metainfo_of(*names, sigma=.1):
    return dict(dataset_name='mine', skeleton_info={}, joint_weights=[1.] * len(names),
                sigmas=[sigma] * len(names), keypoint_info={
                    i: dict(name=name, id=i, swap='') for i, name in enumerate(names)})


def test_people_with_other_keypoints_than_the_metainfo_are_refused(tmp_path):
    metainfo = metainfo_of('nose', 'left_eye')
    with pytest.raises(ValueError, match=r'a\.json.*51 numbers, for 17 keypoints.*outputs'):
        SemiSupervisedDataset([
            source(tmp_path, 'a', 3, metainfo=metainfo),
            source(tmp_path, 'b', 2, keypoints=False, metainfo=metainfo)])


KEYPOINTS = [f'keypoint {i}' for i in range(17)]
COCO, MPII = (dict(from_file=f'configs/_base_/datasets/{name}.py') for name in ('coco', 'mpii'))


@pytest.mark.parametrize('ours, theirs, message', [
    (COCO, MPII, "17 keypoints and the unlabeled 16.*keypoint 0 on, 'nose' and 'right_ankle'.*"
     "the labeled one's metainfo"),
    (COCO, metainfo_of('nose', 'left_eye'),
     "17 .* unlabeled 2.*keypoint 2 on, 'right_eye' and none"),
    (metainfo_of(*KEYPOINTS), metainfo_of(*KEYPOINTS, sigma=.2), 'meta information')],
    ids=['others', 'fewer', 'sigmas'])
def test_different_keypoints_are_refused(tmp_path, ours, theirs, message):
    """By name; what else may not differ is MMEngine's to tell."""
    with pytest.raises(ValueError, match=message):
        SemiSupervisedDataset([source(tmp_path, 'a', 2, metainfo=ours),
                               source(tmp_path, 'b', 2, keypoints=False, metainfo=theirs)])


def test_there_must_be_two(tmp_path):
    with pytest.raises(ValueError, match='got 1 datasets'):
        SemiSupervisedDataset([source(tmp_path, 'a', 2)])


@pytest.mark.parametrize('nested', [False, True])
def test_keypoints_out_of_order_are_refused(tmp_path, nested):
    """As in the configs that MMEngine writes: its keys are sorted as text."""
    info = {i: dict(name=f'joint_{i}', id=i, swap='') for i in (0, 1, 10, *range(2, 10))}
    metainfo = dict(dataset_name='mine', keypoint_info=info, skeleton_info={},
                    joint_weights=[1.] * 11, sigmas=[.1] * 11)
    sets = [source(tmp_path, name, 4, metainfo=metainfo) for name in ('a', 'b')]
    if nested:
        sets[0] = dict(type='ConcatDataset', datasets=sets[:1])
    with pytest.raises(ValueError, match=r'labeled set.*\[0, 1, 10, 2, 3\].*made from'):
        SemiSupervisedDataset(sets)


def drawing(tmp_path):
    return SemiSupervisedDataset([
        source(tmp_path, name, 6, keypoints=name == 'a', pipeline=[dict(type='Draws')])
        for name in 'ab'])


def batches(dataset, workers=0, start=0, number=6):
    sampler = SemiSupervisedSampler(dataset, 4, seed=0)
    sampler.start_batch = start
    loader = DataLoader(dataset, 4, sampler=sampler, num_workers=workers, collate_fn=list)
    return list(islice(loader, number))


def test_a_samples_numbers_follow_from_its_place_alone(tmp_path):
    """In any process, after any start, and with a stand-in for what cannot be read."""
    dataset = drawing(tmp_path)
    expected = batches(dataset)
    np.random.seed(1)
    assert batches(dataset) == expected
    assert batches(dataset, start=2, number=4) == expected[2:]
    assert batches(dataset, workers=2) == expected
    assert batches(dataset, workers=3, start=1, number=5) == expected[1:]
    samples = [tuple(sample) for batch in expected for sample in batch]
    assert len({draws for _, *draws in map(list, samples) for draws in draws}) == 3 * len(samples)


def test_the_process_keeps_its_own_random_numbers(tmp_path):
    dataset = drawing(tmp_path)

    def draw(between):
        random.seed(5), np.random.seed(5), torch.manual_seed(5)
        between()
        return random.random(), np.random.rand(), torch.rand(()).item()

    indices = list(islice(SemiSupervisedSampler(dataset, 4, seed=0), 4))
    assert draw(lambda: dataset[indices[0]]) == draw(lambda: None)
    assert draw(lambda: dataset.__getitems__(indices)) == draw(lambda: None)
    assert dataset.__getitems__(indices) == [dataset[index] for index in indices]
    assert draw(lambda: dataset[0]) != draw(lambda: None)  # as everywhere without a place
