"""People without labels come from a folder or a COCO json, and unusable ones are left out."""
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from mmpose.registry import DATASETS

from mmpose_mum.datasets.unlabeled import UnlabeledPoseDataset

METAINFO = dict(
    dataset_name='three',
    paper_info={},
    keypoint_info={
        0: dict(name='nose', id=0, color=[0, 0, 0], type='upper', swap=''),
        1: dict(name='left', id=1, color=[0, 0, 0], type='lower', swap='right'),
        2: dict(name='right', id=2, color=[0, 0, 0], type='lower', swap='left')},
    skeleton_info={},
    joint_weights=[1.] * 3,
    sigmas=[.1] * 3)


def image_file(path, width=80, height=60):
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.zeros((height, width, 3), np.uint8))


def coco(tmp_path, annotations, **content):
    """Writes a json with one 100×50 image and the annotations; returns the data set's arguments."""
    images = [dict(id=1, file_name='a.png', width=100, height=50)]
    annotations = [dict(id=i, **{'image_id': 1, **a}) for i, a in enumerate(annotations)]
    (tmp_path / 'people.json').write_text(
        json.dumps(dict(images=images, annotations=annotations, **content)))
    return dict(ann_file='people.json', data_root=str(tmp_path), data_prefix=dict(img='images/'))


def test_a_folder_and_those_below_it_give_one_person_an_image(tmp_path):
    for name in ('b.png', 'a.jpg', 'deep/er/c.JPG', 'deep/d.bmp'):
        image_file(tmp_path / 'pool' / name)
    (tmp_path / 'pool' / 'notes.txt').write_text('no image')
    dataset = UnlabeledPoseDataset(data_root=str(tmp_path), data_prefix=dict(img='pool'))
    names = [Path(dataset.get_data_info(i)['img_path']).name for i in range(len(dataset))]
    assert names == ['a.jpg', 'b.png', 'd.bmp', 'c.JPG']
    infos = [dataset.get_data_info(i) for i in range(4)]
    assert [info['id'] for info in infos] == [info['img_id'] for info in infos] == [0, 1, 2, 3]
    assert not any('bbox' in info for info in infos)


def test_a_folder_without_data_root(tmp_path):
    image_file(tmp_path / 'a.png')
    dataset = UnlabeledPoseDataset(data_prefix=dict(img=str(tmp_path)))
    assert dataset.get_data_info(0)['img_path'] == str(tmp_path / 'a.png')


def test_a_folders_sample_gets_through_its_views(tmp_path):
    image_file(tmp_path / 'a.png')
    dataset = DATASETS.build(dict(
        type='UnlabeledPoseDataset', data_prefix=dict(img=str(tmp_path)),
        pipeline=[
            dict(type='LoadUnlabeledImage'),
            dict(type='PoseMultiBranch', branch_field=['sup', 'unsup_teacher', 'unsup_student'],
                 unsup_teacher=[dict(type='WeakView', input_size=(48, 64))],
                 unsup_student=[dict(type='StrongView', input_size=(48, 64))])]))
    sample = dataset[0]
    meta = sample['data_samples']['unsup_teacher'].metainfo
    assert meta['flip_indices'][:3] == [0, 2, 1] and len(meta['flip_indices']) == 17
    assert sample['inputs']['unsup_student'].shape == (3, 64, 48)


def test_a_json_needs_no_keypoints_and_never_reads_them(tmp_path):
    dataset = UnlabeledPoseDataset(**coco(tmp_path, [
        dict(bbox=[10, 5, 30, 20]),
        dict(bbox=[0, 0, 100, 50], keypoints=[1, 2, 2] * 17, num_keypoints=17, category_id=3)]))
    first, second = (dataset.get_data_info(i) for i in range(2))
    np.testing.assert_array_equal(first['bbox'], [[10, 5, 40, 25]])
    assert first['bbox'].dtype == np.float32 and first['bbox_score'] == [1]
    assert first['img_path'] == str(tmp_path / 'images' / 'a.png') and first['img_id'] == 1
    assert second['category_id'] == 3 and 'keypoints' not in second
    assert (first['id'], second['id']) == (0, 1)


