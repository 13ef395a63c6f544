"""Distributions over bins land where an affine map says, each coordinate's by itself."""
import numpy as np
import pytest
import torch
from affine_maps import affine
from hypothesis import given, settings
from hypothesis import strategies as st

from mmpose_mum.functional.warp import BLUR, warp_distributions

WIDTH, HEIGHT, BINS = 60, 80, 2.


def bell(centre, deviation, pixels):
    """Returns a Gaussian over bins, sum 1; all in pixels."""
    places = torch.arange(int(pixels * BINS)) / BINS
    found = torch.exp(-((places - centre) / deviation)**2 / 2)
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


@settings(max_examples=15, deadline=None)
@given(affine_of=st.tuples(st.floats(-90, 90), st.floats(.6, 1.6), st.booleans()),
       shift=st.tuples(st.floats(-8, 8), st.floats(-8, 8)),
       centre=st.tuples(st.floats(20, 40), st.floats(25, 55)),
       deviation=st.tuples(st.floats(1.5, 6), st.floats(1.5, 6)))
def test_distributions_are_those_of_the_mapped_coordinates(affine_of, shift, centre, deviation):
    angle, scale, flip = affine_of
    matrix = affine(angle, scale, shift, flip, (WIDTH / 2, HEIGHT / 2))
    of_x, of_y = (bell(*at) for at in zip(centre, deviation, (WIDTH, HEIGHT)))
    found = warp_distributions(of_x[None, None], of_y[None, None], matrix[None].float(), BINS)
    for warped, expected in zip(found, slow_distributions(of_x, of_y, matrix.numpy())):
        np.testing.assert_allclose(warped[0, 0].numpy(), expected, atol=.005 * expected.max())


def test_a_distribution_of_several_peaks_keeps_them_and_each_image_has_its_own_map():
    of_x = (bell(15, 2, WIDTH) + bell(45, 2, WIDTH)) / 2
    of_y = bell(30, 3, HEIGHT)
    matrices = torch.stack([affine(), affine(shift=(5, 10)), affine(flip=True, centre=(30, 0))])
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
