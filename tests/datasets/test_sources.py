"""The two sets as one dataset: order, harmless differences, and which of them is empty."""
import json

import cv2
import numpy as np
import pytest

from mmpose_mum.datasets import SemiSupervisedDataset


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


def test_labelled_come_first_and_categories_may_differ(tmp_path):
    dataset = SemiSupervisedDataset([
        source(tmp_path, 'a', 3), source(tmp_path, 'b', 5, keypoints=False)])
    assert [len(d) for d in dataset.datasets] == [3, 5]
    assert len(dataset) == 8 and dataset.metainfo['num_keypoints'] == 17
    assert 'keypoints' in dataset[0] and 'keypoints' not in dataset[3]


@pytest.mark.parametrize('sizes, empty', [((0, 4), 'labelled'), ((4, 0), 'unlabelled')])
def test_an_empty_set_is_named(tmp_path, sizes, empty):
    with pytest.raises(ValueError, match=f'the {empty} set is empty.*{"ab"[sizes[1] == 0]}.json'):
        SemiSupervisedDataset([
            source(tmp_path, 'a', sizes[0]), source(tmp_path, 'b', sizes[1], keypoints=False)])


def test_a_labelled_json_without_keypoints_is_empty(tmp_path):
    bare = dict(source(tmp_path, 'a', 3, keypoints=False), type='CocoDataset')
    with pytest.raises(ValueError, match='the labelled set is empty'):
        SemiSupervisedDataset([bare, source(tmp_path, 'b', 2, keypoints=False)])


def test_different_joints_are_refused(tmp_path):
    other = source(tmp_path, 'b', 2, keypoints=False,
                   metainfo=dict(from_file='configs/_base_/datasets/mpii.py'))
    with pytest.raises(ValueError, match='meta information'):
        SemiSupervisedDataset([source(tmp_path, 'a', 2), other])


def test_there_must_be_two(tmp_path):
    with pytest.raises(ValueError, match='got 1 datasets'):
        SemiSupervisedDataset([source(tmp_path, 'a', 2)])


@pytest.mark.parametrize('nested', [False, True])
def test_joints_out_of_order_are_refused(tmp_path, nested):
    """As in the configs that MMEngine writes: its keys are sorted as text."""
    info = {i: dict(name=f'joint_{i}', id=i, swap='') for i in (0, 1, 10, *range(2, 10))}
    metainfo = dict(dataset_name='mine', keypoint_info=info, skeleton_info={},
                    joint_weights=[1.] * 11, sigmas=[.1] * 11)
    sets = [source(tmp_path, name, 4, metainfo=metainfo) for name in ('a', 'b')]
    if nested:
        sets[0] = dict(type='ConcatDataset', datasets=sets[:1])
    with pytest.raises(ValueError, match=r'labelled set.*\[0, 1, 10, 2, 3\].*made from'):
        SemiSupervisedDataset(sets)
