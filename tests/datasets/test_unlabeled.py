"""People without labels come from a folder or a COCO json, and unusable ones are left out."""
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from mmengine.fileio import BaseStorageBackend, register_backend
from mmpose.registry import DATASETS

from helpers.written_sets import METAINFO
from mmpose_mum.datasets import SemiSupervisedDataset, SemiSupervisedSampler
from mmpose_mum.datasets.unlabeled import UnlabeledPoseDataset


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


def test_a_strong_view_tells_the_keypoints_weights_if_asked(tmp_path):
    image_file(tmp_path / 'a.png')
    dataset = DATASETS.build(dict(
        type='UnlabeledPoseDataset', data_prefix=dict(img=str(tmp_path)), pipeline=[
            dict(type='LoadUnlabeledImage'),
            dict(type='StrongView', input_size=(48, 64), use_dataset_keypoint_weights=True)]))
    weights = dataset[0]['data_samples'].metainfo['dataset_keypoint_weights']
    np.testing.assert_array_equal(weights, dataset.metainfo['dataset_keypoint_weights'])
    assert len(set(weights.tolist())) > 1  # COCO's wrists count more than its nose


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


def test_a_crowd_is_told_by_a_number(tmp_path):
    people = [dict(bbox=[10, 5, 30, 20], iscrowd=crowd) for crowd in (0, None, '0')]
    assert len(UnlabeledPoseDataset(**coco(tmp_path, people[:2] + [
        dict(bbox=[1, 1, 20, 20])]))) == 2  # the first two are one person
    with pytest.raises(ValueError, match="`iscrowd` of the annotation .* is '0', but must be 0 or"):
        UnlabeledPoseDataset(**coco(tmp_path, people))


@pytest.mark.parametrize('annotation', [
    dict(bbox=[10, 5, 30, 20], iscrowd=1),
    dict(bbox=[10, 5, 0, 20]),
    dict(bbox=[10, 5, 30, .5]),
    dict(bbox=[10, 5, -30, 20]),
    dict(bbox=[float('nan'), 5, 30, 20]),
    dict(bbox=[10, 5, float('inf'), 20]),
    dict(bbox=[None, 5, 30, 20]),
    dict(bbox=[10, -30, 30, 20]),
    dict(bbox=[10, 5, 30]),
    dict(bbox=[]),
    dict(bbox=None),
    dict(),
    dict(bbox=[10, 5, 30, 20], image_id=99),
    dict(bbox=[10, 5, 30, 20], image_id=None)], ids=str)
def test_unusable_annotations_are_left_out(tmp_path, annotation):
    good = dict(bbox=[1, 1, 20, 20])
    dataset = UnlabeledPoseDataset(
        **coco(tmp_path, [good, annotation, dict(bbox=[1, 1, 20, 21])]))
    assert len(dataset) == 2
    assert [dataset.get_data_info(i)['id'] for i in range(2)] == [0, 1]


def test_a_person_who_is_listed_twice_counts_once(tmp_path, log):
    """As a rectangle beside a skeleton, or by an export that was pasted twice."""
    person = dict(bbox=[1, 1, 20, 20])
    dataset = UnlabeledPoseDataset(**coco(tmp_path, [person, dict(bbox=[1, 1, 9, 20]), person]))
    assert len(dataset) == 2 and '1 with the same box in the same image' in log[0][1]


@pytest.mark.parametrize('names, chosen, kept', [
    ((dict(name='person', keypoints=['nose']), dict(name='ball')), None, [1]),
    ((dict(name='dog'), dict(name='person')), None, [2]),
    ((dict(name='dog'), dict(name='cat')), None, [1, 2]),
    ((dict(name='dog', keypoints=['nose']), dict(name='cat', keypoints=['nose'])), None, [1, 2]),
    ((dict(name='person'), dict(name='ball')), [2], [2])])
def test_categories_that_are_people(tmp_path, log, names, chosen, kept):
    people = [dict(bbox=[1, 1, 20, 20 + i], category_id=i) for i in (1, 2)]
    dataset = UnlabeledPoseDataset(bbox_category_ids=chosen, **coco(
        tmp_path, people, categories=[dict(id=i, **name) for i, name in enumerate(names, 1)]))
    assert [dataset.get_data_info(i)['category_id'] for i in range(len(dataset))] == kept
    assert ('left out' in log[0][1] and 'bbox_category_ids' in log[0][1]) == (len(kept) == 1)


def test_categories_none_of_which_is_there_are_named(tmp_path):
    with pytest.raises(ValueError, match=r"\[7\], found 1 'ball' \(1 annotations\)"):
        UnlabeledPoseDataset(bbox_category_ids=[7], **coco(
            tmp_path, [dict(bbox=[1, 1, 20, 20], category_id=1)],
            categories=[dict(id=1, name='ball')]))