@pytest.mark.parametrize('annotation', [
    dict(bbox=[10, 5, 30, 20], iscrowd=1),
    dict(bbox=[10, 5, 0, 20]),
    dict(bbox=[10, 5, 30, .5]),
    dict(bbox=[10, 5, -30, 20]),
    dict(bbox=[float('nan'), 5, 30, 20]),
    dict(bbox=[10, 5, float('inf'), 20]),
    dict(bbox=[None, 5, 30, 20]),
    dict(bbox=[120, 5, 30, 20]),
    dict(bbox=[10, -30, 30, 20]),
    dict(bbox=[10, 5, 30]),
    dict(bbox=[]),
    dict(bbox=None),
    dict(),
    dict(bbox=[10, 5, 30, 20], image_id=99),
    dict(bbox=[10, 5, 30, 20], image_id=None)], ids=str)
def test_unusable_annotations_are_left_out(tmp_path, annotation):
    good = dict(bbox=[1, 1, 20, 20])
    dataset = UnlabeledPoseDataset(**coco(tmp_path, [good, annotation, good]))
    assert len(dataset) == 2
    assert [dataset.get_data_info(i)['id'] for i in range(2)] == [0, 1]


def test_boxes_are_clipped_to_the_image(tmp_path):
    dataset = UnlabeledPoseDataset(**coco(tmp_path, [dict(bbox=[-20, 30, 200, 80])]))
    np.testing.assert_array_equal(dataset.get_data_info(0)['bbox'], [[0, 30, 100, 50]])


def test_an_image_of_unknown_size_does_not_clip(tmp_path):
    (tmp_path / 'people.json').write_text(json.dumps(dict(
        images=[dict(id=1, file_name='a.png')],
        annotations=[dict(image_id=1, bbox=[-5, 3, 500, 40])])))
    dataset = UnlabeledPoseDataset(ann_file=str(tmp_path / 'people.json'))
    np.testing.assert_array_equal(dataset.get_data_info(0)['bbox'], [[0, 3, 495, 43]])


