"""What is wrong with the json of an unlabelled set is an error that names it, or left out."""
from itertools import product

import cv2
import numpy as np
import pytest
from written_sets import coco, picture, write

from mmpose_mum.datasets import unlabeled
from mmpose_mum.datasets.unlabeled import UnlabeledPoseDataset


@pytest.mark.parametrize('content, words', [
    ('{"images": [', 'cannot be read as a json'),
    ('', 'is empty'),
    ([1], 'which has "images".*it is a list'),
    (dict(images={}), '"images" must be a list'),
    (coco(images=[3]), '"images" must be a list of objects, and its entry 0'),
    (coco(annotations=[dict(image_id=1), 'a']), '"annotations" must be.*entry 1'),
    (coco(annotations=7), '"annotations" must be a list'),
    (coco(images=[dict(id=1)]), "`file_name` of the image with the id 1 is missing"),
    (coco(images=[dict(file_name='a.png')]), "`id` of the image number 0.*is missing"),
    (coco(images=[dict(id=[1], file_name='a.png')]), r'`id` of the image with.*is \[1\], and must'),
    (coco(images=[dict(id=1, file_name=5)]), '`file_name` of the image.* 1 is 5')], ids=str)
def test_a_json_in_another_layout_names_file_and_entry(tmp_path, content, words):
    with pytest.raises(ValueError, match=words) as error:
        UnlabeledPoseDataset(**write(tmp_path, content))
    assert 'people.json' in str(error.value)


def test_two_images_of_one_id_are_an_error_and_one_that_is_listed_twice_is_not(tmp_path):
    image = dict(id=1, file_name='a.png')
    assert len(UnlabeledPoseDataset(**write(tmp_path, coco(images=[image, image])))) == 1
    with pytest.raises(ValueError, match=r"two images of .*people.json' have the id 1: 'a.png' and "
                                         "'b.png'"):
        UnlabeledPoseDataset(**write(tmp_path, coco([image, dict(image, file_name='b.png')])))


def test_two_annotations_of_one_id_are_two_people(tmp_path):
    people = [dict(id=3, image_id=1, bbox=bbox) for bbox in ([1, 2, 30, 40], [5, 5, 9, 9])]
    assert len(UnlabeledPoseDataset(**write(tmp_path, coco(annotations=people)))) == 2


KNOWN, UNKNOWN, WRONG = dict(width=80, height=60), dict(), dict(width='a', height=-1)


@pytest.mark.parametrize('bbox, size', [
    *product([
        [float('nan'), 0, 9, 9], [0, 0, float('inf'), 9], [0, 0, -9, 9], [0, 0, 9, 0],
        ['a', 0, 9, 9], [[0], 0, 9, 9], dict(x=1), 'box', 10**400, [10**400, 0, 9, 9], [0, 0, 9]],
        [KNOWN, UNKNOWN, WRONG]),
    ([0, 0, 1e300, 1e300], KNOWN), ([0, 0, 1e300, 1e300], UNKNOWN),
    ([0, 0, 1e300, 1e300], WRONG)], ids=lambda x: str(x)[:20])
def test_boxes_that_are_none_are_left_out_and_counted(tmp_path, monkeypatch, bbox, size):
    said = []
    monkeypatch.setattr(unlabeled, 'print_log', lambda text, *_: said.append(text))
    content = coco([dict(id=1, file_name='a.png', **size)], [
        dict(image_id=1, bbox=bbox), dict(image_id=1, bbox=[1, 2, 30, 40]),
        dict(image_id=[], bbox=[1, 2, 30, 40])])
    dataset = UnlabeledPoseDataset(**write(tmp_path, content))
    assert len(dataset) == 1 and '1 without a usable box' in said[0] and '1 of images' in said[0]


@pytest.mark.parametrize('size', [0, -5, float('nan'), float('inf'), 'wide', None, [80]])
def test_a_size_that_is_none_is_not_known(tmp_path, size):
    content = coco([dict(id=1, file_name='a.png', width=size, height=60)])
    box = UnlabeledPoseDataset(**write(tmp_path, content)).get_data_info(0)['bbox']
    np.testing.assert_array_equal(box, [[1, 2, 31, 42]])


def test_missing_pictures_are_told_when_the_set_is_built(tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr(unlabeled, 'print_log', lambda text, *_: said.append(text))
    cv2.imwrite(str(tmp_path / '0.png'), picture())
    images = [dict(id=i, file_name=f'{i}.png') for i in range(100)]
    annotations = [dict(image_id=i, bbox=[1, 2, 30, 40]) for i in range(100)]
    UnlabeledPoseDataset(**write(tmp_path, coco(images, annotations)))
    assert '19 of 20 images, such as' in said[1] and '5.png' in said[1]
    assert 'people.json' in said[1] and 'data_prefix' in said[1]
    said.clear()
    UnlabeledPoseDataset(**write(tmp_path, coco(images[:1], annotations[:1])))
    for i in range(100):
        images[i]['file_name'] = f's3://bucket/{i}.png'
    UnlabeledPoseDataset(**{**write(tmp_path, coco(images, annotations)),
                            'data_prefix': dict(img='')})
    assert not any('do not exist' in text for text in said)