def test_images_named_by_text_and_by_number_are_told_apart(tmp_path):
    with pytest.raises(ValueError, match=r"`image_id` is '1', and no image .* first has 1; a"):
        UnlabeledPoseDataset(**coco(tmp_path, [dict(bbox=[1, 1, 20, 20], image_id='1')]))


def test_boxes_that_look_like_corners_are_warned_about(tmp_path, log):
    UnlabeledPoseDataset(**coco(tmp_path, [dict(bbox=[40, 20, 90, 45])]))
    assert '1 of 1 boxes reach beyond their image' in log[0][1]


def test_boxes_are_clipped_to_the_image(tmp_path):
    image_file(tmp_path / 'images' / 'a.png', 100, 50)
    dataset = UnlabeledPoseDataset(
        **coco(tmp_path, [dict(bbox=[-20, 30, 200, 80]), dict(bbox=[120, 5, 30, 20])]),
        pipeline=[dict(type='LoadUnlabeledImage')], max_refetch=0)
    np.testing.assert_array_equal(dataset[0]['bbox'], [[0, 30, 100, 50]])
    with pytest.warns(UserWarning, match=r'whose box is not in it.*a\.png'):
        assert dataset.prepare_data(1) is None


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
    with pytest.raises(ValueError, match=r'empty.*subfolders: looked for files that end in \.jpg'):
        UnlabeledPoseDataset(data_root=str(tmp_path), data_prefix=dict(img='empty'))
    with pytest.raises(FileNotFoundError, match='annotations of the unlabeled set.*none.json'):
        UnlabeledPoseDataset(ann_file=str(tmp_path / 'none.json'))
    with pytest.raises(ValueError, match='1 images and 1 matching annotations, none with'):
        UnlabeledPoseDataset(**coco(tmp_path, [dict(bbox=[0, 0, 0, 0])]))
    with pytest.raises(ValueError, match='1 images and 0 matching.*Leave ann_file empty'):
        UnlabeledPoseDataset(**coco(tmp_path, []))
    (tmp_path / 'boxes.json').write_text('[{"image_id": 1, "bbox": [0, 0, 5, 5], "score": 1}]')
    with pytest.raises(ValueError, match='boxes.json.*COCO.*can be the bbox_file'):
        UnlabeledPoseDataset(ann_file=str(tmp_path / 'boxes.json'))


@pytest.mark.parametrize('indices, expected', [(2, [0, 1]), (-2, [3, 4]), ([4, 0], [4, 0])])
def test_indices_take_a_part(tmp_path, indices, expected):
    people = [dict(bbox=[i, 0, 20, 20]) for i in range(5)]
    dataset = UnlabeledPoseDataset(**coco(tmp_path, people), indices=indices)
    assert [int(dataset.get_data_info(i)['bbox'][0, 0]) for i in range(len(dataset))] == expected


