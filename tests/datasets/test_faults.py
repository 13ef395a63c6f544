"""What is wrong with images: each fault has an outcome, which docs/faults.md lists."""
import json
import re
import string
import tempfile
import warnings
from itertools import product
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mmengine.dataset import pseudo_collate
from mmpose.registry import DATASETS
from PIL import Image
from torch.utils.data import DataLoader

from helpers.written_sets import BRANCHES, METAINFO, SIZE, UNSUP, coco, labeled, make_image, write
from mmpose_mum.datasets import (
    LoadUnlabeledImage,
    PoseMultiBranch,
    SemiSupervisedDataset,
    SemiSupervisedSampler,
    StrongView,
    WeakView,
    unlabeled,
)
from mmpose_mum.datasets.unlabeled import UnlabeledPoseDataset


def test_every_outcome_in_the_docs_has_its_test():
    page = (Path(__file__).parents[2] / 'docs/faults.md').read_text(encoding='utf-8')
    rows = [row for row in page.splitlines() if row.startswith('|')]
    tests = '\n'.join(path.read_text(encoding='utf-8')
                      for path in Path(__file__).parents[1].rglob('test_*.py'))
    named = 0
    for row in rows:
        if row.startswith(('| ---', '| fault')):
            continue
        names = re.findall(r'`(test_\w+)`', row.split('|')[-2])
        assert names, row
        assert all(f'def {name}(' in tests for name in names), row
        named += len(names)
    assert named > 20


def pil(mode='RGB'):
    return Image.fromarray(make_image()[..., ::-1]).convert(mode)


def turned(path):
    exif = Image.Exif()
    exif[0x112] = 6  # to be turned by a quarter clockwise to be shown
    pil().rotate(90, expand=True).save(path, exif=exif, quality=95)


FORMATS = {
    'gray.png': lambda path: pil('L').save(path),
    'black_and_white.png': lambda path: pil('1').save(path),
    'gray_alpha.png': lambda path: pil('LA').save(path),
    'rgba.png': lambda path: pil('RGBA').save(path),
    'palette.png': lambda path: pil('P').save(path),
    '16_bit.png': lambda path: cv2.imwrite(str(path), make_image().astype(np.uint16) * 257),
    '16_bit_gray.tif': lambda path: cv2.imwrite(
        str(path), cv2.cvtColor(make_image(), cv2.COLOR_BGR2GRAY).astype(np.uint16) * 257),
    'cmyk.jpg': lambda path: pil('CMYK').save(path, quality=95),
    'cmyk.tif': lambda path: pil('CMYK').save(path),
    'progressive.jpg': lambda path: pil().save(path, progressive=True, quality=95),
    'turned.jpg': turned,
    'turned.png': turned,
}


