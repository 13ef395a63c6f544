"""Labels that MMPose would break on, drop or learn wrongly are told before it reads them."""
import json
import re

import pytest
from mmpose.datasets.datasets.utils import parse_pose_metainfo
from mmpose.registry import DATASETS

from helpers.label_jsons import METAINFO, change, dataset, everyone, labels, null, person
from mmpose_mum.coco.labels import check_flips, check_label_sets, foreign_class
from mmpose_mum.datasets import SemiSupervisedDataset


def area_of_all_but_the_first(content):
    for i, annotation in enumerate(content['annotations']):
        annotation.pop('area', None)
        if i:
            annotation['area'] = 1


WRONG = [
    (change(('images', 1), width=None), r"`width` of the image with the id 1, 'a.png', is missing"),
    (change(('images', 1), height='80'), "`height` of the image with the id 1, 'a.png', is '80'"),
    (change(('images', 1), id='b'), "`id` of the image with the id 'b'.*whole number"),
    (change(('images', 1), id=1.5), '`id` of the image with the id 1.5.*whole number'),
    (change(('images', 1), id=1.), '`id` of the image with the id 1.0.*1, not 1.0'),
    (change(('images', 1), file_name=None), '`file_name` of the image with the id 1 is missing'),
    (change(('images', 1), id=0, file_name='b.png'), "the id 0: 'a.png' and 'b.png'"),
    (person(id=None), r'`id` of the annotation number 4 \(from 0\) is missing'),
    (person(id='x'), "`id` of the annotation with the id 'x'.*whole number"),
    (person(image_id='2'), "`image_id` of the annotation with the id 4 is '2'"),
    (person(id=0), 'two annotations have the id 0, of the images 0 and 2 .1 repeated ids in all'),
    (person(category_id=None), '`category_id` of the annotation with the id 4 is missing'),
    (person(bbox=[]), r'`bbox` of the annotation with the id 4 is \[\]'),
    (person(bbox=[1, 2, 3]), r'`bbox` of .* 4 is \[1, 2, 3\], but must be x, y, width and height'),
    (person(bbox=['1', '2', '3', '4']), '`bbox` of the annotation with the id 4'),
    (null('bbox'), '`bbox` of the annotation with the id 4 is None'),
    (null('keypoints'), '`keypoints` of the annotation with the id 4 is None'),
    (person(keypoints=[[20, 20, 2]] * 3), '`keypoints` of the annotation with the id 4'),
    (person(iscrowd='0'), "`iscrowd` of the annotation with the id 4 is '0'"),
    (null('iscrowd'), '`iscrowd` of the annotation with the id 4 is None'),
    (everyone(area=.3), 'no number in any `area` is larger'),
    (everyone(iscrowd=1), 'the labeled set is empty: .*6 of crowds'),
    (everyone(keypoints=None), 'the labeled set is empty: .*6 without `bbox` or'),
    (lambda content: content['annotations'].clear(), 'the labeled set is empty'),
    (lambda content: content.update(annotations=None), '"annotations" must be a list'),
    (person(num_keypoints='3'), "`num_keypoints` of the annotation with the id 4 is '3'"),
    (person(keypoints=[1, 2, 2] * 2), 'annotation 4 .*6 numbers, for 2 keypoints, and the 3 '),
    (person(keypoints=[1, 2, 2, 3]), 'annotation 4 .*has 4 numbers, and'),
    (person(keypoints=[20, 20, 2, 30, 40, -1, 35, 45, 2]), "keypoint 1 \\('left_hand'\\).*4 is"),
    (person(keypoints=[20, 20, 2, 30, 40, .4, 35, 45, 2]), 'keypoint 1 .*0, 0, 0'),
    (person(keypoints=[20, float('nan'), 2] + [0] * 6), "keypoint 0 \\('head'\\) of the annot.* 4"),
    (everyone(keypoints=[.5, .5, 2, .4, .6, 2, 0, 0, 0]), 'no number in any `keypoints` is larger'),
    (everyone(bbox=[.1, .1, .5, .5]), 'no number in any `bbox` is larger than 1.*pixels'),
    (area_of_all_but_the_first, 'no number in any `area` .*annotation 1 has 1.'),
    (change(('categories', 0), keypoints=['head', 'right_hand', 'left_hand']),
     "keypoint 1 is 'right_hand' there and 'left_hand' here"),
    (change(('categories', 0), keypoints=['head', 'left_hand', 'tail']),
     "keypoint 2 is 'tail' there and 'right_hand' here"),
    (change(('images', 1), file_name='gone.png'), "1 of 3 images.*gone.png'.* set"),
    (change(('images', 1), width=80, height=60), 'of the labeled set .* swapped'),
    (change(('images', 1), width=120, height=160), 'labeled set.*the json says 120×160'),
]


