"""Images are loaded whole, reduced, cached or from videos; those that cannot be read are told."""
import re
import warnings

import cv2
import numpy as np
import pytest
from mmpose.datasets.transforms import LoadImage
from mmpose.registry import DATASETS

from mmpose_mum.datasets.loading import LoadUnlabeledImage
from mmpose_mum.datasets.views import WeakView


def write_images(folder, *, good=3):
    """Writes readable images, and one of each kind that cannot be read; returns the latter."""
    img = np.random.default_rng(0).integers(0, 256, (60, 80, 3), dtype=np.uint8)
    for i in range(good):
        cv2.imwrite(str(folder / f'good_{i}.png'), img)
    encoded = cv2.imencode('.jpg', img)[1].tobytes()
    (folder / 'empty.jpg').write_bytes(b'')
    (folder / 'truncated.jpg').write_bytes(encoded[:len(encoded) // 10])
    (folder / 'text.png').write_text('no image')
    return [str(folder / name) for name in ('empty.jpg', 'truncated.jpg', 'text.png')]


def test_unlabeled_image_that_cannot_be_read_is_left_out_with_a_count(tmp_path):
    load = LoadUnlabeledImage()
    for count, path in enumerate([*write_images(tmp_path), str(tmp_path / 'missing.jpg')], 1):
        with pytest.warns(UserWarning, match=rf'(?s)number {count} in this process: .*{path}'):
            assert load(dict(img_path=path)) is None
        with warnings.catch_warnings():  # once a file
            warnings.simplefilter('error')
            assert load(dict(img_path=path)) is None


def test_an_image_that_opencv_cannot_warp_is_left_out(tmp_path):
    view = WeakView((48, 64))
    for length, there in ((32766, True), (32767, False)):
        path = str(tmp_path / f'{length}.png')
        cv2.imwrite(path, np.zeros((3, length, 3), np.uint8))
        if there:
            view(LoadUnlabeledImage()(dict(
                img_path=path, id=0, img_id=0, bbox=np.array([[0., 0, length, 3]], np.float32),
                bbox_score=np.ones(1, np.float32), flip_indices=[0])))
            continue
        with pytest.warns(UserWarning, match=rf'whose side is too long.*{length}.png'):
            assert LoadUnlabeledImage()(dict(img_path=path)) is None


def test_of_many_images_that_cannot_be_read_some_are_named(tmp_path):
    load = LoadUnlabeledImage()
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter('always')
        for i in range(1, 75):
            load(dict(img_path=str(tmp_path / f'{i}.jpg')))
    named = [int(re.search(r'(\d+)\.jpg \(', str(warning.message))[1]) for warning in told]
    assert named == [*range(1, 21), 40, 60]
    follow = ['only every 20th is named' in str(warning.message) for warning in told]
    assert follow == [False] * 19 + [True] * 3


@pytest.mark.parametrize('name', ['empty.jpg', 'truncated.jpg', 'text.png', 'missing.jpg'])
def test_labeled_image_that_cannot_be_read_is_an_error_with_its_path(tmp_path, name):
    write_images(tmp_path)
    with pytest.raises(Exception, match=name):
        LoadImage()(dict(img_path=str(tmp_path / name)))


def test_image_without_a_box_gets_one_that_covers_it(tmp_path):
    write_images(tmp_path)
    path = str(tmp_path / 'good_0.png')
    results = LoadUnlabeledImage()(dict(img_path=path))
    np.testing.assert_array_equal(results['bbox'], [[0, 0, 80, 60]])
    box = np.array([[1, 2, 3, 4]], np.float32)
    np.testing.assert_array_equal(
        LoadUnlabeledImage()(dict(img_path=path, bbox=box))['bbox'], box)


def test_a_large_person_is_decoded_at_a_reduced_scale_and_lies_at_the_same_place(tmp_path):
    # Blue tells the column, green the row: 4 values for each pixel of the input and more.
    y, x = np.mgrid[:603, :455]
    path = str(tmp_path / 'a.jpg')
    cv2.imwrite(path, np.stack([x / 2, y / 2.4, 0 * x + 128], -1).astype(np.uint8))
    box = np.array([[60, 40, 400, 580]], np.float32)
    crops, matrices = [], []
    for input_size in (None, (48, 64)):
        np.random.seed(0)
        results = LoadUnlabeledImage(input_size=input_size)(dict(img_path=path, bbox=box))
        assert results['img_shape'] == results['ori_shape'] == (603, 455)
        assert results['img'].shape[:2] == ((76, 57) if input_size else (603, 455))
        np.testing.assert_array_equal(results['bbox'], box)
        results.update(id=0, flip_indices=[0])
        view = WeakView((48, 64), flip_prob=1.)(results)
        matrices.append(view['data_samples'].warp_mat)
        crops.append(view['inputs'].numpy().astype(int))
    np.testing.assert_array_equal(*matrices)
    inside = (np.abs(np.stack(crops)[:, 2] - 128) < 5).all(0)
    assert inside.mean() > .7
    difference = np.abs(crops[0] - crops[1])[:2, inside]
    assert difference.mean() < 1 and (difference > 2).mean() < .01  # 2 values: half a pixel


@pytest.mark.parametrize('argument', [
    dict(imdecode_backend='pillow'), dict(color_type='grayscale')])
def test_only_opencv_decodes_at_a_reduced_scale(argument):
    with pytest.raises(ValueError, match='input_size.*' + next(iter(argument.values()))):
        LoadUnlabeledImage(input_size=(48, 64), **argument)


def test_a_cached_image_is_the_same_and_is_not_read_again(tmp_path):
    write_images(tmp_path, good=2)  # of 14,400 bytes each
    box = np.array([[1, 2, 33, 44]], np.float32)
    people = [dict(img_path=str(tmp_path / f'good_{i}.png'), **extra)
              for i in range(2) for extra in ({}, dict(bbox=box))]
    plain, cached = LoadUnlabeledImage(), LoadUnlabeledImage(cache_mb=.03)  # room for two
    expected = [plain(dict(person)) for person in people]
    for person in people:
        cached(dict(person))
    for i in range(2):
        (tmp_path / f'good_{i}.png').unlink()
    found = [cached(dict(person, id=7)) for person in people[:2]]
    for results, person in zip(found, expected):
        assert results.pop('id') == 7 and results.keys() == person.keys()
        for key, value in person.items():
            np.testing.assert_array_equal(results[key], value)
    with pytest.raises(ValueError, match='read-only'):
        found[0]['img'][:] = 0
    with pytest.warns(UserWarning, match='cannot be read'):
        assert cached(dict(people[2])) is None  # there was no room for it


def test_a_frame_of_a_video_is_an_image(tmp_path):
    writer = cv2.VideoWriter(
        str(tmp_path / 'a.avi'), cv2.VideoWriter_fourcc(*'MJPG'), 10, (80, 60))
    for i in range(9):
        writer.write(np.full((60, 80, 3), 20 * i, np.uint8))
    writer.release()
    results = LoadUnlabeledImage(to_float32=True)(dict(img_path=f'{tmp_path}/a.avi#000007'))
    assert abs(results['img'].mean() - 140) < 3 and results['img'].dtype == np.float32
    assert results['img_shape'] == results['ori_shape'] == (60, 80)
    assert results['img_path'] == f'{tmp_path}/a.avi#000007'
    np.testing.assert_array_equal(results['bbox'], [[0, 0, 80, 60]])
    gray = LoadUnlabeledImage(color_type='grayscale')(dict(img_path=f'{tmp_path}/a.avi#000007'))
    assert gray['img'].shape == (60, 80)  # as an image's
    for name in ('a.avi#000009', 'none.avi#000000'):
        with pytest.warns(UserWarning, match=rf'(?s)number 1 in this process: .*{name} \('):
            assert LoadUnlabeledImage()(dict(img_path=f'{tmp_path}/{name}')) is None


def test_dataset_draws_another_image_for_one_that_cannot_be_read(tmp_path):
    unreadable = write_images(tmp_path)
    np.random.seed(0)
    dataset = DATASETS.build(dict(
        type='UnlabeledPoseDataset', data_prefix=dict(img=str(tmp_path)),
        pipeline=[dict(type='LoadUnlabeledImage'), dict(type='WeakView', input_size=(48, 64))]))
    assert len(dataset) == 3 + len(unreadable)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter('always')
        paths = [dataset[i]['data_samples'].img_path for i in range(len(dataset))]
    assert all('good' in path for path in paths)
    assert sum('cannot be read' in str(w.message) for w in caught) == len(unreadable)


def test_dataset_gives_up_when_no_image_can_be_read(tmp_path):
    write_images(tmp_path, good=0)
    dataset = DATASETS.build(dict(
        type='UnlabeledPoseDataset', data_prefix=dict(img=str(tmp_path)),
        max_refetch=3, pipeline=[dict(type='LoadUnlabeledImage')]))
    with pytest.warns(UserWarning, match='cannot be read'), pytest.raises(Exception, match='image'):
        dataset[0]
