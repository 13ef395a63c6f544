"""Keypoints and heatmaps land where an affine map says, on oblong sizes as well."""
import math

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mmpose.codecs.utils import refine_keypoints

from helpers.affine_maps import affine
from mmpose_mum.functional.warp import (
    BLUR,
    compose_affine,
    heatmap_peaks,
    inside_view,
    invert_affine,
    longer_sides,
    refine_peaks,
    swap_left_right,
    view_to_view,
    warp_distributions,
    warp_heatmaps,
    warp_keypoints,
)


@st.composite
def affines(draw, center=(0., 0.), shift=20.):
    return affine(
        draw(st.floats(-180, 180)), draw(st.floats(.4, 2.5)),
        (draw(st.floats(-shift, shift)), draw(st.floats(-shift, shift))),
        draw(st.booleans()), center)


def gaussians(points, size, sigma=2.):
    """Returns one heatmap a point (x, y), of height and width ``size``, float64."""
    rows, cols = torch.arange(size[0])[:, None], torch.arange(size[1])
    return torch.stack([
        torch.exp(-((cols - x) ** 2 + (rows - y) ** 2) / (2. * sigma ** 2)).double()
        for x, y in points])


def slow_warp(heatmap, matrix, size):
    """Resamples one heatmap bilinearly, pixel by pixel, with 0 outside; and tells validity."""
    inverse = np.linalg.inv(matrix)
    height, width = heatmap.shape
    warped, valid = np.zeros(size), np.zeros(size, dtype=bool)
    for i in range(size[0]):
        for j in range(size[1]):
            x, y, _ = inverse @ (j, i, 1)
            valid[i, j] = 0 <= x <= width - 1 and 0 <= y <= height - 1
            for row in (math.floor(y), math.floor(y) + 1):
                for col in (math.floor(x), math.floor(x) + 1):
                    if 0 <= row < height and 0 <= col < width:
                        share = (1 - abs(y - row)) * (1 - abs(x - col))
                        warped[i, j] += share * heatmap[row, col]
    return warped, valid


def test_the_inverse_and_products_match_numpy():
    matrices = torch.stack([affine(a, s, (700, -300), f) for a, s, f in
                            ((0, 1, False), (33, .2, True), (-170, 3, False))])
    assert torch.allclose(invert_affine(matrices), torch.linalg.inv(matrices), atol=1e-9)
    product = matrices.numpy() @ matrices.flip(0).numpy()
    assert np.allclose(compose_affine(matrices, matrices.flip(0)), product, atol=1e-9)
    a, b, c = matrices
    assert np.allclose(compose_affine(a, b, c), a.numpy() @ b.numpy() @ c.numpy(), atol=1e-6)


@pytest.mark.parametrize('dtype', [torch.float32, torch.float64])
def test_results_keep_the_dtype(dtype):
    matrix = affine(20, 1.5, (3, 4))[None].to(dtype)
    assert invert_affine(matrix).dtype == dtype
    assert view_to_view(matrix, matrix).dtype == dtype
    assert warp_keypoints(torch.zeros(1, 2, 2, dtype=dtype), matrix).dtype == dtype


@settings(max_examples=60)
@given(affines(shift=500.), affines(shift=500.), st.sampled_from([torch.float32, torch.float64]))
def test_view_to_view_takes_what_one_view_shows_to_the_other(source, target, dtype):
    points = torch.tensor([[[0., 0.], [640., 0.], [333., 250.], [-20., 479.]]], dtype=dtype)
    source, target = source[None].to(dtype), target[None].to(dtype)
    carried = warp_keypoints(warp_keypoints(points, source), view_to_view(source, target))
    tolerance = dict(rtol=0, atol=1e-8 if dtype == torch.float64 else 5e-3)
    assert torch.allclose(carried, warp_keypoints(points, target), **tolerance)
    back = warp_keypoints(warp_keypoints(points, source), invert_affine(source))
    assert torch.allclose(back, points, **tolerance)


