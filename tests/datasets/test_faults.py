"""What is wrong with pictures: each fault has an outcome, which docs/faults.md lists."""
import re
import warnings
from pathlib import Path

import cv2
import numpy as np
import pytest
from mmengine.dataset import pseudo_collate
from mmpose.registry import DATASETS
from PIL import Image
from torch.utils.data import DataLoader
from written_sets import BRANCHES, METAINFO, SIZE, UNSUP, labelled, picture

from mmpose_mum.datasets import LoadUnlabeledImage, SemiSupervisedDataset, SemiSupervisedSampler
from mmpose_mum.datasets.unlabeled import UnlabeledPoseDataset


def test_every_outcome_in_the_docs_has_its_test():
    page = (Path(__file__).parents[2] / 'docs/faults.md').read_text(encoding='utf-8')
    rows = [row for row in page.splitlines() if row.startswith('|')]
    tests = '\n'.join(path.read_text(encoding='utf-8')
                      for path in Path(__file__).parents[1].rglob('test_*.py'))
    named = 0
    for row in rows:
        if row.startswith(('| ---', '| fault')):
            continue
        names = re.findall(r'`(test_\w+)`', row.split('|')[-2])
        assert names, row
        assert all(f'def {name}(' in tests for name in names), row
        named += len(names)
    assert named > 20


def pil(mode='RGB'):
    return Image.fromarray(picture()[..., ::-1]).convert(mode)


def turned(path):
    exif = Image.Exif()
    exif[0x112] = 6  # to be turned by a quarter clockwise to be shown
    pil().rotate(90, expand=True).save(path, exif=exif, quality=95)


FORMATS = {
    'grey.png': lambda path: pil('L').save(path),
    'black_and_white.png': lambda path: pil('1').save(path),
    'grey_alpha.png': lambda path: pil('LA').save(path),
    'rgba.png': lambda path: pil('RGBA').save(path),
    'palette.png': lambda path: pil('P').save(path),
    '16_bit.png': lambda path: cv2.imwrite(str(path), picture().astype(np.uint16) * 257),
    '16_bit_grey.tif': lambda path: cv2.imwrite(
        str(path), cv2.cvtColor(picture(), cv2.COLOR_BGR2GRAY).astype(np.uint16) * 257),
    'cmyk.jpg': lambda path: pil('CMYK').save(path, quality=95),
    'cmyk.tif': lambda path: pil('CMYK').save(path),
    'progressive.jpg': lambda path: pil().save(path, progressive=True, quality=95),
    'turned.jpg': turned,
    'turned.png': turned,
}


