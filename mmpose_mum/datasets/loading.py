"""The transform that loads an unlabeled image, or a frame of a video."""
import warnings
from typing import Dict, Optional, Set, Tuple

import cv2
import numpy as np
from mmengine import fileio
from mmpose.datasets.transforms import LoadImage
from mmpose.registry import TRANSFORMS

from ..files.decoding import decode, decode_reduced, reduction
from ..files.sizes import wrong_size
from ..files.video import read_frame, split_frame_name
from .boxes import clipped_box

# What loading adds to a sample, and changes in it.
_LOADED = ('img', 'img_shape', 'ori_shape', 'source_mat', 'bbox')
_TOO_LONG = 2**15 - 1  # pixels; from here on cv2.warpAffine raises an error
_NAMED = 20  # so many images that are left out get a warning each; then one in as many
_REST = f' (from here on, only every {_NAMED}th is named)'


@TRANSFORMS.register_module()
class LoadUnlabeledImage(LoadImage):
    """Load an unlabeled image, and skip one that cannot be read.

    The image may be a frame of a video: an ``img_path`` such as ``clip.mp4#000120``.

    Each failure gives one warning per file, with this worker's count; after 20 files, every 20th
    gives one. The dataset then draws another sample, and gives up after ``max_refetch`` tries. (In
    the labeled set, MMPose's ``LoadImage`` raises, as a missing image is a mistake there.) A sample
    without a ``bbox`` gets one that covers the image. A box is clipped to the image. The sample is
    skipped if less than a pixel is left, if a side of the loaded image has 32,767 pixels or more,
    or if the json's ``stated_size`` belongs to another image: see :func:`wrong_size`.

    Images are upright, rotated by their EXIF data (or a video's).

    With ``input_size``, the JPEG of a large person is decoded at a fraction of its size, see
    :func:`decode_reduced`. Then ``img`` is the smaller image, while ``img_shape``, ``ori_shape``
    and ``bbox`` belong to the full one. ``source_mat`` maps pixels of the smaller image to the full
    one. :class:`WarpTopdownAffine` and the views use it, MMPose's ``TopdownAffine`` does not.

    Args:
        input_size (tuple[int, int], optional): Width and height of the network's input, in pixels.
            Defaults to None, which decodes every image at its full size.
        cache_mb (float): Megabytes of decoded images to keep in memory in each loading process.
            Other images are read each time. Each worker sees all images, so this helps if the set
            about fits. Cached images are read-only. Defaults to 0.
        **kwargs: As for MMPose's ``LoadImage``.

    Raises:
        ValueError: If ``input_size`` is given with another decoder than OpenCV's, or for images
            that are not in color.
    """

    def __init__(self, input_size: Optional[Tuple[int, int]] = None, cache_mb: float = 0,
                 **kwargs) -> None:
        super().__init__(**kwargs)
        if input_size and not (self.imdecode_backend == 'cv2' and self.color_type == 'color'):
            raise ValueError('input_size makes OpenCV decode JPEGs at a reduced scale, in '
                             f'color: got imdecode_backend={self.imdecode_backend!r} and '
                             f'color_type={self.color_type!r}')
        self.input_size = input_size
        self._room = cache_mb * 2**20
        self._cached: Dict[tuple, dict] = {}
        self._left_out: Set[str] = set()

    def transform(self, results: dict) -> Optional[dict]:
        """Load ``results['img_path']``; None if that fails."""
        stated = results.pop('stated_size', None)
        person = results['img_path'], np.asarray(results.get('bbox', ())).tobytes()
        if person in self._cached:
            results.update(self._cached[person])
            return results
        loaded = self._load(results, stated)
        if loaded and loaded['img'].nbytes <= self._room:
            self._room -= loaded['img'].nbytes
            loaded['img'].flags.writeable = False
            self._cached[person] = {key: loaded[key] for key in _LOADED if key in loaded}
        return loaded

    def _load(self, results: dict, stated: Optional[Tuple[int, int]]) -> Optional[dict]:
        path = results['img_path']
        try:
            shape = None if 'img' in results else self._decode(results)
            results = super().transform(results)
            if shape:
                results['img_shape'] = results['ori_shape'] = shape
        # The readers and decoders raise what they like: OSError, AssertionError, cv2.error, …
        except Exception as error:
            self._leave_out('that cannot be read', path, error)
            return None
        if max(results['img'].shape[:2]) >= _TOO_LONG:
            self._leave_out('whose side is too long', path, f'OpenCV warps only images with sides '
                            f'below {_TOO_LONG:,} pixels. Cut it into parts, or scale it down')
            return None
        height, width = results['img_shape']
        box = results.get('bbox', np.array([[0, 0, width, height]]))
        wrong = stated and wrong_size(stated, (width, height), box[0].tolist())
        if wrong:
            self._leave_out('that do not fit their size or box in the json', path, wrong)
            return None
        results['bbox'] = clipped_box(box, width, height)
        if results['bbox'] is None:
            self._leave_out(
                'whose box is not in it', path,
                f'x1 y1 x2 y2 are {box.ravel().tolist()}, and it has {width}×{height} pixels. '
                'Boxes are those of the image as it is shown, turned as its EXIF data say')
            return None
        return results

    def _decode(self, results: dict) -> Optional[Tuple[int, int]]:
        """Add ``img`` where MMPose would read it otherwise; return its full shape if reduced."""
        path, shape = results['img_path'], None
        frame = split_frame_name(path)
        if frame:
            img = read_frame(*frame)
            if img is not None and self.color_type == 'grayscale':
                img = cv2.cvtColor(img, cv2.COLOR_BGR2GRAY)
        elif self.imdecode_backend == 'cv2' and self.color_type == 'color':
            content = fileio.get(path, backend_args=self.backend_args)
            box = results['bbox'][0] if 'bbox' in results else None
            reduced = self.input_size and (
                box is None or reduction(box, self.input_size)) and decode_reduced(
                    content, box, self.input_size)
            if reduced:
                img, shape, results['source_mat'] = reduced
            else:
                img = decode(content)
        else:
            return None
        if img is None:
            raise ValueError('it is empty, broken, or in a format that OpenCV does not read')
        # LoadImage leaves an image that it is given as it is.
        results['img'] = img.astype(np.float32) if self.to_float32 else img
        return shape

    def _leave_out(self, why: str, path: str, error: object) -> None:
        if path not in self._left_out:
            self._left_out.add(path)
            number = len(self._left_out)
            if number <= _NAMED or number % _NAMED == 0:
                warnings.warn(f'skipped an unlabeled image {why}, number {number} in this process'
                              f'{_REST if number >= _NAMED else ""}: {path} ({error})',
                              stacklevel=4)


def read_image(path: str) -> np.ndarray:
    """Read an image or a frame as :class:`LoadUnlabeledImage` does.

    Args:
        path (str): Of the image, or a frame's name.

    Returns:
        np.ndarray: uint8 (H, W, 3), BGR.

    Raises:
        OSError: If it cannot be read.
    """
    loaded = LoadUnlabeledImage().transform(dict(img_path=path))
    if loaded is None:
        raise OSError(f'{path} can no longer be read')
    return loaded['img']