@pytest.mark.parametrize('spoil, words', WRONG, ids=[words[:40] for _, words in WRONG])
def test_what_is_wrong_is_named_before_mmpose_reads_it(tmp_path, spoil, words):
    """In a set, in a part of a set, and from within the set of the training."""
    content = labels()
    spoil(content)
    config = dataset(tmp_path, content)
    for nested in (config, dict(type='ConcatDataset', datasets=[config]),
                   dict(type='RepeatDataset', times=2, dataset=config)):
        with pytest.raises(ValueError, match=f'(?s)(?=.*labels.json).*{words}'):
            check_label_sets(nested, 'labeled')
    with pytest.raises(ValueError, match='labels.json'):
        SemiSupervisedDataset([config, dict(
            type='UnlabeledPoseDataset', data_prefix=dict(img=str(tmp_path)), metainfo=METAINFO)])


@pytest.mark.parametrize('spoil', [
    lambda content: None,
    person(keypoints=[0] * 9, num_keypoints=0),
    person(keypoints=[], num_keypoints=0),
    person(keypoints=[float('nan')] * 2 + [0] + [30, 40, 2, 35, 45, 1]),
    person(keypoints=[20., 20., 2., 30., 40., 1., 0, 0, 0]),
    person(keypoints=[20, 20, True, 30, 40, True, 0, 0, False]),
    person(id=4.), person(image_id=2.),
    person(num_keypoints=None), person(area=None), person(iscrowd=None),
    person(bbox=None), person(keypoints=None), person(image_id=77),
    change(('categories', 0), keypoints=None),
    change(('categories', 0), keypoints=['Head', 'L hand', 'R hand']),
    change(('categories', 0), keypoints=['0', '1', '2']),
    lambda content: content.pop('categories'),
    lambda content: content['images'].append(dict(content['images'][1])),
    lambda content: content['images'].append(dict(id=99, file_name='unused.png'))])
def test_what_mmpose_reads_rightly_is_left_alone(tmp_path, spoil):
    content = labels()
    spoil(content)
    config = dataset(tmp_path, content)
    assert list(check_label_sets(config, 'labeled')) == [str(tmp_path / 'labels.json')]
    assert len(DATASETS.build(config)) >= 5


LEFT_OUT = [
    (person(iscrowd=1), '1 of crowds'),
    (person(num_keypoints=0), '1 with visible keypoints whose `num_keypoints` is 0'),
    (person(keypoints=[0] * 9, num_keypoints=0), '1 without a labeled keypoint'),
    (person(keypoints=[0] * 9, num_keypoints=None), '1 without a labeled keypoint'),
    (person(keypoints=[0] * 9, num_keypoints=3), '1 without a labeled keypoint'),
    (person(bbox=[10, 10, 0, 40]), '1 whose box has no area in the image'),
    (person(bbox=[70, 10, 30, 40]), '1 whose box has no area in the image'),
    (person(bbox=None), '1 without `bbox` or `keypoints`'),
    (person(keypoints=None), '1 without `bbox` or `keypoints`'),
    (person(image_id=77), '1 of images that are not listed'),
]


@pytest.mark.parametrize('spoil, reason', LEFT_OUT)
def test_what_mmpose_leaves_out_is_counted_as_it_counts(tmp_path, spoil, reason, log):
    content = labels()
    spoil(content)
    config = dataset(tmp_path, content)
    check_label_sets(config, 'labeled')
    assert len(DATASETS.build(config)) == 5
    assert [text for _, text in log if 'left out' in text and text.endswith(f'left out: {reason}')
            and text.startswith('5 of 6 annotations of the labeled set')]


