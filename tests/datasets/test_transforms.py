"""The views of an image remember exactly how they were made, and nothing else moves a joint."""
import copy
import warnings

import cv2
import numpy as np
import pytest
import torch
from mmengine.dataset import Compose
from mmpose.datasets.transforms import (
    GetBBoxCenterScale,
    LoadImage,
    PackPoseInputs,
    RandomBBoxTransform,
    RandomFlip,
    TopdownAffine,
)
from mmpose.registry import DATASETS, TRANSFORMS

from mmpose_mum.datasets import transforms as T

COLOURS = [(0, 0, 255), (0, 255, 0), (255, 0, 0), (0, 255, 255)]  # BGR, one a joint
FLIP_INDICES = [1, 0, 3, 2]


def person(rng, *, height=110, width=150, keypoints=True):
    """Returns results as a data set gives them: a grey image with one coloured dot a joint."""
    img = np.full((height, width, 3), 90, np.uint8)
    points = np.array([[50, 40], [95, 45], [60, 75], [88, 70]], np.float32)
    points = points + rng.integers(-5, 6, points.shape)
    for (x, y), colour in zip(points.astype(int).tolist(), COLOURS):
        cv2.circle(img, (x, y), 3, colour, -1)
    results = dict(
        id=7, img_id=3, img_path='a.png', dataset_name='dots', img=img,
        img_shape=(height, width), ori_shape=(height, width),
        bbox=np.array([[38, 28, 108, 88]], np.float32), bbox_score=np.ones(1, np.float32),
        category_id=1, flip_indices=FLIP_INDICES)
    if keypoints:
        results.update(keypoints=points[None], keypoints_visible=np.ones((1, 4), np.float32))
    return results, points


def apply(matrix, points):
    return points @ matrix[:2, :2].T + matrix[:2, 2]


def dot_positions(img):
    """Returns the centre of each coloured dot (4, 2) in (x, y); NaN where there is none."""
    found = []
    for colour in COLOURS:
        close = np.abs(img.astype(int) - colour).max(2) < 70
        ys, xs = np.nonzero(close)
        found.append([xs.mean(), ys.mean()] if len(xs) else [np.nan, np.nan])
    return np.array(found)


@pytest.mark.parametrize('use_udp', [False, True])
@pytest.mark.parametrize('direction', [None, 'horizontal', 'vertical', 'diagonal'])
@pytest.mark.parametrize('input_size', [(48, 64), (64, 40), (96, 96)])
def test_warp_mat_is_the_map_that_mmpose_applied(direction, input_size, use_udp):
    rng = np.random.default_rng(0)
    np.random.seed(0)
    for _ in range(5):
        results, points = person(rng, height=int(rng.integers(90, 140)), width=140)
        original = results['img'].copy()
        steps = [
            GetBBoxCenterScale(padding=1.25),
            RandomFlip(prob=float(direction is not None), direction=direction or 'horizontal'),
            RandomBBoxTransform(rotate_factor=80, rotate_prob=1.),
            T.WarpTopdownAffine(input_size=input_size, use_udp=use_udp)]
        results = Compose(steps)(results)
        warp_mat = results['warp_mat']
        assert warp_mat.dtype == np.float32 and warp_mat.shape == (3, 3)

        expected = results['transformed_keypoints'][0]
        mirrored = direction in ('horizontal', 'vertical')  # diagonal is half a turn
        assert (np.linalg.det(warp_mat) < 0) == mirrored
        if mirrored:  # MMPose has renamed left and right
            expected = expected[FLIP_INDICES]
        np.testing.assert_allclose(apply(warp_mat, points), expected, atol=2e-3)

        # The same crop, made of the original image in one go. OpenCV rounds to 1/32 of a pixel.
        again = cv2.warpAffine(original, warp_mat[:2], input_size, flags=cv2.INTER_LINEAR)
        difference = np.abs(again.astype(int) - results['img'])
        assert np.mean(difference) < 1 and np.mean(difference > 40) < .005


def test_warp_mat_of_a_pipeline_without_flip_and_rotation():
    results, points = person(np.random.default_rng(1))
    results = T.WarpTopdownAffine(input_size=(48, 64))(GetBBoxCenterScale()(results))
    assert results['flip'] is False
    np.testing.assert_allclose(
        apply(results['warp_mat'], points), results['transformed_keypoints'][0], atol=1e-3)


