"""The views of an image remember exactly how they were made, and nothing else moves a keypoint."""
import copy
import re

import cv2
import numpy as np
import pytest
import torch
from mmengine.dataset import Compose
from mmpose.datasets.transforms import (
    GetBBoxCenterScale,
    PackPoseInputs,
    RandomBBoxTransform,
    RandomFlip,
    TopdownAffine,
)
from mmpose.registry import TRANSFORMS
from mmpose.structures.bbox import get_warp_matrix

from mmpose_mum.datasets.views import (
    VIEW_META_KEYS,
    FastRandomBBoxTransform,
    FastRandomFlip,
    PackView,
    PoseMultiBranch,
    StrongView,
    WarpTopdownAffine,
    WeakView,
    _warp_matrix,
)
from mmpose_mum.functional.seeding import seeded

COLORS = [(0, 0, 255), (0, 255, 0), (255, 0, 0), (0, 255, 255)]  # BGR, one a keypoint
FLIP_INDICES = [1, 0, 3, 2]


def person(rng, *, height=110, width=150, keypoints=True):
    """Returns results as a data set gives them: a gray image with one colored dot a keypoint."""
    img = np.full((height, width, 3), 90, np.uint8)
    points = np.array([[50, 40], [95, 45], [60, 75], [88, 70]], np.float32)
    points = points + rng.integers(-5, 6, points.shape)
    for (x, y), color in zip(points.astype(int).tolist(), COLORS):
        cv2.circle(img, (x, y), 3, color, -1)
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
    """Returns the center of each colored dot (4, 2) in (x, y); NaN where there is none."""
    found = []
    for color in COLORS:
        close = np.abs(img.astype(int) - color).max(2) < 70
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
            WarpTopdownAffine(input_size=input_size, use_udp=use_udp)]
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
    results = WarpTopdownAffine(input_size=(48, 64))(GetBBoxCenterScale()(results))
    assert results['flip'] is False
    np.testing.assert_allclose(
        apply(results['warp_mat'], points), results['transformed_keypoints'][0], atol=1e-3)


@pytest.mark.parametrize('use_udp', [False, True])
def test_a_dot_of_the_weak_view_lies_where_the_matrices_say_in_the_strong_one(use_udp):
    np.random.seed(1)
    rng = np.random.default_rng(1)
    weak = WeakView((72, 96), use_udp=use_udp)
    strong = StrongView((72, 96), use_udp=use_udp, photometric=None)
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


def test_strong_view_reaches_further_than_the_weak_one_and_changes_colors():
    np.random.seed(2)
    angles, colors = {}, {}
    for name, view in dict(weak=WeakView((48, 64)), strong=StrongView((48, 64))).items():
        packed = [view(person(np.random.default_rng(0), keypoints=False)[0]) for _ in range(150)]
        matrices = np.stack([p['data_samples'].warp_mat for p in packed])
        angles[name] = np.degrees(np.abs(np.arctan2(matrices[:, 0, 1], matrices[:, 1, 1])))
        colors[name] = {tuple(p['inputs'][:, 32, 0].tolist()) for p in packed}
    assert 20 < angles['weak'].max() <= 30.01 < 50 < angles['strong'].max() <= 60.01
    assert colors['weak'] <= {(90, 90, 90), (0, 0, 0)} and len(colors['strong']) > 30


@pytest.mark.parametrize('kind, scale_factor, rotate_factor, rotate_prob', [
    (WeakView, (0.75, 1.25), 30., 0.6), (StrongView, (0.65, 1.35), 60., 0.8)])
def test_a_view_is_what_mmpose_makes_of_the_same_random_numbers(
        kind, scale_factor, rotate_factor, rotate_prob):
    size, rng = (48, 64), np.random.default_rng(0)
    plain = Compose([
        GetBBoxCenterScale(), RandomFlip(prob=0.5),
        RandomBBoxTransform(shift_prob=0., scale_factor=scale_factor, rotate_factor=rotate_factor,
                            rotate_prob=rotate_prob),
        TopdownAffine(size), PackPoseInputs(meta_keys=VIEW_META_KEYS)])
    for seed in range(8):
        results, _ = person(rng, keypoints=False)
        packed = []
        for pipeline in (plain, kind(size, photometric=None)):
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
    meta = WeakView((48, 64), flip_prob=1.)(results)['data_samples'].metainfo
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
    PoseMultiBranch(['a', 'b'], a=[note], b=[note])(dict(img=img))
    assert all(np.shares_memory(image, img) for image in seen)
    with pytest.raises(ValueError, match='read-only'):
        PoseMultiBranch(['a', 'b'], a=[scribble], b=[note])(dict(img=img))
    assert img.all()
    PoseMultiBranch(['a', 'b'], a=[scribble])(dict(img=img))  # a single branch owns it
    assert not img[0].any()


def test_multi_branch_drops_a_sample_that_a_branch_drops():
    split = PoseMultiBranch(['a', 'b'], a=[lambda results: results], b=[lambda results: None])
    assert split(dict(img=1)) is None


def test_the_draws_are_mmposes():
    drawn = []
    for transform in (RandomBBoxTransform(), FastRandomBBoxTransform()):
        np.random.seed(0)
        drawn.append([transform._truncnorm(size=(3, 4)) for _ in range(50)] + [np.random.rand()])
    for first, second in zip(*drawn):
        np.testing.assert_allclose(first, second, rtol=1e-5)
    assert drawn[1][0].dtype == np.float32