@pytest.mark.parametrize('name', FORMATS)
def test_pictures_of_every_kind_become_upright_ones_of_three_channels(tmp_path, name):
    FORMATS[name](tmp_path / name)
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        results = LoadUnlabeledImage()(dict(img_path=str(tmp_path / name)))
    img = results['img']
    assert img.dtype == np.uint8 and results['img_shape'] == (60, 80) == img.shape[:2]
    np.testing.assert_array_equal(results['bbox'], [[0, 0, 80, 60]])
    expected = picture()
    if img.std(-1).max() == 0:  # it had no colours
        expected = cv2.cvtColor(cv2.cvtColor(expected, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    limit = 60 if name == 'black_and_white.png' else 6  # which is dithered
    for rows, columns in ((slice(5, 25), slice(5, 75)), (slice(35, 55), slice(5, 35)),
                          (slice(35, 55), slice(45, 75))):
        off = np.abs(img[rows, columns].mean((0, 1)) - expected[rows, columns].mean((0, 1)))
        assert off.max() < limit


def encoded(suffix):
    return cv2.imencode(suffix, picture())[1].tobytes()


def unreadable_files():
    """Gives the content of each kind of file that is no picture, by its name."""
    for suffix in ('.jpg', '.png', '.webp', '.bmp', '.tif'):
        whole = encoded(suffix)
        for share in (10, 50, 95):
            yield f'truncated_{share}{suffix}', whole[:len(whole) * share // 100]
    yield 'empty.jpg', b''
    yield 'text.png', b'no picture'
    yield 'zeros.jpg', bytes(1000)
    yield 'corrupt.png', encoded('.png').replace(b'IHDR', b'IHDX')
    yield 'html.jpg', b'<html>404</html>'


@pytest.mark.parametrize('name, content', unreadable_files(), ids=lambda x: str(x)[:20])
def test_what_is_no_picture_is_skipped_by_name_and_count(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    load = LoadUnlabeledImage()
    with pytest.warns(UserWarning, match=rf'(?s)cannot be read, number 1 of this.*{name} \('):
        assert load(dict(img_path=str(tmp_path / name))) is None
    with pytest.warns(UserWarning, match=r'(?s)number 2 of this process: .*missing\.jpg'):
        assert load(dict(img_path=str(tmp_path / 'missing.jpg'))) is None


def test_a_corrupt_jpeg_is_skipped_or_gives_its_size(tmp_path):
    rng = np.random.default_rng(0)
    whole = encoded('.jpg')
    for i in range(30):
        content = bytearray(whole)
        for place in rng.integers(2, len(whole), 8):
            content[place] = rng.integers(256)
        (tmp_path / f'{i}.jpg').write_bytes(bytes(content))
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            results = LoadUnlabeledImage()(dict(img_path=str(tmp_path / f'{i}.jpg')))
        assert results is None or results['img'].dtype == np.uint8 and results['img'].ndim == 3


def test_a_folder_named_like_a_picture_is_none(tmp_path):
    (tmp_path / 'frames.jpg').mkdir()
    cv2.imwrite(str(tmp_path / 'frames.jpg' / 'a.png'), picture())
    dataset = UnlabeledPoseDataset(data_prefix=dict(img=str(tmp_path)))
    assert len(dataset) == 1


@pytest.mark.parametrize('width, height', [(1, 1), (1, 300), (300, 1), (2, 3)])
def test_pictures_of_a_pixel_or_a_line_are_pictures(tmp_path, width, height):
    cv2.imwrite(str(tmp_path / 'a.png'), np.full((height, width, 3), 99, np.uint8))
    dataset = DATASETS.build(dict(
        type='UnlabeledPoseDataset', data_prefix=dict(img=str(tmp_path)), pipeline=UNSUP))
    sample = dataset[0]
    for branch in BRANCHES[1:]:
        assert sample['inputs'][branch].shape == (3, *SIZE[::-1])
        assert np.isfinite(sample['data_samples'][branch].metainfo['warp_mat']).all()


@pytest.mark.parametrize('box, expected', [
    ([-20, -5, 40, 30], [0, 0, 40, 30]), ([70, 50, 200, 61], [70, 50, 80, 60]),
    ([80, 0, 90, 60], None), ([79.5, 0, 90, 60], None), ([0, 60, 80, 1e9], None)], ids=str)
def test_boxes_of_pictures_whose_size_was_not_known(tmp_path, box, expected):
    cv2.imwrite(str(tmp_path / 'a.png'), picture())
    results = dict(img_path=str(tmp_path / 'a.png'), bbox=np.array([box], np.float32))
    if expected:
        np.testing.assert_array_equal(LoadUnlabeledImage()(results)['bbox'], [expected])
    else:
        with pytest.warns(UserWarning, match=r'(?s)whose box is not in it, number 1.*80×60.*EXIF'):
            assert LoadUnlabeledImage()(results) is None


@pytest.mark.parametrize('number', [1, 3])
def test_an_unlabelled_set_that_is_smaller_than_a_batch_is_gone_through_again(tmp_path, number):
    cv2.imwrite(str(tmp_path / 'a.png'), picture())
    (tmp_path / 'pool').mkdir()
    for i in range(number):
        cv2.imwrite(str(tmp_path / 'pool' / f'{i}.png'), picture())
    dataset = SemiSupervisedDataset([
        labelled(tmp_path, [dict(bbox=[1, 2, 30, 40])]),
        dict(type='UnlabeledPoseDataset', metainfo=METAINFO, pipeline=UNSUP,
             data_prefix=dict(img=str(tmp_path / 'pool')))])
    sampler = SemiSupervisedSampler(dataset, batch_size=8, source_ratio=[1, 3], seed=0)
    loader = iter(DataLoader(dataset, batch_size=8, sampler=sampler, collate_fn=pseudo_collate))
    for _ in range(2):
        weak = [s for s in next(loader)['data_samples']['unsup_teacher'] if s is not None]
        assert len(weak) == 6
        assert {Path(s.img_path).stem for s in weak} == {str(i) for i in range(number)}
