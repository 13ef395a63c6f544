"""Labeled people get boxes around their keypoints where nobody has drawn any."""
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmpose_mum.coco.layout import CocoJson
from mmpose_mum.coco.person_boxes import box_around, has_area, read_labels, with_boxes

POINTS = [10, 20, 2, 30, 60, 1, 0, 0, 0]  # the smallest box: 10, 20, 20, 40


def labels(*people, width=100, height=80):
    image = dict(id=1, file_name='a.jpg', width=width, height=height)
    return CocoJson('a.json', {1: image}, [
        dict(id=i, image_id=1, category_id=1, **person) for i, person in enumerate(people)], {}, {})


@pytest.mark.parametrize('options', [
    {}, dict(bbox=[0, 0, 0, 0]), dict(bbox=[0., 0., 0., 0.], area=0), dict(bbox=[]),
    dict(bbox=[10, 20, 20, 40], area=800), dict(bbox=[10.4, 19.6, 20, 40.4])])
def test_a_missing_an_empty_and_a_tight_box_get_an_edge(options):
    coco, count = with_boxes(labels(dict(options, keypoints=POINTS)), .1)
    person, = coco.annotations
    assert person['bbox'] == [6, 16, 28, 48] and person['area'] == 28 * 48
    assert person['num_keypoints'] == 2 and person['iscrowd'] == 0
    assert count == dict(made=1)


def test_a_box_that_was_drawn_stays():
    drawn = dict(bbox=[5, 5, 50, 70], keypoints=POINTS)
    coco, count = with_boxes(labels(
        dict(drawn, area=99, iscrowd=1, attributes=dict(a=1)), drawn), .1)
    first, second = coco.annotations
    assert first['bbox'] == second['bbox'] == [5, 5, 50, 70] and count == dict(kept=2)
    assert (first['area'], first['iscrowd'], first['attributes']) == (99, 1, dict(a=1))
    assert second['area'] == 50 * 70
    for empty in (0, None):
        person, = with_boxes(labels(dict(drawn, area=empty, iscrowd=None)), .1)[0].annotations
        assert (person['bbox'], person['area'], person['iscrowd']) == ([5, 5, 50, 70], 3500, 0)


def test_an_unlabeled_keypoint_without_a_place_lies_at_zero(tmp_path):
    nan = float('nan')
    people = [[1, 2, 2, nan, nan, 0], [1, 2, 2, None, 3, 0], [1, 2, 2, 4, 5, 0],
              [1, 2, 2, nan, 5, 2], [1, nan]]
    path = tmp_path / 'a.json'
    path.write_text(json.dumps(dict(images=[], annotations=[
        *(dict(id=i, keypoints=values) for i, values in enumerate(people)), dict(id=9)])))
    found = read_labels(str(path)).annotations
    assert [person['keypoints'] for person in found[:3]] == [
        [1, 2, 2, 0, 0, 0], [1, 2, 2, 0, 0, 0], people[2]]
    # What is visible, or is no list of triples, is left to those who complain.
    assert all(math.isnan(found[i]['keypoints'][place]) for i, place in ((3, 3), (4, 1)))
    assert found[5] == dict(id=9)


def test_who_has_no_keypoints_or_all_at_one_place_is_left_out_and_counted():
    coco, count = with_boxes(labels(
        dict(bbox=[1, 2, 3, 4]), dict(keypoints=[]), dict(keypoints=None),
        dict(keypoints=[0] * 9), dict(keypoints=[5, 5, 2, 5, 5, 2, 0, 0, 0]),
        dict(keypoints=POINTS)), .1)
    assert [person['id'] for person in coco.annotations] == [5]
    assert count == dict(unlabeled=4, empty=1, made=1)


@pytest.mark.parametrize('points, edge', [
    ([120, 30, 2, 140, 50, 2], .1), ([-40, 20, 2, -10, 40, 2], .1), ([120, 90, 2, 140, 99, 2], .1),
    ([10, 20, 2, 40, 20, 2], 0.), ([10, 20, 2, 10.004, 20, 2], .1)])
def test_a_box_without_an_area_in_the_image_is_none(points, edge):
    coco, count = with_boxes(labels(dict(keypoints=points)), edge)
    assert not coco.annotations and count == dict(empty=1)


def test_the_box_ends_at_the_images_border():
    coco, _ = with_boxes(labels(dict(keypoints=[0, 2, 2, 99, 79, 2, 50, 50, 2])), .5)
    assert coco.annotations[0]['bbox'] == [0, 0, 100, 80]
    coco, _ = with_boxes(labels(dict(keypoints=[0, 2, 2, 99, 79, 2, 50, 50, 2]), width='100'), 1.)
    assert coco.annotations[0]['bbox'] == [0, 0, 198, 80]


@pytest.mark.parametrize('keypoints', [[1, 2], 'text', [1, 'x', 2]])
def test_keypoints_that_are_no_triples_are_an_error(keypoints):
    with pytest.raises(ValueError, match='`keypoints` of the annotation .*x, y and visibility'):
        with_boxes(labels(dict(keypoints=keypoints)), .1)


@given(st.lists(st.tuples(st.floats(0, 99), st.floats(0, 79), st.sampled_from([0, 1, 2])),
                min_size=1, max_size=6), st.floats(0, 1))
def test_all_labeled_keypoints_lie_in_the_box(points, edge):
    coco, _ = with_boxes(labels(dict(keypoints=[value for point in points for value in point])),
                         edge)
    for person in coco.annotations:
        x, y, width, height = person['bbox']
        left, top, wide, high = box_around(person)
        assert has_area(person['bbox'])
        assert x - .01 <= left and left + wide <= x + width + .02
        assert y - .01 <= top and top + high <= y + height + .02


def test_people_who_are_marked_as_deleted_are_left_out():
    coco, count = with_boxes(labels(dict(keypoints=POINTS, deleted=True),
                                    dict(keypoints=POINTS, deleted=False)), .1)
    assert len(coco.annotations) == 1 and count == dict(deleted=1, made=1)