@pytest.mark.parametrize('use_udp', [False, True])
def test_a_dot_of_the_weak_view_lies_where_the_matrices_say_in_the_strong_one(use_udp):
    np.random.seed(1)
    rng = np.random.default_rng(1)
    weak = T.WeakView((72, 96), use_udp=use_udp)
    strong = T.StrongView((72, 96), use_udp=use_udp, photometric=None)
    flips, compared = set(), 0
    for _ in range(40):
        results, points = person(rng, keypoints=False)
        teacher, student = (view(copy.deepcopy(results)) for view in (weak, strong))
        matrices, dots = [], []
        for view in (teacher, student):
            assert view['inputs'].shape == (3, 96, 72)
            matrices.append(view['data_samples'].metainfo['warp_mat'].astype(float))
            dots.append(dot_positions(view['inputs'].numpy().transpose(1, 2, 0)))
        flips.add((bool(teacher['data_samples'].flip), bool(student['data_samples'].flip)))
        mapped = apply(matrices[1] @ np.linalg.inv(matrices[0]), dots[0])
        inside = ((mapped > 4) & (mapped < (67, 91))).all(1)
        inside &= ((dots[0] > 4) & (dots[0] < (67, 91))).all(1)
        assert np.abs(mapped - dots[1])[inside].max() < 1
        compared += inside.sum()
    assert len(flips) == 4 and compared > 100


def test_strong_view_reaches_further_than_the_weak_one_and_changes_colours():
    np.random.seed(2)
    angles, colours = {}, {}
    for name, view in dict(weak=T.WeakView((48, 64)), strong=T.StrongView((48, 64))).items():
        packed = [view(person(np.random.default_rng(0), keypoints=False)[0]) for _ in range(150)]
        matrices = np.stack([p['data_samples'].warp_mat for p in packed])
        angles[name] = np.degrees(np.abs(np.arctan2(matrices[:, 0, 1], matrices[:, 1, 1])))
        colours[name] = {tuple(p['inputs'][:, 32, 0].tolist()) for p in packed}
    assert 20 < angles['weak'].max() <= 30.01 < 50 < angles['strong'].max() <= 60.01
    assert colours['weak'] <= {(90, 90, 90), (0, 0, 0)} and len(colours['strong']) > 30


def test_a_view_is_what_mmpose_makes_of_the_same_random_numbers():
    size, rng = (48, 64), np.random.default_rng(0)
    plain = Compose([
        GetBBoxCenterScale(), RandomFlip(prob=0.5),
        RandomBBoxTransform(shift_prob=0., scale_factor=(0.75, 1.25), rotate_factor=30.,
                            rotate_prob=0.6),
        TopdownAffine(size), PackPoseInputs(meta_keys=T.VIEW_META_KEYS)])
    for seed in range(8):
        results, _ = person(rng, keypoints=False)
        packed = []
        for pipeline in (plain, T.WeakView(size)):
            np.random.seed(seed)
            packed.append(pipeline(copy.deepcopy(results)))
        expected, view = packed
        assert view['inputs'].dtype == torch.uint8 and view['inputs'].is_contiguous()
        # OpenCV rounds to 1/32 of a pixel, before the flip or after it.
        difference = (view['inputs'].float() - expected['inputs']).abs()
        assert difference.mean() < 1 and (difference > 40).float().mean() < .005
        sample, meta = view['data_samples'], expected['data_samples'].metainfo
        assert set(sample.metainfo) - set(meta) == {'warp_mat'}
        for key, value in meta.items():
            np.testing.assert_array_equal(sample.get(key), value)
        for key, value in expected['data_samples'].gt_instances.items():
            np.testing.assert_allclose(sample.gt_instances[key], value, rtol=1e-6)


def test_views_pack_what_the_estimator_needs():
    results, _ = person(np.random.default_rng(0), keypoints=False)
    meta = T.WeakView((48, 64), flip_prob=1.)(results)['data_samples'].metainfo
    assert meta['flip'] is True and meta['flip_direction'] == 'horizontal'
    assert meta['flip_indices'] == FLIP_INDICES and meta['warp_mat'][0, 0] < 0
    assert meta['input_size'] == (48, 64) and meta['img_path'] == 'a.png'


def test_multi_branch_never_copies_the_dataset():

    class Uncopyable:

        def __deepcopy__(self, memo):
            raise AssertionError('the whole dataset was copied')

    branches = ['sup', 'unsup_teacher', 'unsup_student']
    split = TRANSFORMS.build(dict(
        type='PoseMultiBranch', branch_field=branches,
        unsup_teacher=[dict(type='WeakView', input_size=(48, 64))],
        unsup_student=[dict(type='StrongView', input_size=(48, 64))]))
    results, _ = person(np.random.default_rng(0), keypoints=False)
    original = results['img'].copy()
    packed = split(dict(results, dataset=Uncopyable()))
    assert packed['inputs']['sup'] is None and packed['data_samples']['sup'] is None
    for branch in branches[1:]:
        assert packed['inputs'][branch].shape == (3, 64, 48)
        assert packed['data_samples'][branch].metainfo['img_id'] == 3
    np.testing.assert_array_equal(results['img'], original)  # each branch worked on its own copy


