"""Pixels of an image file, upright, read at a fraction of its size where that is enough."""
import io
from typing import BinaryIO, NamedTuple, Optional, Sequence, Tuple, Union

import cv2
import mmcv
import numpy as np
from PIL import Image

_REDUCED = {8: cv2.IMREAD_REDUCED_COLOR_8, 4: cv2.IMREAD_REDUCED_COLOR_4,
            2: cv2.IMREAD_REDUCED_COLOR_2}
_ORIENTATION = 0x0112  # EXIF's tag
# Its values for which the columns, or the rows, of the shown image run against those of the file.
_COLUMNS_REVERSED, _ROWS_REVERSED = (2, 3, 6, 7), (3, 4, 7, 8)
_ROTATED = (5, 6, 7, 8)  # by a quarter turn: columns of the file are rows that are shown


class Header(NamedTuple):
    """What an image file says of itself.

    Attributes:
        width: Of the image as it is shown, in pixels.
        height: Likewise.
        orientation: EXIF's, 1 to 8; 1 if there is none.
        format: Pillow's name of the format.
    """
    width: int
    height: int
    orientation: int
    format: str


def read_header(file: Union[str, BinaryIO]) -> Optional[Header]:
    """Read the header of an image file, without its pixels.

    Args:
        file (str | BinaryIO): The path, or the opened file.

    Returns:
        Header: None if Pillow cannot read it.
    """
    try:
        with Image.open(file) as image:
            (width, height), orientation = image.size, 1
            if image.format == 'TIFF':  # Pillow's versions differ in whether the size is turned
                width, height = image.tag_v2[256], image.tag_v2[257]
                orientation = image.tag_v2.get(_ORIENTATION, 1)
            elif image.info.get('exif'):
                # Not image.getexif(), which falls back to XMP: OpenCV and browsers do not.
                exif = Image.Exif()
                exif.load(image.info['exif'])
                orientation = exif.get(_ORIENTATION, 1)
            name = image.format
    except Exception:  # Pillow's parsers raise what they like; OpenCV may still read the file.
        return None
    if orientation in _ROTATED:
        width, height = height, width
    return Header(width, height, orientation if orientation in range(1, 9) else 1, name)


def decode(content: bytes) -> Optional[np.ndarray]:
    """Decode an image at its full size, turned as its EXIF data say.

    Args:
        content (bytes): An image file.

    Returns:
        np.ndarray: BGR, uint8 (H, W, 3); None if OpenCV cannot read it.
    """
    if not content:
        return None
    # OpenCV turns JPEG, PNG and TIFF itself, and WebP from version 5 on.
    if content[:4] == b'RIFF' and content[8:12] == b'WEBP':
        header = read_header(io.BytesIO(content))
        if header and header.orientation != 1:
            img = mmcv.imfrombytes(
                content, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION, backend='cv2')
            return img if img is None else _turned(img, header.orientation)
    return mmcv.imfrombytes(content, backend='cv2')


def _turned(img: np.ndarray, orientation: int) -> np.ndarray:
    if orientation in _ROTATED:
        img = img.transpose(1, 0, 2)
    if orientation in _COLUMNS_REVERSED:
        img = img[:, ::-1]
    if orientation in _ROWS_REVERSED:
        img = img[::-1]
    return np.ascontiguousarray(img)


def reduction(box: Sequence[float], input_size: Tuple[int, int]) -> Optional[int]:
    """Return by how much an image may be reduced for the person in it to fill the input.

    Args:
        box (Sequence[float]): The person's x1, y1, x2, y2, in pixels.
        input_size (tuple[int, int]): Width and height of the network's input, in pixels.

    Returns:
        int: 8, 4 or 2; None if the image is needed at its full size. The reduced box
        still has at least as many pixels as the input. So no view is made of fewer, unless it
        zooms in by more than the box's margin.
    """
    x1, y1, x2, y2 = box
    ratio = max((x2 - x1) / input_size[0], (y2 - y1) / input_size[1])
    return next((factor for factor in _REDUCED if factor <= ratio), None)


def decode_reduced(
    content: bytes,
    box: Optional[Sequence[float]],
    input_size: Tuple[int, int],
) -> Optional[Tuple[np.ndarray, Tuple[int, int], np.ndarray]]:
    """Decode a JPEG at a half, a quarter or an eighth of its size, if the person is large in it.

    A JPEG is stored as frequencies of blocks of 8×8 pixels, of which a smaller image needs only the
    lower ones: this is faster than decoding all, and the pixels are means, where a warp to the
    input's size would pick single ones. The scale is that of :func:`reduction`.

    Args:
        content (bytes): An image file.
        box (Sequence[float], optional): x1, y1, x2, y2 in pixels of the image as it is shown,
            turned as its EXIF data say. Defaults to the whole image.
        input_size (tuple[int, int]): Width and height of the network's input, in pixels.

    Returns:
        tuple: The image, BGR and uint8; height and width of the full one, in pixels; and a map,
        float64 (3, 3), pixel of the former → pixel of the latter. None if the file is no JPEG that
        can be read so, or has to be decoded at its full size.
    """
    header = read_header(io.BytesIO(content)) if content.startswith(b'\xff\xd8') else None
    if header is None:
        return None
    width, height, orientation, _ = header
    factor = reduction((0, 0, width, height) if box is None else box, input_size)
    if factor is None:
        return None
    img = mmcv.imfrombytes(content, flag=_REDUCED[factor], backend='cv2')
    reduced = -(-height // factor), -(-width // factor)
    if img is None or img.shape[:2] != reduced:
        return None  # broken, or the two readers of its header disagree
    to_full = np.diag([factor, factor, 1.])
    # Centers of pixels, each of which covers factor × factor. The last of the file's columns and
    # rows may reach beyond the full image, and come first if they are shown in reverse.
    to_full[:2, 2] = (factor - 1) / 2
    if orientation in _COLUMNS_REVERSED:
        to_full[0, 2] += width - factor * reduced[1]
    if orientation in _ROWS_REVERSED:
        to_full[1, 2] += height - factor * reduced[0]
    return img, (height, width), to_full
