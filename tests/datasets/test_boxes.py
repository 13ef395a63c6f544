"""People of a detector's json: which boxes count, whose images they are of, and what is said."""
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from mmpose_mum.datasets import unlabeled
from mmpose_mum.datasets.unlabeled import UnlabeledPoseDataset


def image_file(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.zeros((60, 80, 3), np.uint8))


def found(image_id, bbox=(10, 5, 30, 20), score=.9, **more):
    return dict(image_id=image_id, category_id=1, bbox=bbox, score=score, **more)


def detected(tmp_path, detections, **more):
    """Writes detections; returns the arguments of a data set of the folder ``pool``."""
    (tmp_path / 'boxes.json').write_text(json.dumps(detections))
    return dict(dict(
        data_prefix=dict(img=str(tmp_path / 'pool')), bbox_file=str(tmp_path / 'boxes.json')),
        **more)


def people_of(dataset):
    return [dataset.get_data_info(i) for i in range(len(dataset))]


def test_detections_name_images_by_their_path(tmp_path):
    image_file(tmp_path / 'pool' / 'sub' / 'a.png')
    writer = cv2.VideoWriter(
        str(tmp_path / 'pool' / 'clip.avi'), cv2.VideoWriter_fourcc(*'MJPG'), 10, (80, 60))
    for _ in range(30):
        writer.write(np.zeros((60, 80, 3), np.uint8))
    writer.release()
    dataset = UnlabeledPoseDataset(**detected(tmp_path, [
        found('sub/a.png', score=.5), found('clip.avi#000025', [0, 0, 40, 60]),
        found(17, [1, 2, 8, 9], file_name='sub/a.png')], pipeline=[
            dict(type='LoadUnlabeledImage'), dict(type='WeakView', input_size=(48, 64))]))
    people = people_of(dataset)
    assert [Path(p['img_path']).relative_to(tmp_path / 'pool').as_posix() for p in people] == [
        'sub/a.png', 'sub/a.png', 'clip.avi#000025']
    assert [p['bbox'].tolist() for p in people] == [
        [[1, 2, 9, 11]], [[10, 5, 40, 25]], [[0, 0, 40, 60]]]  # by image, the best first
    assert [p['img_id'] for p in people] == [17, 'sub/a.png', 'clip.avi#000025']
    assert people[1]['bbox_score'] == np.float32(.5) and people[1]['bbox_score'].shape == (1, )
    assert [p['id'] for p in people] == [0, 1, 2]
    for i in range(3):
        assert dataset[i]['inputs'].shape == (3, 64, 48)


@pytest.mark.parametrize('box, warned', [
    ([40, 10, 70, 50], True), ([40, 10, 30, 40], False), (['40', '10', '70', '50'], True)])
def test_detections_that_look_like_corners_are_warned_about(box, warned, tmp_path, monkeypatch):
    image_file(tmp_path / 'pool' / 'a.png')
    texts = []
    monkeypatch.setattr(unlabeled, 'print_log', lambda text, *_: texts.append(text))
    dataset = UnlabeledPoseDataset(**detected(tmp_path, [found('a.png', box)]))
    assert any('1 of 1 boxes' in text and 'Are they x1, y1, x2, y2?' in text
               for text in texts) == warned
    assert 'stated_box' not in dataset.get_data_info(0)


def test_detections_name_images_by_the_ids_of_a_json(tmp_path):
    (tmp_path / 'images.json').write_text(json.dumps(dict(
        images=[dict(id=1, file_name='a.png', width=100, height=50)],
        annotations=[dict(image_id=1, bbox=[0, 0, 9, 9])])))  # boxes that do not count
    person, = people_of(UnlabeledPoseDataset(**detected(
        tmp_path, [found(1, [90, 40, 30, 20]), found(5)], ann_file=str(tmp_path / 'images.json'))))
    assert person['img_path'] == str(tmp_path / 'pool' / 'a.png')
    np.testing.assert_array_equal(person['bbox'], [[90, 40, 120, 60]])  # the size may be wrong
    assert person['stated_size'] == (100, 50)


@pytest.mark.parametrize('bad, why', [
    (dict(score=.29), 'with a score below bbox_score_thr, or without one'),
    (dict(score=float('nan')), 'with a score below bbox_score_thr, or without one'),
    (dict(score=None), 'with a score below bbox_score_thr, or without one'),
    (dict(category_id=3), 'of other categories'),
    (dict(image_id='b.png'), 'of unknown images'),
    (dict(image_id='b.mp4#000000'), 'of unknown images'),
    (dict(image_id=3), 'of unknown images'),
    (dict(bbox=[10, 5, 0, 20]), 'without a usable box'),
    (dict(bbox=[10, 5, 30, -20]), 'without a usable box'),
    (dict(bbox=[10, float('nan'), 30, 20]), 'without a usable box'),
    (dict(bbox=None), 'without a usable box'),
    (dict(bbox=[11, 5, 30, 20], score=.8), 'that overlap a better one')], ids=str)