def test_two_views_of_a_far_corner_agree_in_float32():
    # A person at the end of a large image: the shifts are large and cancel each other.
    source = affine(30, .3, (-900, -1200))[None].float()
    carried = view_to_view(source, source)
    assert torch.allclose(carried, torch.eye(3)[None], atol=1e-4)


def test_keypoints_follow_the_matrix_of_their_own_image():
    matrices = torch.stack([affine(90), affine(flip=True, shift=(10, 0)), affine(0, 2, (0, 1))])
    points = torch.tensor([[[3., 1.], [0., 2.]]]).double().expand(3, 2, 2)
    expected = torch.tensor([[[-1., 3.], [-2., 0.]], [[7., 1.], [10., 2.]], [[6., 3.], [0., 5.]]])
    assert torch.allclose(warp_keypoints(points, matrices), expected.double(), atol=1e-12)


def test_autocast_does_not_coarsen_positions():
    # bfloat16 has 8 bits: at pixel 200 it would be off by up to half a pixel.
    source, target = (affine(a, s, (-31.7, 18.3))[None].float() for a, s in ((20, 1.3), (-8, .9)))
    points = torch.rand((1, 5, 2)) * 200
    heatmaps = gaussians([(20.3, 30.8)], (64, 48))[None].float()
    plain = [view_to_view(source, target), warp_keypoints(points, source),
             *warp_heatmaps(heatmaps, source, (64, 48))]
    with torch.autocast('cpu', torch.bfloat16):
        autocast = [view_to_view(source, target), warp_keypoints(points, source),
                    *warp_heatmaps(heatmaps, source, (64, 48))]
    for expected, result in zip(plain, autocast):
        assert result.dtype == torch.float32
        assert torch.equal(result, expected)


@settings(max_examples=25)
@given(affines(center=(6, 4), shift=5.), st.tuples(st.integers(2, 14), st.integers(2, 14)),
       st.tuples(st.integers(2, 14), st.integers(2, 14)), st.integers(0, 99))
def test_warped_heatmaps_and_validity_match_a_slow_reference(matrix, size, target_size, seed):
    heatmaps = torch.rand((1, 2, *size), generator=torch.Generator().manual_seed(seed)).double()
    warped, valid = warp_heatmaps(heatmaps, matrix[None], target_size)
    assert warped.shape == (1, 2, *target_size) and valid.shape == (1, 1, *target_size)
    for k in range(2):
        expected, expected_valid = slow_warp(heatmaps[0, k].numpy(), matrix.numpy(), target_size)
        assert np.allclose(warped[0, k], expected, atol=1e-6)
    # The border itself has a tolerance of a thousandth of a pixel.
    inverse = np.linalg.inv(matrix.numpy())
    cols, rows = np.meshgrid(np.arange(target_size[1]), np.arange(target_size[0]))
    x, y = np.tensordot(inverse[:2, :2], np.stack([cols, rows]), 1) + inverse[:2, 2, None, None]
    to_border = np.min(np.abs([x, y, x - (size[1] - 1), y - (size[0] - 1)]), axis=0)
    clear = to_border > 2e-3
    assert (valid[0, 0].numpy() == expected_valid)[clear].all()
    assert set(valid.unique().tolist()) <= {0., 1.}


@pytest.mark.parametrize('flip', [False, True])
@pytest.mark.parametrize('angle, scale', [(0, 1), (37, 1), (90, .8), (-120, 1.3)])
def test_warped_heatmaps_match_opencv_on_a_size_that_is_not_square(angle, scale, flip):
    size, target_size = (64, 48), (40, 56)
    matrix = affine(angle, scale, (3.5, -11), flip, center=(24, 32))
    heatmaps = gaussians([(20.3, 30.8), (29, 37), (0, 0)], size)
    warped, _ = warp_heatmaps(heatmaps[None].float(), matrix[None].float(), target_size)
    for heatmap, result in zip(heatmaps.numpy(), warped[0].numpy()):
        expected = cv2.warpAffine(heatmap, matrix[:2].numpy(), target_size[::-1])
        assert np.abs(result - expected).max() < .02  # OpenCV rounds positions to 1/32 pixel


