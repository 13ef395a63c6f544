"""Sizes that a json states are held against those of the images, and none cuts off a person."""
import json

import numpy as np
import pytest
from PIL import Image

from helpers.written_sets import METAINFO
from mmpose_mum.datasets import LoadUnlabeledImage
from mmpose_mum.datasets.unlabeled import UnlabeledPoseDataset
from mmpose_mum.files import sizes
from mmpose_mum.files.sizes import check_sizes, evenly


@pytest.fixture
def said(monkeypatch):
    texts = []
    monkeypatch.setattr(sizes, 'print_log', lambda text, *_: texts.append(text))
    return texts


def photo(path, size=(120, 200), orientation=6):
    """Writes a photo that is shown in a size, and is stored in another if it is turned."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.new('RGB', size[::-1] if orientation > 4 else size).save(path, exif=exif)
    return dict(path=str(path), width=size[0], height=size[1])


@pytest.mark.parametrize('suffix', ['.jpg', '.png', '.tif'])
@pytest.mark.parametrize('orientation', [1, 3, 6])
@pytest.mark.parametrize('by_mmpose', [True, False])
def test_true_sizes_are_nothing_to_tell(tmp_path, said, suffix, orientation, by_mmpose):
    images = [photo(tmp_path / f'{i}{suffix}', orientation=orientation) for i in range(3)]
    images[1]['width'] += 1  # tools round differently
    check_sizes(images, 'the set', by_mmpose)
    assert not said


def test_swapped_sizes_are_an_error_where_mmpose_would_cut(tmp_path, said):
    images = [photo(tmp_path / f'{i}.jpg', orientation=6 if i % 2 else 1) for i in range(10)]
    for image in images[1::2]:
        image.update(width=200, height=120)
    with pytest.raises(ValueError, match=r"(?s)5 of 10 checked.*1\.jpg': 200×120 for "
                                         r'120×200.*swap "width" and "height".*exiftool'):
        check_sizes(images, 'the set')
    check_sizes(images, 'the set', by_mmpose=False)
    text, = said
    assert '5 of 10 checked images of the set' in text and '1.jpg' in text and 'as shown' in text


def test_boxes_of_the_image_as_it_is_stored_are_an_error(tmp_path):
    image = dict(photo(tmp_path / 'a.jpg'), width=200, height=120, box=[130, 20, 190, 100])
    with pytest.raises(ValueError, match=r'1 of 1 .*a\.jpg.*200×120.*120×200, and a box reaches to '
                                         r'\(190, 100\).*exiftool'):
        check_sizes([image], 'the set', by_mmpose=False)
    # This one lies in neither, so that the box is one that nobody clipped.
    check_sizes([dict(image, box=[60, 90, 125, 205])], 'the set', by_mmpose=False)


@pytest.mark.parametrize('by_mmpose', [True, False])
def test_images_that_were_resized_are_an_error(tmp_path, by_mmpose):
    images = [photo(tmp_path / f'{i}.png') for i in range(3)]
    images[2].update(width=240, height=400)
    with pytest.raises(ValueError, match=r"1 of 3 checked.*2\.png': the json says 240×400"
                                         r', and the image as shown has 120×200\. If the images '
                                         'were resized'):
        check_sizes(images, 'the set', by_mmpose)


def test_a_webp_that_mmpose_would_read_lying_is_an_error(tmp_path):
    image = photo(tmp_path / 'a.webp')
    with pytest.raises(ValueError, match=r'1 of 1 .*WebP.*a\.webp.*Save them upright'):
        check_sizes([image], 'the set')
    check_sizes([image], 'the set', by_mmpose=False)
    check_sizes([photo(tmp_path / 'b.webp', orientation=1)], 'the set')


def test_what_has_no_size_or_cannot_be_read_is_not_looked_at(tmp_path, said):
    (tmp_path / 'broken.jpg').write_bytes(b'no image')
    good = photo(tmp_path / 'a.jpg')
    check_sizes([dict(good, path=str(tmp_path / 'broken.jpg'))], 'the set', by_mmpose=False)
    check_sizes([
        dict(good, width=None), dict(good, height='tall'), dict(good, width=0),
        dict(good, width=-3), dict(good, height=float('nan')), dict(path=good['path']),
        dict(good, path='gone.jpg'), dict(good, path='s3://bucket/a.jpg'),
        dict(good, path=str(tmp_path / 'gone.mp4#000003'))], 'the set')
    assert not said


def test_a_broken_image_that_mmpose_would_load_is_named(tmp_path):
    good = photo(tmp_path / 'a.jpg')
    for content in (b'', b'no image'):
        (tmp_path / 'broken.jpg').write_bytes(content)
        with pytest.raises(ValueError, match='broken.jpg., an image of the set, is empty'):
            check_sizes([good, dict(good, path=str(tmp_path / 'broken.jpg'))], 'the set')


def test_a_few_are_looked_at_from_the_first_to_the_last():
    assert evenly(list(range(100)), 5) == [0, 24, 49, 74, 99]
    assert evenly([1, 2], 5) == [1, 2] and evenly([], 5) == [] and evenly([1], 1) == [1]


def people_json(tmp_path, size, boxes):
    (tmp_path / 'people.json').write_text(json.dumps(dict(
        images=[dict(id=1, file_name='a.jpg', width=size[0], height=size[1])],
        annotations=[dict(id=i, image_id=1, bbox=box) for i, box in enumerate(boxes)])))
    return dict(ann_file=str(tmp_path / 'people.json'), metainfo=METAINFO,
                data_prefix=dict(img=str(tmp_path)), pipeline=[dict(type='LoadUnlabeledImage')])


@pytest.mark.parametrize('detections', [False, True])
def test_nobody_is_lost_by_swapped_sizes(tmp_path, said, detections):
    photo(tmp_path / 'a.jpg')
    boxes = [[40, 125, 40, 65], [40, 60, 60, 130], [-9, 150, 200, 90]]
    config = people_json(tmp_path, (200, 120), boxes[:2])
    if detections:
        (tmp_path / 'boxes.json').write_text(json.dumps([
            dict(image_id=1, category_id=1, bbox=box, score=.9 - .1 * i)
            for i, box in enumerate(boxes)]))
        config.update(bbox_file=str(tmp_path / 'boxes.json'), bbox_nms_thr=1.)
    dataset = UnlabeledPoseDataset(**config)
    samples = [dataset[i] for i in range(len(dataset))]
    expected = [[[40, 125, 80, 190]], [[40, 60, 100, 190]], [[0, 150, 120, 200]]]
    assert [sample['bbox'].tolist() for sample in samples] == expected[:len(samples)]
    assert len(samples) == (3 if detections else 2)
    assert all(sample['img_shape'] == (200, 120) and 'stated_size' not in sample
               for sample in samples)
    assert len(said) == 1 and '1 of 1 checked images of the unlabeled set' in said[0]


def test_an_unlabeled_set_whose_images_were_resized_is_refused(tmp_path):
    photo(tmp_path / 'a.jpg')
    with pytest.raises(ValueError, match=r'people\.json.*a\.jpg.*480×800.*120×200'):
        UnlabeledPoseDataset(**people_json(tmp_path, (480, 800), [[40, 60, 40, 130]]))


@pytest.mark.parametrize('stated, box, words', [
    ((480, 800), [40, 60, 80, 190], '480×800, and the image as shown has 120×200.*resized'),
    ((200, 120), [130, 20, 190, 100], r'reaches to \(190.0, 100.0\).*exiftool')])
def test_an_image_that_is_not_of_its_size_is_skipped_when_it_is_read(tmp_path, stated, box, words):
    path = photo(tmp_path / 'a.jpg')['path']
    person = dict(img_path=path, bbox=np.array([box], np.float32), stated_size=stated)
    for load in (LoadUnlabeledImage(), LoadUnlabeledImage(input_size=(8, 8), cache_mb=1)):
        with pytest.warns(UserWarning, match=rf'number 1 in this process: .*a\.jpg.*{words}'):
            assert load(dict(person)) is None
        assert load(dict(person, stated_size=(120, 200), bbox=np.array([[0, 0, 9, 9.]])))