@pytest.mark.parametrize('spoil, words', [
    (person(num_keypoints=0), '1 people have visible keypoints, but `num_keypoints` is 0'),
    (person(keypoints=[20, 20, 0] * 3, num_keypoints=None), '1 people .* no labeled keypoint'),
    (everyone(bbox=[30, 40, 59, 79]), '6 of 6 boxes reach beyond their image.*x1, y1, x2, y2'),
    (person(bbox=[30, 40, 59, 79]), '1 of 6 boxes reach beyond'),
    (everyone(bbox=[5, 5, 58, 70]), '6 of 6 boxes reach beyond their image.*x1, y1, x2, y2'),
    (person(deleted=True), '1 people of the labeled set are marked as deleted'),
    (change(('categories', 0), keypoints=['head']), 'lists 1 keypoints, but the config has 3'),
    (everyone(bbox=[1, 1, 4, 4]), 'most keypoints of 6 of 6 people lie outside')])
def test_what_looks_wrong_is_warned_about(tmp_path, spoil, words, log):
    content = labels()
    check_label_sets(dataset(tmp_path, content), 'labeled')
    assert not log
    spoil(content)
    check_label_sets(dataset(tmp_path, content), 'labeled')
    assert [text for level, text in log if level == 'WARNING' and re.search(words, text)]


def test_names_of_mmposes_own_sets_are_a_warning_unless_they_are_misplaced(tmp_path, log):
    """Their data may have other words than MMPose; whoever wrote a metainfo can change it."""
    coco = ['nose', 'left_eye', 'right_eye', 'left_ear', 'right_ear'] + [
        f'{side}_{part}' for part in ('shoulder', 'elbow', 'wrist', 'hip', 'knee', 'ankle')
        for side in ('left', 'right')]
    content = labels()
    for annotation in content['annotations']:
        annotation.update(keypoints=[20, 20, 2] * 17, num_keypoints=17)
    content['categories'][0]['keypoints'] = ['muzzle', *coco[1:]]
    config = dataset(tmp_path, content)
    del config['metainfo']
    check_label_sets(config, 'labeled')
    assert [text for level, text in log if level == 'WARNING' and 'muzzle' in text]
    content['categories'][0]['keypoints'] = [coco[1], coco[0], *coco[2:]]
    with pytest.raises(ValueError, match="keypoint 0 is 'left_eye' there and 'nose' here"):
        check_label_sets(dict(dataset(tmp_path, content), metainfo=None), 'labeled')


def test_the_json_of_rhd_is_read_as_mmpose_reads_it(tmp_path):
    """It has a list for each keypoint, and its category names the fingers from the wrong end."""
    fingers = 'thumb', 'forefinger', 'middle_finger', 'ring_finger', 'pinky_finger'
    names = ['wrist', *(f'{finger}{i}' for finger in fingers for i in range(1, 5))]
    content = labels()
    for annotation in content['annotations']:
        annotation.update(keypoints=[[20 + i, 20, 2] for i in range(21)], num_keypoints=21)
    content['categories'][0]['keypoints'] = names
    config = dataset(tmp_path, content, type='Rhd2DDataset', metainfo=None)
    check_label_sets(config, 'labeled')
    assert DATASETS.build(config)[0]['keypoints'].shape == (1, 21, 2)
    content['annotations'][4]['keypoints'].pop()
    with pytest.raises(ValueError, match='annotation 4 .*60 numbers, for 20 keypoints'):
        check_label_sets(dict(dataset(tmp_path, content), type='Rhd2DDataset', metainfo=None), 'x')


def test_annotations_of_another_category_are_named(tmp_path):
    content = labels()
    content['categories'].append(dict(id=2, name='ball', keypoints=['top', 'bottom']))
    content['annotations'].append(dict(
        content['annotations'][0], id=9, category_id=2, keypoints=[1, 2, 2] * 2))
    with pytest.raises(ValueError, match="annotation 9 .*category 2 'ball'.*1 of 7 .*remove"):
        check_label_sets(dataset(tmp_path, content), 'labeled')


def test_annotations_of_a_category_with_other_keypoints_are_named(tmp_path):
    content = labels()
    content['categories'].append(dict(id=2, name='dog', keypoints=['snout', 'paw', 'tail']))
    content['annotations'][3]['category_id'] = 2
    with pytest.raises(ValueError, match="category 2 'dog', .*Another category has the keypoints"):
        check_label_sets(dataset(tmp_path, content), 'labeled')


def test_a_byte_order_mark_is_told_before_mmpose_stumbles(tmp_path):
    config = dataset(tmp_path, labels())
    (tmp_path / 'labels.json').write_text(json.dumps(labels()), encoding='utf-8-sig')
    with pytest.raises(ValueError, match='labels.json.*byte order mark'):
        check_label_sets(config, 'labeled')
    with pytest.raises(ValueError, match='BOM'):
        DATASETS.build(config)