@pytest.mark.parametrize('size', [(64, 48), (7, 13), (96, 96), (1, 5)])
def test_the_identity_keeps_everything_including_the_border(size):
    heatmaps = torch.rand((2, 3, *size), generator=torch.Generator().manual_seed(0))
    warped, valid = warp_heatmaps(heatmaps, torch.eye(3).expand(2, 3, 3), size)
    assert torch.allclose(warped, heatmaps, atol=1e-5)
    assert valid.all()


def test_one_view_carried_to_itself_is_valid_everywhere_in_float32():
    for angle in range(0, 180, 7):
        view = affine(angle, .37, (-311.3, 207.7))[None].float()
        warped, valid = warp_heatmaps(torch.ones(1, 1, 64, 48), view_to_view(view, view), (64, 48))
        assert valid.all()
        assert torch.allclose(warped, torch.ones(()), atol=2e-3)


def test_validity_is_exact_for_whole_pixels():
    ones = torch.ones(3, 1, 6, 4)
    matrices = torch.stack([
        affine(shift=(2, -1)),  # two columns to the right, one row up
        affine(flip=True, shift=(3, 0)),  # x → 3 − x: onto itself
        affine(90, shift=(5, 0)),  # (x, y) → (5 − y, x): 6 × 4 becomes 4 × 6
    ]).float()
    warped, valid = warp_heatmaps(ones, matrices, (6, 4))
    expected = torch.ones(3, 1, 6, 4)
    expected[0, 0, :, :2] = expected[0, 0, 5] = 0
    expected[2, 0, 4:] = 0
    assert torch.equal(valid, expected)
    assert torch.allclose(warped, expected, atol=1e-5)


def test_half_a_pixel_outside_is_invalid_although_it_blends():
    warped, valid = warp_heatmaps(torch.ones(1, 1, 3, 4), affine(shift=(.5, 0))[None], (3, 4))
    assert torch.allclose(warped[0, 0, 0].double(), torch.tensor([.5, 1, 1, 1]).double())
    assert valid[0, 0, 0].tolist() == [0, 1, 1, 1]


@pytest.mark.parametrize('angle', [15, 45, 90, 130])
def test_rotation_does_not_shear_where_height_and_width_differ(angle):
    size, center = (64, 48), (24., 32.)
    matrix = affine(angle, center=center)[None]
    blob = gaussians([center], size, sigma=4.)[None]
    warped = warp_heatmaps(blob, matrix, size)[0][0, 0]
    rows, cols = torch.arange(64.).double()[:, None] - 32, torch.arange(48.).double() - 24
    mass = warped.sum()
    moments = [(warped * m).sum() / mass for m in (rows ** 2, cols ** 2, rows * cols)]
    # A blob as wide as it is high stays so. Sampling between pixels adds a little to both.
    assert abs(moments[0] - moments[1]) < .2 and abs(moments[2]) < .2
    assert 15 < moments[0] < 17

    points = torch.tensor([[[10., 32.], [24., 20.], [36., 40.]]]).double()
    moved = warp_keypoints(points, matrix)
    peaks, _ = heatmap_peaks(warp_heatmaps(gaussians(points[0], size)[None], matrix, size)[0])
    inside = inside_view(moved, size)
    assert inside.sum() >= 2
    assert ((peaks - moved).abs() <= .75)[inside].all()
    assert torch.allclose(torch.cdist(moved, moved), torch.cdist(points, points))


def test_each_image_is_warped_by_its_own_matrix():
    heatmaps = gaussians([(5, 6), (10, 3)], (16, 20)).expand(2, 2, 16, 20)
    matrices = torch.stack([affine(shift=(4, 2)), affine(flip=True, shift=(19, 0))])
    peaks, _ = heatmap_peaks(warp_heatmaps(heatmaps, matrices, (16, 20))[0])
    assert peaks.tolist() == [[[9, 8], [14, 5]], [[14, 6], [9, 3]]]


