"""Corrected labels beside the old ones: nothing lost, nobody twice, and errors with names."""
import copy
import json

import pytest
from pycocotools.coco import COCO

from mmpose_mum.coco.layout import read_coco
from mmpose_mum.coco.merge import (
    LabelFile,
    find_images,
    merge,
    missing_people,
    overlap,
    restore_boxes,
    without,
)

NAMES = ['head', 'left_hand', 'right_hand']


def content(names, first_id=1, category='person', key=1, visible=2):
    """Makes a json of one person for each image."""
    return dict(
        images=[dict(id=first_id + i, file_name=name, width=90, height=90)
                for i, name in enumerate(names)],
        annotations=[dict(
            id=first_id + i, image_id=first_id + i, category_id=key, iscrowd=0, area=2000.,
            bbox=[10., 10., 40., 50.], num_keypoints=3, keypoints=[20., 20. + i, visible] * 3)
            for i in range(len(names))],
        categories=[dict(id=key, name=category, keypoints=NAMES, skeleton=[[1, 2]])])


@pytest.fixture
def write(tmp_path):
    def write(name, made, images='images'):
        path = tmp_path / name
        path.write_text(json.dumps(made))
        return LabelFile(read_coco(str(path)), str(tmp_path / images))
    return write


def merged(tmp_path, old, corrected):
    made, root = merge(old, corrected)
    path = tmp_path / 'merged.json'
    path.write_text(json.dumps(made))
    return COCO(str(path)), root


def test_both_are_there_with_ids_of_their_own_and_pycocotools_reads_them(write, tmp_path):
    old = content(['a.jpg', 'b.jpg'])
    new = content(['sub/c.jpg', 'd.jpg'], key=7)
    new['annotations'][0]['keypoints'] = [1., 2., 2, 3., 4., 1, 0, 0, 0]
    coco, root = merged(tmp_path, write('o.json', old, 'one'), write('n.json', new, 'two'))
    assert root == str(tmp_path)
    found = {coco.imgs[person['image_id']]['file_name']: person for person in coco.anns.values()}
    assert set(found) == {'one/a.jpg', 'one/b.jpg', 'two/sub/c.jpg', 'two/d.jpg'}
    assert found['one/b.jpg'] == old['annotations'][1]
    person = found['two/sub/c.jpg']
    assert person['keypoints'] == new['annotations'][0]['keypoints']
    assert person['num_keypoints'] == 2 and person['category_id'] == 1
    assert len(coco.anns) == len(coco.imgs) == 4


def test_an_image_with_people_in_both_is_one_image(write, tmp_path):
    new = content(['a.jpg'], first_id=50)
    new['annotations'][0].update(bbox=[60., 10., 30., 50.], keypoints=[70., 20., 2] * 3)
    coco, _ = merged(tmp_path, write('o.json', content(['a.jpg'])), write('n.json', new))
    assert len(coco.imgs) == 1 and len(coco.getAnnIds(1)) == 2


def test_people_without_a_labeled_keypoint_stay_unlabeled(write, tmp_path):
    new = content(['c.jpg', 'd.jpg'], first_id=9)
    new['annotations'][0]['keypoints'] = [0.] * 9
    corrected = write('n.json', new)
    coco, _ = merged(tmp_path, write('o.json', content(['a.jpg'])), corrected)
    assert {image['file_name'] for image in coco.imgs.values()} == {'a.jpg', 'd.jpg'}
    rest, taken = without(write('u.json', content(['c.jpg', 'd.jpg', 'e.jpg'])), corrected)
    assert taken == 1 and [image['file_name'] for image in rest['images']] == ['c.jpg', 'e.jpg']