def test_empty_sets_say_what_was_looked_for(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere.*data_prefix=dict\(img="):
        UnlabeledPoseDataset(data_root=str(tmp_path), data_prefix=dict(img='nowhere'))
    (tmp_path / 'empty').mkdir()
    with pytest.raises(ValueError, match=r'empty.*below it: looked for files that end in \.jpg'):
        UnlabeledPoseDataset(data_root=str(tmp_path), data_prefix=dict(img='empty'))
    with pytest.raises(FileNotFoundError, match='json of the unlabelled set.*none.json'):
        UnlabeledPoseDataset(ann_file=str(tmp_path / 'none.json'))
    with pytest.raises(ValueError, match='1 images and 1 annotations, none with a usable `bbox`'):
        UnlabeledPoseDataset(**coco(tmp_path, [dict(bbox=[0, 0, 0, 0])]))
    with pytest.raises(ValueError, match='1 images and 0 annotations.*Leave ann_file empty'):
        UnlabeledPoseDataset(**coco(tmp_path, []))
    (tmp_path / 'boxes.json').write_text('[{"image_id": 1, "bbox": [0, 0, 5, 5], "score": 1}]')
    with pytest.raises(ValueError, match='boxes.json.*COCO'):
        UnlabeledPoseDataset(ann_file=str(tmp_path / 'boxes.json'))


@pytest.mark.parametrize('indices, expected', [(2, [0, 1]), (-2, [3, 4]), ([4, 0], [4, 0])])
def test_indices_take_a_part(tmp_path, indices, expected):
    people = [dict(bbox=[i, 0, 20, 20]) for i in range(5)]
    dataset = UnlabeledPoseDataset(**coco(tmp_path, people), indices=indices)
    assert [int(dataset.get_data_info(i)['bbox'][0, 0]) for i in range(len(dataset))] == expected


def test_the_metainfo_gives_the_flip_pairs(tmp_path):
    arguments = coco(tmp_path, [dict(bbox=[0, 0, 20, 20])])
    own = UnlabeledPoseDataset(**arguments, metainfo=METAINFO)
    assert own.get_data_info(0)['flip_indices'] == [0, 2, 1]
    assert own.metainfo['dataset_name'] == 'three'
    assert len(UnlabeledPoseDataset(**arguments).get_data_info(0)['flip_indices']) == 17


def three_joints(*numbers):
    return dict(bbox=[10, 5, 30, 20], keypoints=list(numbers))


def test_hidden_keypoints_are_kept_under_names_of_their_own(tmp_path):
    arguments = dict(metainfo=METAINFO, **coco(tmp_path, [
        three_joints(12, 7, 2, 20.5, 9, 1, 0, 0, 0), three_joints(11, 6, 2, 13, 8, 2, 30, 20, 2)]))
    info = UnlabeledPoseDataset(**arguments, keep_hidden=True).get_data_info(0)
    np.testing.assert_array_equal(info['hidden_keypoints'], [[[12, 7], [20.5, 9], [0, 0]]])
    np.testing.assert_array_equal(info['hidden_visible'], [[1, 1, 0]])
    assert info['hidden_keypoints'].dtype == info['hidden_visible'].dtype == np.float32
    assert 'keypoints' not in info and 'keypoints_visible' not in info
    plain = UnlabeledPoseDataset(**arguments).get_data_info(0)
    assert set(info) - set(plain) == {'hidden_keypoints', 'hidden_visible'}


def test_the_views_leave_hidden_keypoints_and_boxes_sizes_alone(tmp_path):
    image_file(tmp_path / 'images' / 'a.png', 100, 50)
    arguments = dict(
        type='UnlabeledPoseDataset', metainfo=METAINFO,
        **coco(tmp_path, [three_joints(12, 7, 2, 20, 9, 1, 30, 20, 0)]))
    views = [dict(type='WeakView', input_size=(48, 64), flip_prob=1, rotate_prob=1.),
             dict(type='StrongView', input_size=(48, 64), flip_prob=1, rotate_prob=1.)]
    arguments['pipeline'] = [
        dict(type='LoadUnlabeledImage'),
        dict(type='PoseMultiBranch', branch_field=['sup', 'unsup_teacher', 'unsup_student'],
             unsup_teacher=views[:1], unsup_student=views[1:])]
    samples, plain = (DATASETS.build(dict(arguments, keep_hidden=keep))[0]['data_samples']
                      for keep in (True, False))
    for branch in ('unsup_teacher', 'unsup_student'):
        meta = samples[branch].metainfo
        assert meta['flip']
        np.testing.assert_array_equal(meta['hidden_keypoints'], [[[12, 7], [20, 9], [30, 20]]])
        np.testing.assert_array_equal(meta['hidden_visible'], [[1, 1, 0]])
        x1, y1, x2, y2 = samples[branch].gt_instances.bboxes[0]
        assert (x2 - x1, y2 - y1) == (30, 20)
        # Nothing but the metainfo tells of them.
        assert 'keypoints' not in samples[branch].gt_instances
        assert not samples[branch].gt_instance_labels.keys()
        assert set(meta) - set(plain[branch].metainfo) == {'hidden_keypoints', 'hidden_visible'}


def test_hidden_keypoints_that_are_not_there_are_an_error(tmp_path):
    with pytest.raises(ValueError, match='keep_hidden=True.*set ann_file'):
        UnlabeledPoseDataset(data_prefix=dict(img=str(tmp_path)), keep_hidden=True)
    good = three_joints(*[1] * 9)
    for bad, got in ((dict(bbox=[10, 5, 30, 20]), 0), (three_joints(*[1] * 12), 12)):
        with pytest.raises(
                ValueError, match=f'needs 9 numbers.*of 3 joints.*annotation 1 of .*has {got}$'):
            UnlabeledPoseDataset(
                **coco(tmp_path, [good, bad]), metainfo=METAINFO, keep_hidden=True)
    # One that is left out anyway need not have any.
    crowd = dict(bbox=[10, 5, 30, 20], iscrowd=1)
    dataset = UnlabeledPoseDataset(
        **coco(tmp_path, [crowd, good]), metainfo=METAINFO, keep_hidden=True)
    assert len(dataset) == 1
