"""An image that is decoded at a reduced scale shows every point where the full one does."""
import io

import cv2
import numpy as np
import pytest
from PIL import Image, ImageOps

from mmpose_mum.files.decoding import decode, decode_reduced, read_header

DOTS = np.array([[45, 60], [170, 50], [100, 140], [60, 190]], float)  # x, y in the file


def jpeg(size, orientation=1):
    """Returns a gray JPEG with soft bright dots, and an orientation in its EXIF data."""
    width, height = size
    y, x = np.mgrid[:height, :width]
    img = 40 + sum(200 * np.exp(-((x - u)**2 + (y - v)**2) / 72) for u, v in DOTS)
    exif = Image.Exif()
    exif[0x0112] = orientation
    out = io.BytesIO()
    Image.fromarray(img.clip(0, 255).astype(np.uint8)).save(out, 'JPEG', quality=95, exif=exif)
    return out.getvalue()


def dots(img):
    """Returns the centers of the bright dots (4, 2) in x and y, by their weight, sorted."""
    bright = img[..., 0].astype(float).clip(80) - 80
    _, labels = cv2.connectedComponents((bright > 0).astype(np.uint8))
    y, x = np.mgrid[:img.shape[0], :img.shape[1]]
    centers = [[(x * bright)[labels == i].sum(), (y * bright)[labels == i].sum()]
               / bright[labels == i].sum() for i in range(1, labels.max() + 1)]
    return np.array(sorted(map(list, centers)))


# Sizes that are multiples of 8, and not.
@pytest.mark.parametrize('size', [(208, 240), (211, 237), (214, 239)])
@pytest.mark.parametrize('factor', [2, 4, 8])
@pytest.mark.parametrize('orientation', range(1, 9))
def test_points_are_where_they_are_in_the_full_image(orientation, factor, size):
    content = jpeg(size, orientation)
    full = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    height, width = full.shape[:2]
    small, shape, to_full = decode_reduced(content, None, (width // factor, height // factor))
    assert shape == (height, width)
    assert small.shape == (-(-height // factor), -(-width // factor), 3)
    found = dots(small) @ to_full[:2, :2].T + to_full[:2, 2]
    expected = dots(full)
    assert len(expected) == 4
    np.testing.assert_allclose(
        np.array(sorted(found.tolist())), expected, atol=.15 if factor < 8 else .4)


@pytest.mark.parametrize('box, input_size, factor', [
    (None, (100, 100), 2), (None, (105, 121), None), (None, (10, 10), 8), (None, (52, 60), 4),
    ([0, 0, 99, 99], (50, 50), None), ([0, 0, 40, 100], (50, 50), 2),
    ([90, 90, 290, 150], (50, 50), 4)])
def test_the_box_keeps_as_many_pixels_as_the_input_has(box, input_size, factor):
    decoded = decode_reduced(jpeg((208, 240)), box, input_size)
    assert factor == (decoded and decoded[2][0, 0])


def test_what_is_no_sound_jpeg_is_left_to_the_ordinary_way():
    img = np.zeros((90, 80, 3), np.uint8)
    content = jpeg((208, 240))
    for other in (cv2.imencode('.png', img)[1].tobytes(), b'', b'text', content[:30],
                  content[:2] + b'\0' * 500):
        assert decode_reduced(other, None, (10, 10)) is None


FORMATS = dict(JPEG=dict(quality=95), MPO=dict(quality=95), PNG={}, WEBP=dict(quality=95),
               TIFF={})


@pytest.mark.parametrize('orientation', [*range(1, 9), 0, 9])
@pytest.mark.parametrize('name', FORMATS)
def test_images_are_upright_in_every_format(name, orientation):
    img = np.full((48, 64, 3), 60, np.uint8)
    img[24:, :32], img[:24, :32] = (240, 20, 20), (20, 200, 20)
    exif, out = Image.Exif(), io.BytesIO()
    exif[0x0112] = orientation
    Image.fromarray(img).save(out, name, exif=exif, **FORMATS[name])
    expected = Image.fromarray(img)
    expected.getexif()[0x0112] = orientation  # which Pillow turns by
    expected = np.array(ImageOps.exif_transpose(expected))[..., ::-1]
    found = decode(out.getvalue())
    assert found.shape == expected.shape and found.flags.c_contiguous
    assert np.abs(found.astype(int) - expected).mean() < 8  # a turn is 60 and more
    header = read_header(io.BytesIO(out.getvalue()))
    assert (header.height, header.width) == expected.shape[:2]
    assert header.orientation == (orientation if 0 < orientation < 9 else 1)


def test_what_is_no_image_has_no_header_and_no_pixels(tmp_path):
    for content in (b'', b'text', b'RIFF1234WEBPVP8 ', jpeg((208, 240))[:30]):
        assert decode(content) is None and read_header(io.BytesIO(content)) is None
    assert read_header(str(tmp_path / 'none.jpg')) is None


@pytest.mark.parametrize('name', ['TIFF', 'WEBP', 'PNG', 'MPO'])
def test_the_first_of_several_pages_is_the_image(name):
    out, options = io.BytesIO(), dict(lossless=True) if name == 'WEBP' else {}
    pages = [Image.new('RGB', (64, 48), (value, ) * 3) for value in (200, 20)]
    pages[0].save(out, name, save_all=True, append_images=pages[1:], **options)
    assert decode(out.getvalue()).min() > 190