def test_every_nth_image_with_all_its_people(tmp_path):
    arguments = coco(tmp_path, [
        dict(image_id=i // 2 + 1, bbox=[10 * (i % 2), 5, 20, 30]) for i in range(10)])
    content = json.loads((tmp_path / 'people.json').read_text())
    content['images'] = [dict(id=i + 1, file_name=f'{i}.png', width=80, height=60)
                         for i in range(5)]
    (tmp_path / 'people.json').write_text(json.dumps(content))
    for i in range(5):
        image_file(tmp_path / f'images/{i}.png')
    found = UnlabeledPoseDataset(**arguments, sample_interval=2)
    names = [Path(found.get_data_info(i)['img_path']).stem for i in range(len(found))]
    assert names == ['0', '0', '2', '2', '4', '4']
    folder = UnlabeledPoseDataset(data_prefix=dict(img=f'{tmp_path}/images'), sample_interval=4)
    assert len(folder) == 2


def test_the_metainfo_gives_the_flip_pairs(tmp_path):
    arguments = coco(tmp_path, [dict(bbox=[0, 0, 20, 20])])
    own = UnlabeledPoseDataset(**arguments, metainfo=METAINFO)
    assert own.get_data_info(0)['flip_indices'] == [0, 2, 1]
    assert own.metainfo['dataset_name'] == 'three'
    assert len(UnlabeledPoseDataset(**arguments).get_data_info(0)['flip_indices']) == 17


VIEWS = [
    dict(type='LoadUnlabeledImage'),
    dict(type='PoseMultiBranch', branch_field=['sup', 'unsup_teacher', 'unsup_student'],
         unsup_teacher=[dict(type='WeakView', input_size=(48, 64))],
         unsup_student=[dict(type='StrongView', input_size=(48, 64))])]


def video_file(path, frames=30, size=(80, 60)):
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*'MJPG'), 10, size)
    for i in range(frames):
        writer.write(np.full((*size[::-1], 3), 8 * i, np.uint8))
    writer.release()


def people_of(dataset):
    return [dataset.get_data_info(i) for i in range(len(dataset))]


def test_frames_of_a_video_fill_their_boxes(tmp_path):
    video_file(tmp_path / 'clip.avi')
    video_file(tmp_path / 'short.avi', frames=3)
    arguments = dict(data_root=str(tmp_path), pipeline=[dict(type='LoadUnlabeledImage')])
    one = UnlabeledPoseDataset(**arguments, data_prefix=dict(img='clip.avi'))
    assert [p['img_path'] for p in people_of(one)] == [
        str(tmp_path / f'clip.avi#0000{i}0') for i in (0, 1, 2)]
    folder = UnlabeledPoseDataset(**arguments, frame_rate=5)
    assert len(folder) == 15 + 2
    sample = folder[10]
    np.testing.assert_array_equal(sample['bbox'], [[0, 0, 80, 60]])
    assert abs(sample['img'].mean() - 8 * 20) < 4 and sample['img_shape'] == (60, 80)
    with pytest.raises(ValueError, match='frame_rate must be more than 0'):
        UnlabeledPoseDataset(**arguments, frame_rate=0)


def test_a_frame_that_is_broken_is_left_out_as_an_image_is(tmp_path):
    video_file(tmp_path / 'clip.avi')
    arguments = dict(data_prefix=dict(img=str(tmp_path)), frame_rate=10, pipeline=VIEWS)
    dataset = UnlabeledPoseDataset(**arguments)
    whole = (tmp_path / 'clip.avi').read_bytes()
    (tmp_path / 'clip.avi').write_bytes(whole[:len(whole) // 2])
    np.random.seed(0)
    with pytest.warns(UserWarning, match=r'number 1 in this process: .*clip\.avi#000029'):
        sample = dataset[29]
    assert sample['inputs']['unsup_teacher'].shape == (3, 64, 48)


def test_several_sources_in_one_unlabeled_set(tmp_path):
    image_file(tmp_path / 'images' / 'a.png', 100, 50)
    image_file(tmp_path / 'pool' / 'b.png')
    video_file(tmp_path / 'pool' / 'clip.avi')
    labeled = dict(bbox=[4, 4, 20, 24], area=480, iscrowd=0, category_id=1, num_keypoints=17,
                   keypoints=[9, 9, 2] * 17)
    from_json = dict(type='UnlabeledPoseDataset', pipeline=VIEWS, **coco(
        tmp_path, [labeled, dict(labeled, bbox=[4, 4, 20, 25])],
        categories=[dict(id=1, name='person')]))
    branches = dict(type='PoseMultiBranch', branch_field=['sup', 'unsup_teacher', 'unsup_student'],
                    sup=[dict(type='WeakView', input_size=(48, 64))])
    (tmp_path / 'boxes.json').write_text(json.dumps([
        dict(image_id=image_id, category_id=1, bbox=[10, 5, 30, 20], score=.9)
        for image_id in ('b.png', 'clip.avi#000007')]))
    from_boxes = dict(type='UnlabeledPoseDataset', pipeline=VIEWS,
                      data_prefix=dict(img=str(tmp_path / 'pool')),
                      bbox_file=str(tmp_path / 'boxes.json'))
    from_folder = dict(type='UnlabeledPoseDataset', pipeline=VIEWS,
                       data_prefix=dict(img=str(tmp_path / 'pool')))
    dataset = SemiSupervisedDataset([
        dict(from_json, type='CocoDataset', pipeline=[dict(type='LoadImage'), branches]),
        dict(type='ConcatDataset', datasets=[from_json, from_boxes, from_folder])])
    assert [len(d) for d in dataset.datasets] == [2, 2 + 2 + 4]
    sampler = SemiSupervisedSampler(dataset, batch_size=16, source_ratio=[1, 1], seed=0)
    drawn = [i for i, _ in zip(sampler, range(16))]
    assert sorted(drawn[8:]) == list(range(2, 10))
    unlabeled = [dataset[i] for i in sorted(drawn[8:])]
    assert all(sample['inputs']['sup'] is None for sample in unlabeled)
    assert [Path(sample['data_samples']['unsup_teacher'].img_path).name for sample in unlabeled
            ] == ['a.png', 'a.png', 'b.png', 'clip.avi#000007', 'b.png', 'clip.avi#000000',
                  'clip.avi#000010', 'clip.avi#000020']
    assert dataset[0]['inputs']['unsup_teacher'] is None
    with pytest.raises(ValueError, match='no unlabeled image or video in.*empty'):
        (tmp_path / 'empty').mkdir()
        SemiSupervisedDataset([
            dict(from_json, type='CocoDataset', pipeline=[]),
            dict(type='ConcatDataset', datasets=[from_json, dict(
                from_folder, data_prefix=dict(img=str(tmp_path / 'empty')))])])


def three_keypoints(*numbers):
    return dict(bbox=[10, 5, 30, 20], keypoints=list(numbers))


def test_hidden_keypoints_are_kept_under_names_of_their_own(tmp_path):
    arguments = dict(metainfo=METAINFO, **coco(tmp_path, [
        three_keypoints(12, 7, 2, 20.5, 9, 1, 0, 0, 0),
        three_keypoints(11, 6, 2, 13, 8, 2, 30, 20, 2)]))
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
        **coco(tmp_path, [three_keypoints(12, 7, 2, 20, 9, 1, 30, 20, 0)]))
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
    with pytest.raises(ValueError, match='keep_hidden=True.*no bbox_file'):
        UnlabeledPoseDataset(**coco(tmp_path, []), bbox_file='boxes.json', keep_hidden=True)
    good = dict(three_keypoints(*[1] * 9), bbox=[10, 5, 30, 21])
    for bad, got in ((dict(bbox=[10, 5, 30, 20]), 0), (three_keypoints(*[1] * 12), 12)):
        with pytest.raises(
                ValueError, match=f'needs 9 numbers.*of 3 keypoints.*annotation 1 of .*has {got}$'):
            UnlabeledPoseDataset(
                **coco(tmp_path, [good, bad]), metainfo=METAINFO, keep_hidden=True)
    # One that is left out anyway need not have any.
    crowd = dict(bbox=[10, 5, 30, 20], iscrowd=1)
    dataset = UnlabeledPoseDataset(
        **coco(tmp_path, [crowd, good]), metainfo=METAINFO, keep_hidden=True)
    assert len(dataset) == 1


class Store(BaseStorageBackend):
    """Holds every image, under whatever name."""

    def get(self, filepath):
        """Return the same image always."""
        return cv2.imencode('.png', np.zeros((50, 100, 3), np.uint8))[1].tobytes()

    def get_text(self, filepath, encoding='utf-8'):
        """Not for images."""
        raise NotImplementedError


def test_images_in_an_object_store_are_not_looked_for_on_the_disk(tmp_path, log):
    register_backend('test_unlabeled', Store, force=True)
    load = dict(type='LoadUnlabeledImage', backend_args=dict(backend='test_unlabeled'))
    dataset = UnlabeledPoseDataset(**coco(tmp_path, [dict(bbox=[1, 1, 20, 20])]), pipeline=[load])
    assert dataset[0]['img'].shape == (50, 100, 3)
    assert not any('do not exist' in text for _, text in log)


@pytest.mark.parametrize('name, boxes', [
    ('coco_wholebody_face', [[40, 5, 50, 15]]),
    ('coco_wholebody_hand', [[20, 20, 26, 26], [60, 20, 67, 26]]),
    ('coco_wholebody', [[10, 0, 80, 50]])])
def test_faces_and_hands_of_whole_bodies_have_boxes_of_their_own(tmp_path, log, name, boxes):
    whole = dict(bbox=[10, 0, 70, 50], face_box=[40, 5, 10, 10], face_valid=True,
                 lefthand_box=[20, 20, 6, 6], lefthand_valid=True, righthand_box=[60, 20, 7, 6])
    hidden = dict(whole, bbox=[10, 0, 70, 49], face_valid=False, lefthand_box=[0, 0, 0, 0],
                  lefthand_valid=False, righthand_valid=False)
    dataset = UnlabeledPoseDataset(
        metainfo=dict(from_file=f'configs/_base_/datasets/{name}.py'),
        **coco(tmp_path, [whole, hidden]))
    found = [dataset.get_data_info(i)['bbox'][0].tolist() for i in range(len(dataset))]
    whole_bodies = name == 'coco_wholebody'
    assert found == (boxes if not whole_bodies else [*boxes, [10, 0, 80, 49]])
    assert any('without a usable box' in text for _, text in log) != whole_bodies


def test_each_hand_of_a_whole_body_keeps_its_own_hidden_keypoints(tmp_path):
    body = dict(bbox=[10, 0, 70, 50])
    for number, hand in enumerate(('left', 'right'), 1):
        body.update({f'{hand}hand_box': [20 * number, 20, 6, 6], f'{hand}hand_valid': True,
                     f'{hand}hand_kpts': [20 * number, 22, 2] * 21})
    dataset = UnlabeledPoseDataset(
        keep_hidden=True, metainfo=dict(from_file='configs/_base_/datasets/coco_wholebody_hand.py'),
        **coco(tmp_path, [body]))
    people = [dataset.get_data_info(i) for i in range(len(dataset))]
    assert [person['hidden_keypoints'][0, 0].tolist() for person in people] == [[20, 22], [40, 22]]
    assert all((person['bbox'][0, :2] <= person['hidden_keypoints']).all() for person in people)