@pytest.mark.parametrize('name', FORMATS)
def test_images_of_every_kind_become_upright_ones_of_three_channels(tmp_path, name):
    FORMATS[name](tmp_path / name)
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        results = LoadUnlabeledImage()(dict(img_path=str(tmp_path / name)))
    img = results['img']
    assert img.dtype == np.uint8 and results['img_shape'] == (60, 80) == img.shape[:2]
    np.testing.assert_array_equal(results['bbox'], [[0, 0, 80, 60]])
    expected = make_image()
    if img.std(-1).max() == 0:  # it had no colors
        expected = cv2.cvtColor(cv2.cvtColor(expected, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    limit = 60 if name == 'black_and_white.png' else 6  # which is dithered
    for rows, columns in ((slice(5, 25), slice(5, 75)), (slice(35, 55), slice(5, 35)),
                          (slice(35, 55), slice(45, 75))):
        off = np.abs(img[rows, columns].mean((0, 1)) - expected[rows, columns].mean((0, 1)))
        assert off.max() < limit


def encoded(suffix):
    return cv2.imencode(suffix, make_image())[1].tobytes()


def unreadable_files():
    """Gives the content of each kind of file that is no image, by its name."""
    for suffix in ('.jpg', '.png', '.webp', '.bmp', '.tif'):
        whole = encoded(suffix)
        for share in (10, 50, 95):
            yield f'truncated_{share}{suffix}', whole[:len(whole) * share // 100]
    yield 'empty.jpg', b''
    yield 'text.png', b'no image'
    yield 'zeros.jpg', bytes(1000)
    yield 'corrupt.png', encoded('.png').replace(b'IHDR', b'IHDX')
    yield 'html.jpg', b'<html>404</html>'


@pytest.mark.parametrize('name, content', list(unreadable_files()), ids=lambda x: str(x)[:20])
def test_what_is_no_image_is_skipped_by_name_and_count(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    load = LoadUnlabeledImage()
    with pytest.warns(UserWarning, match=rf'(?s)cannot be read, number 1 in this.*{name} \('):
        assert load(dict(img_path=str(tmp_path / name))) is None
    with pytest.warns(UserWarning, match=r'(?s)number 2 in this process: .*missing\.jpg'):
        assert load(dict(img_path=str(tmp_path / 'missing.jpg'))) is None


def test_a_corrupt_jpeg_is_skipped_or_gives_its_size(tmp_path):
    rng = np.random.default_rng(0)
    whole = encoded('.jpg')
    for i in range(30):
        content = bytearray(whole)
        for place in rng.integers(2, len(whole), 8):
            content[place] = rng.integers(256)
        (tmp_path / f'{i}.jpg').write_bytes(bytes(content))
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            results = LoadUnlabeledImage()(dict(img_path=str(tmp_path / f'{i}.jpg')))
        assert results is None or results['img'].dtype == np.uint8 and results['img'].ndim == 3


def test_a_folder_named_like_an_image_is_none(tmp_path):
    (tmp_path / 'frames.jpg').mkdir()
    cv2.imwrite(str(tmp_path / 'frames.jpg' / 'a.png'), make_image())
    dataset = UnlabeledPoseDataset(data_prefix=dict(img=str(tmp_path)))
    assert len(dataset) == 1


@pytest.mark.parametrize('width, height', [(1, 1), (1, 300), (300, 1), (2, 3)])
def test_images_of_a_pixel_or_a_line_are_images(tmp_path, width, height):
    cv2.imwrite(str(tmp_path / 'a.png'), np.full((height, width, 3), 99, np.uint8))
    dataset = DATASETS.build(dict(
        type='UnlabeledPoseDataset', data_prefix=dict(img=str(tmp_path)), pipeline=UNSUP))
    sample = dataset[0]
    for branch in BRANCHES[1:]:
        assert sample['inputs'][branch].shape == (3, *SIZE[::-1])
        assert np.isfinite(sample['data_samples'][branch].metainfo['warp_mat']).all()


@pytest.mark.parametrize('box, expected', [
    ([-20, -5, 40, 30], [0, 0, 40, 30]), ([70, 50, 200, 61], [70, 50, 80, 60]),
    ([80, 0, 90, 60], None), ([79.5, 0, 90, 60], None), ([0, 60, 80, 1e9], None)], ids=str)
def test_boxes_of_images_whose_size_was_not_known(tmp_path, box, expected):
    cv2.imwrite(str(tmp_path / 'a.png'), make_image())
    results = dict(img_path=str(tmp_path / 'a.png'), bbox=np.array([box], np.float32))
    if expected:
        np.testing.assert_array_equal(LoadUnlabeledImage()(results)['bbox'], [expected])
    else:
        with pytest.warns(UserWarning, match=r'(?s)whose box is not in it, number 1.*80×60.*EXIF'):
            assert LoadUnlabeledImage()(results) is None


@pytest.mark.parametrize('number', [1, 3])
def test_an_unlabeled_set_that_is_smaller_than_a_batch_is_gone_through_again(tmp_path, number):
    cv2.imwrite(str(tmp_path / 'a.png'), make_image())
    (tmp_path / 'pool').mkdir()
    for i in range(number):
        cv2.imwrite(str(tmp_path / 'pool' / f'{i}.png'), make_image())
    dataset = SemiSupervisedDataset([
        labeled(tmp_path, [dict(bbox=[1, 2, 30, 40])]),
        dict(type='UnlabeledPoseDataset', metainfo=METAINFO, pipeline=UNSUP,
             data_prefix=dict(img=str(tmp_path / 'pool')))])
    sampler = SemiSupervisedSampler(dataset, batch_size=8, source_ratio=[1, 3], seed=0)
    loader = iter(DataLoader(dataset, batch_size=8, sampler=sampler, collate_fn=pseudo_collate))
    for _ in range(2):
        weak = [s for s in next(loader)['data_samples']['unsup_teacher'] if s is not None]
        assert len(weak) == 6
        assert {Path(s.img_path).stem for s in weak} == {str(i) for i in range(number)}


# Boxes of at least a pixel of an image, as the datasets give them.
@st.composite
def images_with_boxes(draw):
    width, height = draw(st.integers(1, 70)), draw(st.integers(1, 70))
    x1, y1 = draw(st.floats(-100, 100)), draw(st.floats(-100, 100))
    w, h = draw(st.floats(0, 250)), draw(st.floats(0, 250))
    return width, height, [x1, y1, x1 + w, y1 + h]


@settings(max_examples=40)
@given(images_with_boxes(), st.booleans(), st.integers(0, 2**31))
def test_views_of_any_image_and_box_are_whole(case, use_udp, seed):
    width, height, box = case
    np.random.seed(seed)
    load = LoadUnlabeledImage()
    img = np.random.randint(0, 256, (height, width, 3), dtype=np.uint8)
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter('ignore')
        cv2.imwrite(f'{folder}/a.png', img)
        results = load(dict(
            id=0, img_id=0, img_path=f'{folder}/a.png', bbox=np.array([box], np.float32),
            bbox_score=np.ones(1, np.float32), category_id=1, flip_indices=[0, 2, 1]))
    inside = np.clip(np.float32(box).reshape(2, 2), 0, [width, height])
    assert (results is None) == (not (inside[1] - inside[0] >= 1).all())
    if results is None:
        return
    packed = PoseMultiBranch(
        BRANCHES, unsup_teacher=[WeakView(SIZE, use_udp=use_udp)],
        unsup_student=[StrongView(SIZE, use_udp=use_udp)])(results)
    for branch in BRANCHES[1:]:
        assert packed['inputs'][branch].shape == (3, *SIZE[::-1])
        assert packed['inputs'][branch].numpy().dtype == np.uint8
        matrix = packed['data_samples'][branch].metainfo['warp_mat'].astype(np.float64)
        assert np.isfinite(matrix).all() and abs(np.linalg.det(matrix)) > 1e-6
        # The middle of the box is the middle of the view, where nothing is shifted.
        middle = matrix[:2] @ [*inside.mean(0), 1]
        assert np.abs(middle - np.array(SIZE) / 2).max() < 2 + abs(matrix[:2, :2]).max()


LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(
    string.printable, max_size=5) | st.just(10**400)
GARBAGE = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=5) | st.dictionaries(
        st.text('ab', max_size=2), inner, max_size=3), max_leaves=6)
NUMBERS = st.floats(-50, 150) | st.integers(-9, 99)
SIDES = st.integers(1, 99) | NUMBERS
BOXES = st.tuples(NUMBERS, NUMBERS, SIDES, SIDES).map(list)


def mostly(right, wrong=GARBAGE):
    """Eleven of twelve are right; a union would count each of garbage's own alternatives."""
    return st.integers(0, 11).flatmap(lambda number: wrong if number == 7 else right)


@st.composite
def spoilt(draw, right):
    """An object one of whose fields is garbage or missing."""
    content = dict(draw(right))
    field = draw(st.sampled_from(sorted(content)))
    if draw(st.booleans()):
        content[field] = draw(GARBAGE)
    else:
        del content[field]
    return content


def objects(**fields):
    right = st.fixed_dictionaries(fields)
    return mostly(right, spoilt(right))


IMAGES = objects(id=st.integers(0, 1), file_name=st.sampled_from(['a.png', 'b.png', 'v.mp4#00001']),
                 width=st.integers(1, 99), height=st.integers(1, 99))
ANNOTATIONS = objects(image_id=st.integers(0, 1), bbox=BOXES, iscrowd=st.sampled_from([0, 0, 0, 1]),
                      category_id=st.just(1), keypoints=st.lists(NUMBERS, min_size=9, max_size=9))
RESULTS = objects(image_id=st.integers(0, 1) | st.just('a.png'), bbox=BOXES, score=st.floats(.2, 1),
                  category_id=st.just(1), file_name=st.just('a.png'))


def build_or_value_error(folder, content, name, **arguments):
    """Builds a set of a json; whatever is wrong must be a ValueError that names the file."""
    Path(folder, name).write_text(json.dumps(content))
    try:
        dataset = UnlabeledPoseDataset(
            metainfo=METAINFO, data_prefix=dict(img=str(folder)), **arguments)
    except ValueError as error:
        assert name in str(error)
        return None
    for i in range(len(dataset)):
        box = dataset.get_data_info(i)['bbox']
        assert box.dtype == np.float32 and box.shape == (1, 4) and np.isfinite(box).all()
        assert (box[0, :2] >= 0).all() and (box[0, 2:] - box[0, :2] > 0).all()
    return dataset


FUZZ = settings(max_examples=60, suppress_health_check=list(HealthCheck))


@FUZZ
@given(mostly(st.fixed_dictionaries(dict(
    images=mostly(st.lists(IMAGES, min_size=1, max_size=3, unique_by=lambda x: str(x.get('id')))),
    annotations=mostly(st.lists(ANNOTATIONS, min_size=1, max_size=4))))), st.booleans())
def test_any_coco_json_is_a_set_or_an_error_that_names_it(content, keep_hidden):
    with tempfile.TemporaryDirectory() as folder:
        build_or_value_error(folder, content, 'people.json', ann_file=f'{folder}/people.json',
                             keep_hidden=keep_hidden)


@FUZZ
@given(mostly(st.lists(RESULTS, min_size=1, max_size=4)), st.booleans())
def test_any_json_of_detections_is_a_set_or_an_error_that_names_it(content, with_images):
    with tempfile.TemporaryDirectory() as folder:
        cv2.imwrite(f'{folder}/a.png', make_image())
        more = {}
        if with_images:
            Path(folder, 'images.json').write_text(json.dumps(coco()))
            more['ann_file'] = f'{folder}/images.json'
        build_or_value_error(
            folder, content, 'boxes.json', bbox_file=f'{folder}/boxes.json', **more)


@pytest.mark.parametrize('content, words', [
    ('{"images": [', 'is not a json that can be read'),
    ('', 'is empty'),
    ([1], 'which has "images".*it is a list'),
    (dict(images={}), '"images" must be a list'),
    (coco(images=[3]), '"images" must be a list of objects, and its entry 0'),
    (coco(annotations=[dict(image_id=1), 'a']), '"annotations" must be.*entry 1'),
    (coco(annotations=7), '"annotations" must be a list'),
    (coco(images=[dict(id=1)]), "`file_name` of the image with the id 1 is missing"),
    (coco(images=[dict(file_name='a.png')]), "`id` of the image number 0.*is missing"),
    (coco(images=[dict(id=[1], file_name='a.png')]), r'`id` of the image with.*is \[1\], but must'),
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


def test_missing_images_are_told_when_the_set_is_built(tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr(unlabeled, 'print_log', lambda text, *_: said.append(text))
    cv2.imwrite(str(tmp_path / '0.png'), make_image())
    images = [dict(id=i, file_name=f'{i}.png') for i in range(100)]
    annotations = [dict(image_id=i, bbox=[1, 2, 30, 40]) for i in range(100)]
    UnlabeledPoseDataset(**write(tmp_path, coco(images, annotations)))
    assert re.match(r'19 of 20 images of the people in .*people.json do not exist, such as '
                    r"'.*5\.png'\. They will be skipped$", said[1])
    said.clear()
    UnlabeledPoseDataset(**write(tmp_path, coco(images[:1], annotations[:1])))
    for i in range(100):
        images[i]['file_name'] = f's3://bucket/{i}.png'
    UnlabeledPoseDataset(**{**write(tmp_path, coco(images, annotations)),
                            'data_prefix': dict(img='')})
    assert not any('do not exist' in text for text in said)


@pytest.mark.parametrize('backend, refused', [(None, True), ('local', True), ('petrel', False)])
def test_a_set_without_one_image_is_refused_if_they_would_be_on_the_disk(
        tmp_path, backend, refused):
    (tmp_path / 'below').mkdir()
    cv2.imwrite(str(tmp_path / 'below' / '0.png'), make_image())
    content = coco([dict(id=i, file_name=f'{i}.png') for i in range(30)],
                   [dict(image_id=i, bbox=[1, 2, 30, 40]) for i in range(30)])
    load = dict(type='LoadUnlabeledImage', backend_args=backend and dict(backend=backend))
    config = dict(write(tmp_path, content), pipeline=[load])
    if refused:
        with pytest.raises(FileNotFoundError, match=r"^20 of 20 images of the people in .* do not "
                                                    r"exist, such as .*0\.png'; there is '.*below"
                                                    r".*\. The folder is '.*': set data_root"):
            UnlabeledPoseDataset(**config)
    else:
        assert len(UnlabeledPoseDataset(**config)) == 30


@pytest.mark.parametrize('wrong, words', [
    (dict(bbox=[float('nan'), 2, 30, 40]), 'the annotation 1 of .*a.png has NaN .* in bbox:'),
    (dict(bbox=[1, 2, 30, 40], keypoints=[float('nan'), 9, 2] + [9, 9, 2] * 2),
     'the annotation 1 of .*a.png has NaN .* in keypoints:')], ids=str)
def test_labels_that_are_not_finite_are_an_error(tmp_path, wrong, words):
    cv2.imwrite(str(tmp_path / 'a.png'), make_image())
    dataset = DATASETS.build(labeled(tmp_path, [dict(bbox=[1, 2, 30, 40]), wrong]))
    assert len(dataset) == 2 and dataset[0] is not None
    with pytest.raises(ValueError, match=words):
        dataset[1]


def test_hidden_labels_that_are_not_finite_spoil_no_target(tmp_path):
    cv2.imwrite(str(tmp_path / 'a.png'), make_image())
    target = dict(type='GenerateTarget', encoder=dict(type='RegressionLabel', input_size=SIZE))
    dataset = DATASETS.build(labeled(
        tmp_path, [dict(bbox=[1, 2, 30, 40], keypoints=[float('nan')] * 2 + [0] + [9, 9, 2] * 2)],
        [dict(type='GetBBoxCenterScale'), dict(type='TopdownAffine', input_size=SIZE), target,
         dict(type='PackPoseInputs')]))
    labels = dataset[0]['data_samples']['sup'].gt_instance_labels
    assert np.isfinite(labels.keypoint_labels.numpy()).all()
    assert labels.keypoint_weights.tolist() == [[0, 1, 1]]


def test_what_mmpose_does_with_labeled_faults(tmp_path):
    cv2.imwrite(str(tmp_path / 'a.png'), make_image())
    good = dict(bbox=[1, 2, 30, 40])
    dataset = DATASETS.build(labeled(tmp_path, [
        good, dict(bbox=[1, 2, 0, 40]), dict(bbox=[1, 2, -9, 40]), dict(bbox=[90, 2, 30, 40]),
        dict(bbox=[70, 2, 30, 40])]))
    assert [dataset.get_data_info(i)['id'] for i in range(len(dataset))] == [0, 4]
    (tmp_path / 'a.png').unlink()
    with pytest.raises(FileNotFoundError, match=r'a\.png'):
        dataset[0]
