"""Tests of the script that makes the benchmark's people from Leeds Sports Pose Extended."""
import json
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from scipy.io import savemat

sys.path.insert(0, str(Path(__file__).parents[2] / 'dev'))

import make_lspet  # noqa: E402


@pytest.fixture
def source(tmp_path):
    """Return a small data set of three people: small, large, and close to two borders.

    A keypoint lies in the middle of a white square, on a dark background.
    """
    rng = np.random.default_rng(0)
    joints = np.zeros((14, 3, 4))
    (tmp_path / 'images').mkdir()
    for number, size, left, extent in ((1, (400, 300), 150, 60), (3, (600, 500), 130, 240),
                                       (4, (120, 100), 10, 80)):
        points = left + rng.uniform(0, extent, (14, 2))
        points[0], points[1] = left, left + extent  # the corners
        points = np.round(points)
        joints[..., :2, number - 1] = points
        joints[..., 2, number - 1] = 1
        joints[5, :, number - 1] = -500, -500, 0  # not labeled
        img = np.full((size[1], size[0], 3), 20, np.uint8)
        for x, y in points[joints[:, 2, number - 1] > 0].astype(int):
            img[y - 3:y + 4, x - 3:x + 4] = 255
        cv2.imwrite(str(tmp_path / f'images/im{number:05}.jpg'), img)
    savemat(tmp_path / 'joints.mat', dict(joints=joints))
    return tmp_path, joints


def test_people_are_cropped_and_their_keypoints_stay_where_they_were(source, tmp_path):
    folder, joints = source
    sizes = dict(train={'4': (120, 100), '1': (134, 134)}, val={'3': (192, 160)})
    assert make_lspet.make(folder, tmp_path / 'out', sizes) == 1  # the large one's size is wrong
    people = {}
    for name, numbers in dict(train=[4, 1], val=[3]).items():
        made = json.loads((tmp_path / f'out/annotations/{name}.json').read_text())
        assert [image['id'] for image in made['images']] == numbers  # the order is kept
        category, = made['categories']
        assert category['keypoints'][:2] == ['right_ankle', 'right_knee']
        assert len(category['keypoints']) == 14 and category['skeleton'][0] == [1, 2]
        for image, person in zip(made['images'], made['annotations']):
            img = cv2.imread(str(tmp_path / 'out/images' / name / image['file_name']))
            assert img.shape[:2] == (image['height'], image['width'])
            assert person['image_id'] == image['id'] and person['num_keypoints'] == 13
            keypoints = np.array(person['keypoints']).reshape(-1, 3)
            assert not keypoints[5].any() and (np.delete(keypoints, 5, 0)[:, 2] == 2).all()
            for x, y in np.delete(keypoints, 5, 0)[:, :2]:
                assert img[int(round(y)), int(round(x))].min() > 200
            left, top, width, height = person['bbox']
            assert person['area'] == pytest.approx(width * height, rel=1e-3)
            people[image['id']] = image, keypoints, (left, top, left + width, top + height)
    # 60 pixels and 0.6 of them on each side: the crop begins a pixel earlier, as the benchmark's.
    image, keypoints, box = people[1]
    assert (image['width'], image['height']) == (133, 133)
    assert np.allclose(keypoints[:2, :2], [[37, 37], [97, 97]]) and box == (28, 28, 106, 106)
    # 240 and 0.6 of them reach beyond the image on one side; the rest is scaled down.
    image, keypoints, box = people[3]
    assert max(image['width'], image['height']) == 192
    side = np.ptp(keypoints[:2, :2], axis=0)
    assert np.allclose(side, 240 * 192 / 514, atol=.1)
    # The whole image of 120 x 100: the box ends a pixel before the image does.
    image, keypoints, box = people[4]
    assert (image['width'], image['height']) == (120, 100)
    assert np.allclose(np.delete(keypoints, 5, 0)[:, :2], np.delete(joints[:, :2, 3], 5, 0))
    assert box == (0, 0, 102, 99)


def test_other_files_are_refused(source, tmp_path):
    folder, joints = source
    with pytest.raises(ValueError, match=r'\(14, 3, 4\).*at least 9 images'):
        make_lspet.make(folder, tmp_path / 'out', dict(train={'9': (1, 1)}))
    with pytest.raises(FileNotFoundError, match='im00002.jpg'):
        make_lspet.make(folder, tmp_path / 'out', dict(train={'2': (1, 1)}))
    (folder / 'images/im00001.jpg').write_bytes(b'no image')
    with pytest.raises(ValueError, match='im00001.jpg cannot be read'):
        make_lspet.make(folder, tmp_path / 'out', dict(train={'1': (1, 1)}))
    savemat(folder / 'joints.mat', dict(joints=joints.transpose(1, 0, 2)))
    with pytest.raises(ValueError, match=r'shape \(3, 14, 4\), expected \(14, 3, N\)'):
        make_lspet.make(folder, tmp_path / 'out', dict(train={'1': (1, 1)}))


def test_the_benchmarks_images_are_listed():
    sets = json.loads(make_lspet.SETS.read_text())
    numbers = [int(number) for images in sets.values() for number in images]
    assert {name: len(images) for name, images in sets.items()} == dict(train=2000, val=400)
    assert len(set(numbers)) == 2400 and 1 <= min(numbers) <= max(numbers) <= 10000
    sizes = [size for images in sets.values() for size in images.values()]
    assert np.max(sizes) == make_lspet.LONGEST
