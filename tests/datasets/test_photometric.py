"""Photometric operations are MMCV's, and none moves a pixel."""
import warnings

import mmcv
import numpy as np
import pytest

from mmpose_mum.datasets import photometric as P

# As (operation of MMCV, by strength and sign). That of sharpness rounds twice.
MMCV = dict(
    brightness=lambda img, s, sign: mmcv.adjust_brightness(img, 1 + sign * .9 * s),
    contrast=lambda img, s, sign: mmcv.adjust_contrast(img, 1 + sign * .9 * s),
    color=lambda img, s, sign: mmcv.adjust_color(img, 1 + sign * .9 * s),
    sharpness=lambda img, s, sign: mmcv.adjust_sharpness(img, 1 + sign * .9 * s),
    solarize=lambda img, s, sign: mmcv.solarize(img, 256 - 128 * s),
    auto_contrast=lambda img, s, sign: mmcv.auto_contrast(img),
    equalize=lambda img, s, sign: mmcv.imequalize(img))


def images():
    """Returns noise, a narrow range of values, few values, and one value alone."""
    noise = np.random.default_rng(0).integers(0, 256, (40, 30, 3), dtype=np.uint8)
    return dict(noise=noise, dull=noise // 4 + 60, few=noise // 100 * 90, plain=noise * 0 + 7)


@pytest.mark.parametrize('kind', images())
@pytest.mark.parametrize('name', MMCV)
def test_operations_are_mmcvs(name, kind):
    img = images()[kind]
    for strength in (0., .3, .9):
        for sign in (-1, 1):
            out = P.OPERATIONS[name](img, strength, sign)
            expected = MMCV[name](img, strength, sign)
            assert out.dtype == np.uint8 and out.shape == img.shape
            difference = np.abs(out.astype(int) - expected).max()
            assert difference <= (name == 'sharpness')


@pytest.mark.parametrize('name', list(P.OPERATIONS))
@pytest.mark.parametrize('sign', [-1, 1])
def test_photometric_operations_move_no_pixel(name, sign):
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (20, 30, 3), dtype=np.uint8)
    dot = np.full((41, 41, 3), (120, 110, 100), np.uint8)
    dot[9:12, 29:32] = (40, 80, 220)
    for strength in (0., .5, 1.):
        with warnings.catch_warnings():
            warnings.simplefilter('error')
            out = P.OPERATIONS[name](noise.copy(), strength, sign)
            changed = P.OPERATIONS[name](dot.copy(), strength, sign)
        assert out.dtype == np.uint8 and out.shape == noise.shape
        contrast = np.abs(changed.astype(int) - changed[-1, 0]).sum(2)
        if contrast.max() > 0:  # a full loss of contrast has no place
            ys, xs = np.nonzero(contrast == contrast.max())
            assert abs(ys.mean() - 10) < .6 and abs(xs.mean() - 30) < .6
    if name not in ('auto_contrast', 'equalize'):  # these two have no strength
        assert not np.array_equal(out, noise)


def test_photometric_draws_all_operations_and_keeps_shape():
    np.random.seed(0)
    augment = P.PhotometricRandAugment(num_ops=3, magnitude=1.)
    names = set()
    for _ in range(60):
        drawn = augment._draw()
        assert len({name for name, *_ in drawn}) == 3
        names.update(name for name, *_ in drawn)
    assert names == set(P.OPERATIONS)
    img = np.random.randint(0, 256, (17, 23, 3), dtype=np.uint8)
    out = augment(dict(img=img.copy()))['img']
    assert out.shape == img.shape and out.dtype == np.uint8 and not np.array_equal(out, img)
    same = P.PhotometricRandAugment(num_ops=0)(dict(img=img.copy()))['img']
    np.testing.assert_array_equal(same, img)


def test_photometric_draws_as_choice_does():
    augment = P.PhotometricRandAugment(num_ops=3)
    np.random.seed(0)
    drawn = [augment._draw() for _ in range(50)]
    np.random.seed(0)
    for operations in drawn:
        names, strengths, signs = zip(*operations)
        assert np.random.choice(list(P.OPERATIONS), 3, replace=False).tolist() == list(names)
        assert np.random.uniform(0, .7, 3).tolist() == list(strengths)
        assert np.random.choice([-1, 1], 3).tolist() == list(signs)


@pytest.mark.parametrize('arguments, word', [
    (dict(num_ops=-1), 'num_ops'), (dict(num_ops=99), 'num_ops'),
    (dict(magnitude=1.5), 'magnitude'), (dict(magnitude=-.1), 'magnitude')])
def test_photometric_arguments_out_of_range(arguments, word):
    with pytest.raises(ValueError, match=word):
        P.PhotometricRandAugment(**arguments)


def test_images_of_another_type_are_refused_before_opencv_does():
    with pytest.raises(ValueError, match='got float32: leave out to_float32=True'):
        P.PhotometricRandAugment()(dict(img=np.zeros((9, 9, 3), np.float32)))


def test_the_hue_turns_both_ways_and_keeps_red_red_without_strength():
    red, hue = np.full((4, 4, 3), (0, 0, 255), np.uint8), P.OPERATIONS['hue']
    assert np.abs(hue(red, 0., 1).astype(int) - red).max() <= 2
    assert hue(red, 1., 1)[0, 0].argmax() == 1 and hue(red, 1., -1)[0, 0].argmax() == 0


def test_posterizing_leaves_four_bits_at_full_strength():
    ramp = np.arange(256, dtype=np.uint8).reshape(16, 16, 1).repeat(3, 2)
    left = [len(np.unique(P.OPERATIONS['posterize'](ramp, strength, 1)))
            for strength in (0., .5, 1.)]
    assert left == [256, 64, 16]


def test_blur_has_a_deviation_of_two_pixels_at_full_strength():
    line, places = np.zeros((41, 41, 3), np.uint8), np.arange(41) - 20
    line[:, 20] = 255
    row = P.OPERATIONS['blur'](line, 1., 1)[20, :, 0].astype(float)
    assert np.sqrt((row * places**2).sum() / row.sum()) == pytest.approx(2, rel=.1)


def test_gray_images_are_an_error_that_says_what_to_leave_out():
    with pytest.raises(ValueError, match=r'three channels, got \(8, 9\): .*photometric=None'):
        P.PhotometricRandAugment()(dict(img=np.zeros((8, 9), np.uint8)))
