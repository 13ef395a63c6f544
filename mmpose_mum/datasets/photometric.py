"""Changes of an image's colors that leave every keypoint where it is."""
import cv2
import mmcv
import numpy as np
from mmcv.transforms import BaseTransform
from mmcv.transforms.utils import cache_randomness
from mmpose.registry import TRANSFORMS

from ..coco.layout import is_number

# An image that has every value once. An operation that maps each value by itself is applied to this
# one, and the result is a table to look up the real image's pixels in.
_RAMP = np.arange(256, dtype=np.uint8)[None]


def _contrast(img: np.ndarray, factor: float) -> np.ndarray:
    """Blend the image with its mean gray, like ``mmcv.adjust_contrast``."""
    mean = round(cv2.mean(cv2.cvtColor(img, cv2.COLOR_BGR2GRAY))[0])
    table = cv2.addWeighted(_RAMP.astype(np.float32), factor,
                            np.full(_RAMP.shape, mean, np.float32), 1 - factor, 0)
    return cv2.LUT(img, np.clip(table, 0, 255).astype(np.uint8))


def _color(img: np.ndarray, factor: float) -> np.ndarray:
    """Blend the image with its gray version, like ``mmcv.adjust_color``."""
    gray = cv2.cvtColor(cv2.cvtColor(img, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    return cv2.addWeighted(img, factor, gray, 1 - factor, 0)


def _sharpness(img: np.ndarray, factor: float) -> np.ndarray:
    """Blend the image with a smooth version, like ``mmcv.adjust_sharpness``, by one filter."""
    kernel = np.full((3, 3), (1 - factor) / 13)
    kernel[1, 1] = factor + (1 - factor) * 5 / 13
    return cv2.filter2D(img, -1, kernel)


def _hue(img: np.ndarray, shift: float) -> np.ndarray:
    """Turn the color wheel by a share of it, like ``mmcv.adjust_hue``.

    That one adds a negative number to uint8, which NumPy 2 refuses.
    """
    hsv = cv2.cvtColor(img, cv2.COLOR_BGR2HSV_FULL)
    hsv[..., 0] += np.uint8(int(shift * 255) % 256)
    return cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR_FULL)


def _by_histogram(img: np.ndarray, table_of) -> np.ndarray:
    """Look each channel up in a table of 256 values that follows from its histogram."""
    tables = [table_of(cv2.calcHist([img], [channel], None, [256], [0, 256]).ravel().astype(int))
              for channel in range(3)]
    return cv2.LUT(img, np.stack(tables, axis=-1).astype(np.uint8)[None])


def _stretching(histogram: np.ndarray) -> np.ndarray:
    """Map the darkest value to 0 and the brightest to 255, like ``mmcv.auto_contrast``."""
    low, high = np.flatnonzero(histogram)[[0, -1]]
    if low == high:
        return np.arange(256)
    scale = 255. / (high - low)
    return np.clip(np.arange(256) * scale - low * scale, 0, 255)


def _equalizing(histogram: np.ndarray) -> np.ndarray:
    """Spread the values evenly, like ``mmcv.imequalize``."""
    step = (histogram.sum() - histogram[np.flatnonzero(histogram)[-1]]) // 255
    if step == 0:
        return np.arange(256)
    before = np.concatenate([[0], np.cumsum(histogram)[:-1] + step // 2]) // step
    return np.minimum(before, 255)


# Name → operation on a uint8 BGR image, by its strength in [0, 1] and a sign: RandAugment's
# (Cubuk et al., 2020) that move no pixel, with a full strength of 0.9, and hue and blur.
OPERATIONS = {
    'brightness': lambda img, s, sign: cv2.LUT(
        img, mmcv.adjust_brightness(_RAMP, 1 + sign * .9 * s)),
    'contrast': lambda img, s, sign: _contrast(img, 1 + sign * .9 * s),
    'color': lambda img, s, sign: _color(img, 1 + sign * .9 * s),
    'sharpness': lambda img, s, sign: _sharpness(img, 1 + sign * .9 * s),
    'hue': lambda img, s, sign: _hue(img, sign * .3 * s),
    'posterize': lambda img, s, sign: mmcv.posterize(img, 8 - int(round(4 * s))),
    'solarize': lambda img, s, sign: cv2.LUT(img, mmcv.solarize(_RAMP, 256 - 128 * s)),
    'auto_contrast': lambda img, s, sign: _by_histogram(img, _stretching),
    'equalize': lambda img, s, sign: _by_histogram(img, _equalizing),
    'blur': lambda img, s, sign: cv2.GaussianBlur(img, (0, 0), .2 + 1.8 * s),
}


@TRANSFORMS.register_module()
class PhotometricRandAugment(BaseTransform):
    """RandAugment of the operations that leave every keypoint where it is.

    Required and modified key: ``img``, uint8 (H, W, 3). Place it after ``WarpTopdownAffine``,
    where the image is small.

    Args:
        num_ops (int): Operations applied one after the other, drawn without replacement.
        magnitude (float): Upper end of their strength, in [0, 1]; each draws its own below.

    Raises:
        ValueError: If an argument is out of its range.
    """

    def __init__(self, num_ops: int = 2, magnitude: float = 0.7) -> None:
        if type(num_ops) is not int or not 0 <= num_ops <= len(OPERATIONS):
            raise ValueError(f'num_ops must be a whole number in [0, {len(OPERATIONS)}], '
                             f'got {num_ops!r}')
        if not is_number(magnitude) or not 0 <= magnitude <= 1:
            raise ValueError(f'magnitude must be a number in [0, 1], got {magnitude!r}')
        self.num_ops = num_ops
        self.magnitude = magnitude

    @cache_randomness
    def _draw(self):
        # As np.random.choice draws, which would first make an array of what there is to choose.
        names = list(OPERATIONS)
        chosen = np.random.permutation(len(names))[:self.num_ops].tolist()
        strengths = np.random.uniform(0, self.magnitude, self.num_ops).tolist()
        signs = np.random.randint(0, 2, self.num_ops).tolist()
        return [(names[i], strength, 1 if sign else -1)
                for i, strength, sign in zip(chosen, strengths, signs)]

    def transform(self, results: dict) -> dict:
        """Change ``results['img']``.

        Raises:
            ValueError: If it is not uint8 or has no three channels.
        """
        if results['img'].shape[2:] != (3, ):
            raise ValueError(
                f"colors are changed in images of three channels, got {results['img'].shape}: "
                "leave out color_type='grayscale', which loads such, or the change of colors "
                'and erased patches (photometric=None and erasing=None of the strong view)')
        if results['img'].dtype != np.uint8:
            raise ValueError(
                f"colors are changed in images of uint8, got {results['img'].dtype}: leave out "
                'to_float32=True, which loads such, or the change of colors (photometric=None of '
                'the strong view)')
        for name, strength, sign in self._draw():
            results['img'] = OPERATIONS[name](results['img'], strength, sign)
        return results

    def __repr__(self) -> str:
        """Name and arguments."""
        return f'{type(self).__name__}(num_ops={self.num_ops}, magnitude={self.magnitude})'