def test_only_the_corrected_person_of_an_image_is_taken_out(write):
    everybody = content(['deep/c.jpg', 'other/c.jpg'])
    second = dict(copy.deepcopy(everybody['annotations'][0]), id=3, bbox=[60., 10., 30., 50.])
    everybody['annotations'].append(second)
    corrected = content(['deep/c.jpg'])
    corrected['annotations'][0]['bbox'] = [12., 11., 39., 49.]  # the box was mended, too
    rest, taken = without(write('u.json', everybody), write('n.json', corrected))
    assert taken == 1 and [person['id'] for person in rest['annotations']] == [2, 3]


def test_a_name_that_ends_like_another_is_another_image(write):
    both = content(['a.jpg', 'sub/a.jpg'])
    rest, taken = without(write('u.json', both), write('n.json', content(['sub/a.jpg'])))
    assert taken == 1 and [image['file_name'] for image in rest['images']] == ['a.jpg']
    suggested, corrected = write('s.json', both).coco, content(['a.jpg', 'sub/a.jpg'])
    suggested.annotations[1]['bbox'] = [5., 5., 60., 60.]
    for person, place in zip(corrected['annotations'], (20., 21.)):
        person.update(keypoints=[20., 20., 2, 30., place + 9, 2, 0., 0., 0.], bbox=None)
    restored, number = restore_boxes(write('n.json', corrected).coco, suggested)
    assert number == 2 and [person['bbox'] for person in restored.annotations] == [
        [10., 10., 40., 50.], [5., 5., 60., 60.]]


def test_frames_are_taken_out_by_the_names_of_their_files(write):
    rest, taken = without(write('u.json', content(['a/clip.mp4#000007', 'a/clip.mp4#000008'])),
                          write('n.json', content(['a/clip.mp4_000008.png'])))
    assert taken == 1 and [image['file_name'] for image in rest['images']] == ['a/clip.mp4#000007']


def test_a_box_that_a_detector_found_twice_is_taken_out_twice(write):
    everybody = content(['a.jpg', 'a.jpg'])
    everybody['annotations'][1].update(image_id=1, bbox=[11., 11., 41., 49.])
    assert without(write('u.json', everybody), write('n.json', content(['a.jpg'])))[1] == 2


def test_an_old_person_without_labels_gets_them(write):
    old = content(['a.jpg'])
    old['annotations'][0].update(keypoints=[0.] * 9, num_keypoints=0)
    made, _ = merge(write('o.json', old), write('n.json', content(['a.jpg'])))
    assert [person['num_keypoints'] for person in made['annotations']] == [0, 3]


def test_suggested_people_that_are_missing_have_names(write):
    corrected = write('n.json', content(['a.jpg'])).coco
    assert missing_people(corrected, corrected) == []
    suggested = write('s.json', content(['a.jpg', 'b.jpg'])).coco
    (missing, ) = missing_people(suggested, corrected)
    assert missing == 'b.jpg [10.0, 10.0, 40.0, 50.0]'


def change(made, **category):
    made['categories'][0].update(category)
    return made


@pytest.mark.parametrize('made, message', [
    (change(content(['c.jpg']), keypoints=['head', 'right_hand', 'left_hand']), 'another order'),
    (change(content(['c.jpg']), keypoints=['head', 'left_foot', 'tail']), 'are others'),
    (change(content(['c.jpg']), keypoints=NAMES[:2]), 'have 3 keypoints, the corrected ones 2'),
    (change(content(['c.jpg']), keypoints=[]), 'must have a category with keypoints, and has none'),
    (content(['c.jpg'], category='dog'), r"annotation 1 of .*n.json' is of the category 'dog'"),
    (content(['a.jpg']), r"labeled twice.*1 of 'a.jpg' is the annotation 1 of .*o.json'"),
    (content(['c.jpg', 'c.jpg']), r"annotation 2 of 'c.jpg' is the annotation 1 of .*n.json'"),
    (dict(content(['c.jpg']), images=[]), '`image_id` of the annotation with the id 1'),
])
def test_what_does_not_fit_is_named(made, message, write):
    with pytest.raises(ValueError, match=message):
        merge(write('o.json', content(['a.jpg'])), write('n.json', made))