def test_half_precision_heatmaps_are_sampled_at_exact_positions():
    heatmaps = gaussians([(90.4, 20.2)], (96, 128)).bfloat16()[None]
    matrix = affine(3, 1.01, center=(64, 48))[None].float()
    warped, valid = warp_heatmaps(heatmaps, matrix, (96, 128))
    assert warped.dtype == valid.dtype == torch.bfloat16
    expected, _ = warp_heatmaps(heatmaps.float(), matrix, (96, 128))
    assert (warped.float() - expected).abs().max() < 4e-3  # bfloat16's own rounding


def test_left_and_right_are_swapped_where_asked():
    x = torch.arange(24.).view(3, 4, 2)
    swapped = swap_left_right(x, [0, 2, 1, 3], torch.tensor([True, False, True]))
    assert torch.equal(swapped[0], x[0][[0, 2, 1, 3]])
    assert torch.equal(swapped[1], x[1])
    assert torch.equal(swapped[2], x[2][[0, 2, 1, 3]])
    maps = torch.rand(3, 4, 5, 6)
    assert torch.equal(swap_left_right(maps, (1, 0, 3, 2), torch.tensor([False, True, False]))[1],
                       maps[1][[1, 0, 3, 2]])


def test_a_view_ends_at_its_outermost_pixel_centers():
    points = torch.tensor([[0., 0.], [47., 63.], [47.1, 63.], [47., 63.1], [-.1, 5.], [5., -.1],
                           [63., 47.], [float('nan'), 3.]])
    expected = [True, True, False, False, False, False, False, False]
    assert inside_view(points, (64, 48)).tolist() == expected


def test_peaks_are_the_highest_pixels_and_their_values():
    heatmaps = torch.zeros(2, 2, 5, 9)
    heatmaps[0, 0, 4, 8], heatmaps[0, 1, 2, 7], heatmaps[1, 0, 3, 0] = 2, .5, 1
    heatmaps[1, 1] = -3
    heatmaps[1, 1, 1, 6] = -1
    peaks, values = heatmap_peaks(heatmaps)
    assert peaks.dtype == torch.float32
    assert peaks.tolist() == [[[8, 4], [7, 2]], [[0, 3], [6, 1]]]
    assert values.tolist() == [[2, .5], [1, -1]]


def test_peaks_are_refined_as_mmpose_does_at_the_borders_too():
    generator = torch.Generator().manual_seed(0)
    heatmaps = torch.rand(20, 30, 5, 7, generator=generator).round(decimals=1)  # some are even
    peaks, _ = heatmap_peaks(heatmaps)
    expected = np.stack([refine_keypoints(p[None].copy(), h)[0]
                         for p, h in zip(peaks.numpy(), heatmaps.numpy())])
    found = refine_peaks(heatmaps, peaks)
    np.testing.assert_array_equal(found.numpy(), expected)
    assert (found != peaks).any() and (found == peaks).any()


def test_gradients_pass_through_the_resampling():
    heatmaps = torch.rand((1, 2, 4, 5), dtype=torch.float64, requires_grad=True)
    matrix = affine(20, 1.2, center=(2, 2))[None]
    assert torch.autograd.gradcheck(lambda x: warp_heatmaps(x, matrix, (5, 4))[0], heatmaps)


def test_on_the_meta_device():
    heatmaps = torch.rand((2, 4, 16, 12), device='meta')
    matrix = torch.rand((2, 3, 3), device='meta')
    flip = torch.zeros(2, dtype=torch.bool, device='meta')
    warped, valid = warp_heatmaps(heatmaps, view_to_view(matrix, matrix), (8, 6))
    assert warped.is_meta and valid.shape == (2, 1, 8, 6)
    peaks, _ = heatmap_peaks(swap_left_right(warped, [1, 0, 3, 2], flip))
    assert inside_view(warp_keypoints(peaks, matrix), (8, 6)).is_meta


WIDTH, HEIGHT, BINS = 60, 80, 2.