def test_branches_share_the_image_and_none_can_write_into_it():
    seen = []

    def note(results):
        seen.append(results['img'])
        return dict(inputs=0, data_samples=0)

    def scribble(results):
        results['img'][0] = 0
        return note(results)

    img = np.ones((4, 5, 3), np.uint8)
    T.PoseMultiBranch(['a', 'b'], a=[note], b=[note])(dict(img=img))
    assert all(np.shares_memory(image, img) for image in seen)
    with pytest.raises(ValueError, match='read-only'):
        T.PoseMultiBranch(['a', 'b'], a=[scribble], b=[note])(dict(img=img))
    assert img.all()
    T.PoseMultiBranch(['a', 'b'], a=[scribble])(dict(img=img))  # a single branch owns it
    assert not img[0].any()


def test_multi_branch_drops_a_sample_that_a_branch_drops():
    split = T.PoseMultiBranch(['a', 'b'], a=[lambda results: results], b=[lambda results: None])
    assert split(dict(img=1)) is None


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


def test_unlabelled_image_that_cannot_be_read_is_left_out_with_a_count(tmp_path):
    load = T.LoadUnlabeledImage()
    for count, path in enumerate([*write_images(tmp_path), str(tmp_path / 'missing.jpg')], 1):
        with pytest.warns(UserWarning, match=rf'(?s)number {count} of this process: .*{path}'):
            assert load(dict(img_path=path)) is None
        with warnings.catch_warnings():  # once a file
            warnings.simplefilter('error')
            assert load(dict(img_path=path)) is None


@pytest.mark.parametrize('name', ['empty.jpg', 'truncated.jpg', 'text.png', 'missing.jpg'])
def test_labelled_image_that_cannot_be_read_is_an_error_with_its_path(tmp_path, name):
    write_images(tmp_path)
    with pytest.raises(Exception, match=name):
        LoadImage()(dict(img_path=str(tmp_path / name)))


def test_image_without_a_box_gets_one_that_covers_it(tmp_path):
    write_images(tmp_path)
    path = str(tmp_path / 'good_0.png')
    results = T.LoadUnlabeledImage()(dict(img_path=path))
    np.testing.assert_array_equal(results['bbox'], [[0, 0, 80, 60]])
    box = np.array([[1, 2, 3, 4]], np.float32)
    np.testing.assert_array_equal(
        T.LoadUnlabeledImage()(dict(img_path=path, bbox=box))['bbox'], box)


def test_a_large_person_is_decoded_at_a_reduced_scale_and_lies_at_the_same_place(tmp_path):
    # Blue tells the column, green the row: 4 values for each pixel of the input and more.
    y, x = np.mgrid[:603, :455]
    path = str(tmp_path / 'a.jpg')
    cv2.imwrite(path, np.stack([x / 2, y / 2.4, 0 * x + 128], -1).astype(np.uint8))
    box = np.array([[60, 40, 400, 580]], np.float32)
    crops, matrices = [], []
    for input_size in (None, (48, 64)):
        np.random.seed(0)
        results = T.LoadUnlabeledImage(input_size=input_size)(dict(img_path=path, bbox=box))
        assert results['img_shape'] == results['ori_shape'] == (603, 455)
        assert results['img'].shape[:2] == ((76, 57) if input_size else (603, 455))
        np.testing.assert_array_equal(results['bbox'], box)
        results.update(id=0, flip_indices=[0])
        view = T.WeakView((48, 64), flip_prob=1.)(results)
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
        T.LoadUnlabeledImage(input_size=(48, 64), **argument)


def test_a_cached_image_is_the_same_and_is_not_read_again(tmp_path):
    write_images(tmp_path, good=2)  # of 14,400 bytes each
    box = np.array([[1, 2, 33, 44]], np.float32)
    people = [dict(img_path=str(tmp_path / f'good_{i}.png'), **extra)
              for i in range(2) for extra in ({}, dict(bbox=box))]
    plain, cached = T.LoadUnlabeledImage(), T.LoadUnlabeledImage(cache_mb=.03)  # room for two
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
    results = T.LoadUnlabeledImage(to_float32=True)(dict(img_path=f'{tmp_path}/a.avi#000007'))
    assert abs(results['img'].mean() - 140) < 3 and results['img'].dtype == np.float32
    assert results['img_shape'] == results['ori_shape'] == (60, 80)
    assert results['img_path'] == f'{tmp_path}/a.avi#000007'
    np.testing.assert_array_equal(results['bbox'], [[0, 0, 80, 60]])
    for name in ('a.avi#000009', 'none.avi#000000'):
        with pytest.warns(UserWarning, match=rf'(?s)number 1 of this process: .*{name} \('):
            assert T.LoadUnlabeledImage()(dict(img_path=f'{tmp_path}/{name}')) is None


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