def test_detections_that_are_left_out_are_counted(tmp_path, monkeypatch, bad, why):
    said = []
    monkeypatch.setattr('mmpose_mum.datasets.boxes.print_log', lambda text, _: said.append(text))
    image_file(tmp_path / 'pool' / 'a.png')
    people = people_of(UnlabeledPoseDataset(
        **detected(tmp_path, [{**found('a.png'), **bad}, found('a.png'),
                              {**found('a.png'), **bad}])))
    assert [p['bbox'].tolist() for p in people] == [[[10, 5, 40, 25]]]
    assert len(said) == 1 and '1 of 3 detections' in said[0] and f'2 {why}' in said[0]


def test_thresholds_and_categories_are_arguments(tmp_path):
    image_file(tmp_path / 'pool' / 'a.png')
    detections = [found('a.png', score=.1), {**found('a.png', score=.2), 'category_id': 17}]
    arguments = detected(tmp_path, detections, bbox_score_thr=.05)
    assert [p['category_id'] for p in people_of(UnlabeledPoseDataset(**arguments))] == [1]
    arguments['bbox_category_ids'] = [1, 17]
    assert [p['category_id'] for p in people_of(UnlabeledPoseDataset(**arguments))] == [17]
    dataset = UnlabeledPoseDataset(**arguments, bbox_nms_thr=1.)
    assert [p['category_id'] for p in people_of(dataset)] == [17, 1]


def iou(a, b):
    w, h = (min(a[i] + a[i + 2], b[i] + b[i + 2]) - max(a[i], b[i]) for i in (0, 1))
    both = max(w, 0) * max(h, 0)
    return both / (a[2] * a[3] + b[2] * b[3] - both)


@pytest.mark.parametrize('thr', [.1, .3, .7])
def test_suppression_keeps_what_a_slow_reference_keeps(tmp_path, thr):
    rng = np.random.default_rng(0)
    names = ['a.png', 'b.png', 'c.png']
    for name in names:
        image_file(tmp_path / 'pool' / name)
    detections = [
        found(str(rng.choice(names)), [*rng.uniform(0, 40, 2), *rng.uniform(5, 40, 2)], score)
        for score in rng.permutation(np.linspace(.31, .99, 120)).tolist()]
    expected = []
    for candidate in sorted(detections, key=lambda d: -d['score']):
        if all(iou(candidate['bbox'], better['bbox']) <= thr for better in expected
               if better['image_id'] == candidate['image_id']):
            expected.append(candidate)
    people = people_of(UnlabeledPoseDataset(**detected(tmp_path, detections, bbox_nms_thr=thr)))
    assert 3 < len(expected) < 120
    assert sorted(p['bbox_score'].item() for p in people) == sorted(
        np.float32(d['score']).item() for d in expected)


def test_detections_none_of_which_can_be_used_say_why(tmp_path):
    image_file(tmp_path / 'pool' / 'a.png')
    for detections, why in (
            ([found('a.png', score=.12), found('a.png', score=.21)],
             r'best score is 0\.21: lower bbox_score_thr, which is 0\.3'),
            ([found(3), found(4)],
             'detection has image_id 4. .*ann_file .*--unlabeled-ann-file.*clip.mp4#000120'),
            ([{**found(3), 'file_name': 'b.png'}], "has image_id 3 and file_name 'b.png'"),
            ([dict(bbox=[1, 2, 3, 4], score=.9)], r"has only the keys \['bbox', 'score'\]"),
            ([{**found('a.png'), 'category_id': 18}], r'\[1\], those found \[18\]: set bbox_cat'),
            ([found('a.png', [1, 2, 0, 0])], r'`bbox` is \[1, 2, 0, 0\]. It must be x, y'),
            ([], 'mmpose-mum detect')):
        with pytest.raises(ValueError, match=rf'(?s)boxes\.json.*{why}'):
            UnlabeledPoseDataset(**detected(tmp_path, detections))
    for content in (dict(images=[], annotations=[]), [1, 2]):
        with pytest.raises(ValueError, match="boxes.json.*COCO's result format"):
            UnlabeledPoseDataset(**detected(tmp_path, content))
    with pytest.raises(FileNotFoundError, match='none.json.*data_root is not put before'):
        UnlabeledPoseDataset(bbox_file='none.json', data_root=str(tmp_path))