def person(box, keypoints):
    made = content(['a.jpg'])
    made['annotations'][0].update(bbox=box, keypoints=keypoints)
    return made


CLOSE = [12., 12., 2, 45., 40., 2, 15., 60., 2]


@pytest.mark.parametrize('box, keypoints, twice', [
    ([12, 10, 40, 60], [32., 12., 2, 65., 40., 2, 35., 60., 2], False),  # they stand close
    ([0, 0, 90, 90], CLOSE, True),  # a wider box
    ([10, 10, 40, 60], CLOSE[:3] + CLOSE[6:] + CLOSE[3:6], True),  # left and right exchanged
    ([10, 10, 40, 60], [12., 12., 0, 0, 0, 0, 13., 59., 2], True),
    ([50, 10, 40, 60], [0, 0, 0, 46., 40., 2, 0, 0, 0], False),  # one's hand on the other's
    ([50, 50, 40, 40], [0, 0, 0, 80., 80., 2, 0, 0, 0], False)])
def test_a_person_is_known_by_the_keypoints(box, keypoints, twice, write):
    old, new = (write(name, person(*one)) for name, one in (
        ('o.json', ([10, 10, 40, 60], CLOSE)), ('n.json', (box, keypoints))))
    if twice:
        with pytest.raises(ValueError, match='labeled twice'):
            merge(old, new)
    else:
        assert len(merge(old, new)[0]['annotations']) == 2


def test_without_common_keypoints_a_person_is_known_by_the_box(write):
    old = person([10, 10, 40, 60], CLOSE[:3] + [0] * 6)
    for box, twice in (([14, 10, 40, 60], True), ([45, 10, 40, 60], False)):
        new = write('n.json', person(box, [0] * 3 + CLOSE[3:]))
        if twice:
            with pytest.raises(ValueError, match='labeled twice'):
                merge(write('o.json', old), new)
        else:
            merge(write('o.json', old), new)


def test_names_without_their_folders_are_not_guessed(write, tmp_path):
    for name in ('a.jpg', 'sub/a.jpg', 'b.jpg'):
        path = tmp_path / 'images' / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b'')
    assert find_images(write('n.json', content(['b.jpg', 'b.jpg']))).coco.images[2]['id'] == 2
    with pytest.raises(ValueError, match=r"several images of the name 'a.jpg', and below .*sub/a"):
        find_images(write('n.json', content(['a.jpg', 'a.jpg', 'b.jpg'])))


def test_other_annotations_of_the_old_labels_are_passed_on(write, tmp_path):
    old = content(['a.jpg'])
    old['annotations'].append(dict(id=5, image_id=1, category_id=2, bbox=[1, 2, 3, 4]))
    old['categories'].append(dict(id=2, name='ball'))
    coco, _ = merged(tmp_path, write('o.json', old), write('n.json', content(['b.jpg'])))
    assert len(coco.anns) == 3 and coco.anns[5] == old['annotations'][1]
    assert coco.loadAnns(6)[0]['category_id'] == 1


def test_a_group_above_the_keypoints_category_gets_nobody(write, tmp_path):
    old = content(['a.jpg'])  # as Roboflow exports it
    old['categories'].insert(0, dict(id=0, name='person', supercategory='none'))
    coco, _ = merged(tmp_path, write('o.json', old), write('n.json', content(['b.jpg'], key=4)))
    assert [person['category_id'] for person in coco.anns.values()] == [1, 1]