def test_the_sample_is_mmposes():
    img = np.random.default_rng(0).integers(0, 256, (7, 5, 3), dtype=np.uint8)
    results = dict(img=img, img_shape=(70, 50), flip_indices=[1, 0], id=3, other=4,
                   bbox=np.ones((1, 4), np.float32), keypoints_visible=np.ones((1, 1, 1)))
    keys = ('id', 'img_shape', 'flip_indices', 'absent')
    expected, packed = (pack(dict(results)) for pack in (PackPoseInputs(keys), PackView(keys)))
    assert torch.equal(packed['inputs'], expected['inputs']) and packed['inputs'].is_contiguous()
    found, sample = packed['data_samples'], expected['data_samples']
    assert found.metainfo == sample.metainfo and len(found.metainfo) == 3
    assert found.gt_instances.keys() == sample.gt_instances.keys()
    assert found.gt_instances.bboxes.tolist() == sample.gt_instances.bboxes.tolist()


@pytest.mark.parametrize('prob', [0., .1, .3, .5, 1.])
def test_the_flips_are_mmposes(prob):
    drawn = []
    for flip in (RandomFlip(prob=prob), FastRandomFlip(prob=prob)):
        np.random.seed(0)
        drawn.append([flip._choose_direction() for _ in range(200)] + [np.random.rand()])
    assert drawn[0] == drawn[1]


@pytest.mark.parametrize('dtype', [np.float32, np.float64])
def test_the_map_is_mmposes_to_the_bit(dtype):
    rng = np.random.default_rng(0)
    for size in [(48, 64), (96, 96), (65, 33)]:
        for angle in (0., 30., *rng.uniform(-180, 180, 50)):
            center, scale = rng.uniform(0, 900, (2, 2)).astype(dtype)
            found, expected = (make(center, scale, dtype(angle), output_size=size)
                               for make in (_warp_matrix, get_warp_matrix))
            np.testing.assert_array_equal(found, expected)


def test_the_box_gets_mmposes_aspect_ratio_to_the_bit():
    scale = np.random.default_rng(0).uniform(1, 900, (200, 2)).astype(np.float32)
    scale[:3] = (75, 100), (300, 400), (30, 40)  # as wide already
    found, expected = (crop._fix_aspect_ratio(scale, 3 / 4)
                       for crop in (WarpTopdownAffine, TopdownAffine))
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found, expected)


def test_erasing_fills_boxes_of_the_view_with_a_color_and_moves_no_keypoint():
    erasing = dict(n_holes=3, cutout_ratio=[(0.2, 0.2)], fill_in=(1, 2, 3))
    packed = []
    for options in ({}, dict(erasing=erasing)):
        results, _ = person(np.random.default_rng(0))
        with seeded(5):
            packed.append(StrongView(input_size=(96, 96), photometric=None, **options)(results))
    plain, erased = (view['inputs'] for view in packed)
    filled = (erased == torch.tensor([1, 2, 3], dtype=torch.uint8).view(3, 1, 1)).all(0)
    assert erased.dtype == torch.uint8 and .01 < filled.float().mean() < .12
    assert torch.equal(plain[:, ~filled], erased[:, ~filled])
    first, second = (view['data_samples'] for view in packed)
    np.testing.assert_array_equal(first.metainfo['warp_mat'], second.metainfo['warp_mat'])


def test_erasing_follows_the_samples_seed():
    views = []
    for seed in (1, 1, 2):
        results, _ = person(np.random.default_rng(0))
        with seeded(seed):
            views.append(StrongView(input_size=(96, 96), erasing=dict(
                n_holes=2, cutout_ratio=(0.2, 0.2)))(results)['inputs'])
    assert torch.equal(views[0], views[1]) and not torch.equal(views[0], views[2])


@pytest.mark.parametrize('option', [
    dict(scale_factor=.25), dict(scale_factor=(1.25, .75)), dict(scale_factor=(0, 1)),
    dict(rotate_factor=(-30, 30)), dict(rotate_factor=-1), dict(rotate_prob=60),
    dict(shift_factor='0.1'), dict(flip_prob=True), dict(padding=0), dict(input_size=192),
    dict(input_size=(192., 256)), dict(input_size=(0, 256)), dict(shift_prob=float('nan'))])
def test_a_setting_out_of_its_range_is_refused_before_the_training(option):
    (name, value), = option.items()
    told = f'{name} of the StrongView must be .*{re.escape(repr(value))}'
    with pytest.raises(ValueError, match=told):
        StrongView(**{'input_size': (192, 256), **option})
    StrongView(input_size=[192, 256], scale_factor=[1, 1], rotate_factor=0, rotate_prob=1)
    with pytest.raises(TypeError, match='scale_factors'):
        StrongView(input_size=(192, 256), scale_factors=.25)


def test_the_padding_is_that_of_the_crop():
    results, _ = person(np.random.default_rng(0), keypoints=False)
    still = dict(flip_prob=0., rotate_prob=0., scale_prob=0.)
    scales = [
        WeakView((48, 64), padding=padding, **still)(copy.deepcopy(results))[
            'data_samples'].warp_mat[0, 0] for padding in (1., 1.5)]
    assert scales[0] / scales[1] == pytest.approx(1.5, rel=1e-4)


def test_the_strong_view_scales_more_than_the_weak_one():
    results, _ = person(np.random.default_rng(0), keypoints=False)
    spread = {}
    with seeded(0):
        for kind in (WeakView, StrongView):
            view = kind((48, 64))
            scales = [view(copy.deepcopy(results))['data_samples'].input_scale[0]
                      for _ in range(200)]
            spread[kind] = max(scales) / min(scales)
    assert 1.5 < spread[WeakView] <= 1.25 / .75 + .01
    assert 1.9 < spread[StrongView] <= 1.35 / .65 + .01