def bell(center, deviation, pixels):
    """Returns a Gaussian over bins, sum 1; all in pixels."""
    places = torch.arange(int(pixels * BINS)) / BINS
    found = torch.exp(-((places - center) / deviation)**2 / 2)
    return found / found.sum()


def slow_distributions(of_x, of_y, matrix):
    """Maps each pair of bins, of weight p(x) p(y), and smears each with the blur."""
    xs, ys = np.arange(len(of_x))[:, None] / BINS, np.arange(len(of_y))[None] / BINS
    weights, found = of_x.numpy()[:, None] * of_y.numpy(), []
    for row, count in enumerate((len(of_x), len(of_y))):
        places = matrix[row, 0] * xs + matrix[row, 1] * ys + matrix[row, 2]
        density = np.array([
            (weights * np.exp(-((places - place / BINS) / BLUR)**2 / 2)).sum()
            for place in range(count)])
        found.append(density / density.sum())
    return found


@settings(max_examples=15)
@given(affine_of=st.tuples(st.floats(-90, 90), st.floats(.6, 1.6), st.booleans()),
       shift=st.tuples(st.floats(-8, 8), st.floats(-8, 8)),
       center=st.tuples(st.floats(20, 40), st.floats(25, 55)),
       deviation=st.tuples(st.floats(1.5, 6), st.floats(1.5, 6)))
def test_distributions_are_those_of_the_mapped_coordinates(affine_of, shift, center, deviation):
    angle, scale, flip = affine_of
    matrix = affine(angle, scale, shift, flip, (WIDTH / 2, HEIGHT / 2))
    of_x, of_y = (bell(*at) for at in zip(center, deviation, (WIDTH, HEIGHT)))
    found = warp_distributions(of_x[None, None], of_y[None, None], matrix[None].float(), BINS)
    for warped, expected in zip(found, slow_distributions(of_x, of_y, matrix.numpy())):
        np.testing.assert_allclose(warped[0, 0].numpy(), expected, atol=.005 * expected.max())


def test_a_distribution_of_several_peaks_keeps_them_and_each_image_has_its_own_map():
    of_x = (bell(15, 2, WIDTH) + bell(45, 2, WIDTH)) / 2
    of_y = bell(30, 3, HEIGHT)
    matrices = torch.stack([affine(), affine(shift=(5, 10)), affine(flip=True, center=(30, 0))])
    of_x, of_y = (p.expand(3, 2, -1) for p in (of_x, of_y))
    found_x, found_y = warp_distributions(of_x, of_y, matrices.float(), BINS)
    for image, peaks, y in ((0, (15, 45), 30), (1, (20, 50), 40), (2, (15, 45), 30)):
        for peak in peaks:
            window = found_x[image, 0, int((peak - 4) * BINS):int((peak + 4) * BINS) + 1]
            assert window.argmax() == 4 * BINS and window.sum() == pytest.approx(.5, abs=.03)
        assert found_y[image, 1].argmax() == y * BINS


def test_a_distribution_that_has_left_the_view_is_even_and_never_nan():
    of_x, of_y = bell(30, 2, WIDTH)[None, None], bell(40, 2, HEIGHT)[None, None]
    far = affine(shift=(70, 0))[None].float()
    found_x, found_y = warp_distributions(of_x, of_y, far, BINS)
    assert torch.isfinite(found_x).all() and found_x.sum() == pytest.approx(1)
    assert found_x.max() < 2 * found_x.min()
    assert found_y[0, 0].argmax() == 40 * BINS


def test_boxes_are_as_long_as_their_sides_in_the_view():
    turn, (scale_x, scale_y) = math.radians(30), (-.5, .5)  # mirrored, and half as large
    matrix = torch.tensor([[
        [scale_x * math.cos(turn), -scale_y * math.sin(turn), 3],
        [scale_x * math.sin(turn), scale_y * math.cos(turn), 7], [0, 0, 1]]] * 2)
    boxes = torch.tensor([[10., 20, 50, 40], [10, 20, 30, 100]])
    torch.testing.assert_close(longer_sides(boxes, matrix), torch.tensor([20., 40]))
