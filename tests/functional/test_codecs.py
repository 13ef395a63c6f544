"""The torch encoders make what MMPose's NumPy codecs make, keypoints out of the crop included."""
import cv2
import numpy as np
import pytest
import torch
from mmpose.registry import KEYPOINT_CODECS

import mmpose_mum  # noqa: F401
from mmpose_mum.functional.codecs import (
    encode_blurred,
    encode_coordinates,
    encode_gaussians,
    encode_offsets,
    encode_simcc,
)

INPUT = (48, 64)  # width, height
HEATMAP = (12, 16)


def joints(batch=5, count=40):
    """Returns keypoints in and around the crop, some on its border and far outside of it."""
    rng = np.random.default_rng(0)
    found = rng.uniform(-30, [INPUT[0] + 30, INPUT[1] + 30], (batch, count, 2)).astype(np.float32)
    found[0, :7] = [[0, 0], [47, 63], [47.5, 63.5], [-.01, 5], [12.25, 30.25], [-200, 5], [24, 900]]
    found[1, :40] = rng.integers(-20, 70, (40, 2)) / 4 * 2  # halves of bins and of pixels
    return found


def slowly(codec, keypoints):
    """Encodes by MMPose, a person at a time; returns lists by name."""
    encoded = [codec.encode(k[None], np.ones((1, len(k)), np.float32)) for k in keypoints]
    return {name: torch.from_numpy(np.stack(
        [np.asarray(e[name], np.float32).reshape(-1, *np.shape(e[name])[-1:])
         if name.startswith('keypoint_') and np.ndim(e[name]) == 3
         else np.asarray(e[name], np.float32) for e in encoded])) for name in encoded[0]}


def close(first, second):
    torch.testing.assert_close(first, second, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize('options', [
    dict(smoothing_type='gaussian', sigma=6.), dict(sigma=(4.9, 5.66), normalize=False),
    dict(sigma=2., simcc_split_ratio=3.), dict(smoothing_type='standard'),
    dict(smoothing_type='standard', label_smooth_weight=.1),
    dict(smoothing_type='standard', simcc_split_ratio=.5)], ids=str)
def test_simcc(options):
    codec = KEYPOINT_CODECS.build(dict(type='SimCCLabel', input_size=INPUT, **options))
    keypoints = joints()
    expected = slowly(codec, keypoints)
    (of_x, of_y), weights = encode_simcc(
        torch.from_numpy(keypoints), INPUT, codec.simcc_split_ratio,
        smoothing_type=codec.smoothing_type, sigma=codec.sigma.tolist(),
        label_smooth_weight=codec.label_smooth_weight, normalize=codec.normalize)
    close(of_x, expected['keypoint_x_labels'])
    close(of_y, expected['keypoint_y_labels'])
    assert torch.equal(weights, expected['keypoint_weights'][:, 0])
    assert set(weights.unique().tolist()) == {0, 1}
    assert (of_x[weights == 0] == 0).all() and (of_y[weights == 0] == 0).all()


@pytest.mark.parametrize('unbiased', [False, True])
@pytest.mark.parametrize('sigma', [1, 1.5, 2.])
def test_gaussians(sigma, unbiased):
    codec = KEYPOINT_CODECS.build(dict(
        type='MSRAHeatmap', input_size=INPUT, heatmap_size=HEATMAP, sigma=sigma,
        unbiased=unbiased))
    keypoints = joints()
    expected = slowly(codec, keypoints)
    maps, weights = encode_gaussians(
        torch.from_numpy(keypoints / codec.scale_factor), HEATMAP[::-1], sigma, unbiased)
    close(maps, expected['heatmaps'])
    assert torch.equal(weights, expected['keypoint_weights'][:, 0])
    assert set(weights.unique().tolist()) == {0, 1}


@pytest.mark.parametrize('sigma', [1, 1.5, 2.])
def test_gaussians_of_udp(sigma):
    codec = KEYPOINT_CODECS.build(dict(
        type='UDPHeatmap', input_size=INPUT, heatmap_size=HEATMAP, sigma=sigma))
    keypoints = joints()
    expected = slowly(codec, keypoints)
    maps, weights = encode_gaussians(
        torch.from_numpy(keypoints / codec.scale_factor), HEATMAP[::-1], sigma, between=True)
    torch.testing.assert_close(maps, expected['heatmaps'], rtol=1e-4, atol=1e-5)
    assert torch.equal(weights, expected['keypoint_weights'][:, 0])


@pytest.mark.parametrize('kernel_size', [3, 7, 11])
def test_blurred_pixels(kernel_size):
    codec = KEYPOINT_CODECS.build(dict(
        type='MegviiHeatmap', input_size=INPUT, heatmap_size=HEATMAP, kernel_size=kernel_size))
    keypoints = joints()
    expected = slowly(codec, keypoints)
    rows, columns = (torch.from_numpy(cv2.GaussianBlur(
        np.eye(n, dtype=np.float32), (1, kernel_size), 0)) for n in HEATMAP[::-1])
    maps, weights = encode_blurred(
        torch.from_numpy(keypoints / codec.scale_factor), rows, columns)
    torch.testing.assert_close(255 * maps, expected['heatmaps'], rtol=1e-4, atol=1e-4)
    assert torch.equal(weights, expected['keypoint_weights'][:, 0])
    assert set(weights.unique().tolist()) == {0, 1}


def test_coordinates():
    codec = KEYPOINT_CODECS.build(dict(type='RegressionLabel', input_size=INPUT))
    keypoints = joints()
    expected = slowly(codec, keypoints)
    labels, weights = encode_coordinates(torch.from_numpy(keypoints), INPUT)
    close(labels, expected['keypoint_labels'])
    assert torch.equal(weights, expected['keypoint_weights'][:, 0])
    assert set(weights.unique().tolist()) == {0, 1}


@pytest.mark.parametrize('radius_factor', [.0546875, .2])
def test_offsets(radius_factor):
    codec = KEYPOINT_CODECS.build(dict(
        type='UDPHeatmap', input_size=INPUT, heatmap_size=HEATMAP, heatmap_type='combined',
        radius_factor=radius_factor))
    keypoints = joints()
    expected = slowly(codec, keypoints)
    maps = encode_offsets(torch.from_numpy(keypoints / codec.scale_factor), HEATMAP[::-1],
                          radius_factor * max(HEATMAP))
    torch.testing.assert_close(maps[:, 1::3], expected['heatmaps'][:, 1::3], rtol=1e-5, atol=1e-4)
    torch.testing.assert_close(maps[:, 2::3], expected['heatmaps'][:, 2::3], rtol=1e-5, atol=1e-4)
    different = maps[:, ::3] != expected['heatmaps'][:, ::3]
    assert different.float().mean() < 1e-3  # pixels on the very circle, by rounding
    assert expected['heatmaps'][:, ::3].any()


def test_on_the_meta_device():
    keypoints = torch.rand((2, 3, 2), device='meta')
    (of_x, of_y), weights = encode_simcc(
        keypoints, INPUT, 2., smoothing_type='gaussian', sigma=[6., 6.], label_smooth_weight=0.,
        normalize=True)
    maps, inside = encode_gaussians(keypoints, HEATMAP[::-1], 2.)
    others = (encode_offsets(keypoints, HEATMAP[::-1], 3.), *encode_coordinates(keypoints, INPUT))
    assert all(x.is_meta for x in (of_x, of_y, weights, maps, inside, *others))
    assert of_x.shape == (2, 3, 96) and of_y.shape == (2, 3, 128)