def test_a_json_that_is_not_there_is_named_with_its_place(tmp_path):
    config = dataset(tmp_path, labels(), ann_file='none.json')
    with pytest.raises(FileNotFoundError, match=r'val set.*none.json.*looked for .*none.json'):
        check_label_sets(config, 'val')


def test_sets_in_other_layouts_are_left_to_mmpose(tmp_path):
    (tmp_path / 'mpii.json').write_text('[]')
    config = dict(type='MpiiDataset', ann_file=str(tmp_path / 'mpii.json'))
    assert check_label_sets(config, 'labeled') == {}


def test_images_that_are_not_on_the_disk_are_not_looked_for(tmp_path):
    content = labels()
    content['images'][0]['file_name'] = 'bucket/b.png'
    config = dataset(tmp_path, content)
    with pytest.raises(ValueError, match='do not exist'):
        check_label_sets(config, 'labeled')
    load = dict(type='LoadImage', backend_args=dict(backend='local'))
    with pytest.raises(ValueError, match='do not exist'):
        check_label_sets(dict(config, pipeline=[load]), 'labeled')
    load['backend_args'] = dict(backend='petrel', path_mapping=dict(bucket='s3://bucket'))
    for pipeline in ([load], [dict(type='PoseMultiBranch', sup=[load])]):
        wrapped = dict(type='RepeatDataset', times=1, dataset=dict(config, pipeline=pipeline))
        assert len(check_label_sets(wrapped, 'labeled')) == 1


def test_keypoints_in_the_order_of_text_are_refused():
    points = {i: dict(name=f'{side}_{i // 2}', id=i, swap=f'{other}_{i // 2}')
              for i in range(12) for side, other in [('left', 'right')[::(-1) ** i]]}
    info = dict(METAINFO, joint_weights=[1.] * 12, sigmas=[.1] * 12)
    check_flips(parse_pose_metainfo(dict(info, keypoint_info=points)))
    dumped = dict(sorted(points.items(), key=lambda item: str(item[0])))
    with pytest.raises(ValueError, match='order of the ids.*take the original config'):
        check_flips(parse_pose_metainfo(dict(info, keypoint_info=dumped)))


@pytest.mark.parametrize('left, right', [('left_ear', 'right_ear'), ('earLeft', 'earRight')])
def test_sides_that_a_flip_does_not_exchange_are_refused(left, right):
    def parsed(*swaps):
        points = {i: dict(name=name, id=i, swap=swap) for i, (name, swap) in enumerate(
            zip(('nose', left, right, 'left_thumb'), ('', *swaps, '')))}
        return parse_pose_metainfo(dict(METAINFO, keypoint_info=points, joint_weights=[1.] * 4,
                                        sigmas=[.1] * 4))
    check_flips(parsed(right, left))
    with pytest.raises(ValueError, match=f'not exchange .*{left}.*{right}.*as `swap`'):
        check_flips(parsed('', ''))


def test_the_flips_of_all_of_mmposes_datasets_are_right(mmpose_configs):
    paths = sorted((mmpose_configs / '_base_/datasets').glob('*.py'))
    assert len(paths) > 30
    for path in paths:
        if path.stem != 'deepfashion2':  # whose names do not match in MMPose
            check_flips(parse_pose_metainfo(dict(from_file=str(path))))


@pytest.mark.parametrize('spoil, words', [
    (change(('images', 1), file_name='gone.png'), "1 of 3 images.*gone.png'"),
    (change(('images', 1), width=120, height=160), 'the json says 120×160')])
def test_images_of_classes_with_a_reader_of_their_own_are_looked_for(tmp_path, spoil, words):
    content = labels()
    config = dataset(tmp_path, content, type='CocoWholeBodyDataset', metainfo=dict(
        from_file='configs/_base_/datasets/coco_wholebody.py'))
    assert foreign_class(config) == 'CocoWholeBodyDataset'
    assert foreign_class(dict(type='RepeatDataset', dataset=dict(type='CocoDataset'))) == ''
    check_label_sets(config, 'labeled')
    spoil(content)
    with pytest.raises(ValueError, match=words):
        check_label_sets(dict(config, **dataset(tmp_path, content, type=config['type'],
                                                metainfo=config['metainfo'])), 'labeled')