def test_categories_may_share_keypoints(write, tmp_path):
    def animals(name):
        made = content([name], category='dog')
        made['categories'].append(dict(made['categories'][0], id=2, name='cat'))
        return made
    new = animals('b.jpg')
    new['annotations'][0]['category_id'] = 2
    coco, _ = merged(tmp_path, write('o.json', animals('a.jpg')), write('n.json', new))
    assert [animal['category_id'] for animal in coco.anns.values()] == [1, 2]
    new['categories'][0]['keypoints'] = NAMES[:2]  # of no one: a tool lists all that it knows
    coco, _ = merged(tmp_path, write('o.json', animals('a.jpg')), write('n.json', new))
    assert [animal['category_id'] for animal in coco.anns.values()] == [1, 2]
    new['annotations'].append(dict(new['annotations'][0], id=9, category_id=1))
    with pytest.raises(ValueError, match='have different keypoints'):
        merge(write('o.json', animals('a.jpg')), write('n.json', new))


def test_old_annotations_that_are_boxes_alone_are_passed_on(write, tmp_path):
    old = content(['a.jpg', 'b.jpg', 'c.jpg'])
    old['annotations'][0].update(keypoints=[], num_keypoints=0)  # as Roboflow writes it
    old['annotations'][1]['keypoints'] = None
    made, _ = merge(write('o.json', old), write('n.json', content(['d.jpg'], first_id=9)))
    assert made['annotations'][0]['keypoints'] == [] and 'keypoints' not in made['annotations'][1]
    assert len(made['annotations']) == 4


def test_an_old_person_without_a_box_is_an_error_with_the_way_out(write):
    old = content(['a.jpg'])
    del old['annotations'][0]['bbox']
    with pytest.raises(ValueError, match='`bbox` of .* is missing, .*; `mmpose-mum boxes` adds it'):
        merge(write('o.json', old), write('n.json', content(['b.jpg'], first_id=9)))


def test_a_category_that_several_of_the_labels_could_be_is_added(write, tmp_path):
    """What `suggest` calls animals of a folder, whose kind nobody has told."""
    old, new = content(['a.jpg'], category='dog'), content(['b.jpg'], category='animals', key=3)
    old['categories'].append(dict(old['categories'][0], id=2, name='cat'))
    new['categories'].append(dict(new['categories'][0], id=5, name='nobody'))
    coco, _ = merged(tmp_path, write('o.json', old), write('n.json', new))
    assert {key: entry['name'] for key, entry in coco.cats.items()} == {
        1: 'dog', 2: 'cat', 3: 'animals'}
    assert [animal['category_id'] for animal in coco.anns.values()] == [1, 3]
    old['categories'].append(dict(id=3, name='ball'))  # the number is taken
    coco, _ = merged(tmp_path, write('o.json', old), write('n.json', new))
    assert [animal['category_id'] for animal in coco.anns.values()] == [1, 4]


def test_new_ids_come_after_those_that_are_written_as_floats(write):
    old = content(['a.jpg'])
    old['images'][0]['id'] = old['annotations'][0]['image_id'] = old['annotations'][0]['id'] = 1.0
    made, _ = merge(write('o.json', old), write('n.json', content(['b.jpg'])))
    assert [image['id'] for image in made['images']] == [1, 2]
    assert [one['id'] for one in made['annotations']] == [1, 2]


def test_a_person_whom_a_tool_left_without_box_and_keypoints_is_not_missing(write):
    suggested = content(['a.jpg', 'a.jpg'])
    suggested['annotations'][1]['bbox'] = [50, 50, 30, 30]
    corrected = content(['a.jpg', 'a.jpg'])
    corrected['annotations'][1].update(bbox=[0, 0, 0, 0], keypoints=[0] * 9)
    files = [write('s.json', suggested).coco, write('c.json', corrected).coco]
    assert missing_people(*files) == []
    corrected['annotations'].pop()
    assert len(missing_people(files[0], write('c.json', corrected).coco)) == 1


def test_overlap():
    assert overlap([0, 0, 10, 10], [0, 0, 10, 10]) == 1
    assert overlap([0, 0, 10, 10], [5, 0, 10, 10]) == pytest.approx(1 / 3)
    assert overlap([0, 0, 10, 10], [20, 0, 10, 10]) == 0
    assert overlap(None, [20, 0, 10, 10]) == 0
