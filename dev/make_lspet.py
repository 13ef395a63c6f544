"""Make the benchmark's people, ``data/lspet``, from Leeds Sports Pose Extended.

    python dev/make_lspet.py LSPET [--out data/lspet]

LSPET is the unpacked data set (Johnson and Everingham, CVPR 2011): ``joints.mat`` and
``images/im00001.jpg`` to ``images/im10000.jpg``. ``lspet_mini.json`` beside this script lists the
benchmark's images by their numbers, in the order from which a seed draws the labeled ones, with the
width and height of each. An image is cropped around the person: 0.6 of its keypoints' longer side
is added on each side. A crop longer than 192 pixels is scaled down to that.

The rule was read off the benchmark's files. So the script compares the sizes with the listed ones,
and says how many differ by more than a pixel. The exit status is then 1.
"""
import argparse
import json
import sys
from pathlib import Path
from typing import Any, Dict, Tuple

import cv2
import numpy as np
from mmengine.config import Config
from mmengine.utils import track_iter_progress
from scipy.io import loadmat

from mmpose_mum.files.decoding import decode
from mmpose_mum.files.whole import write_whole

SETS = Path(__file__).with_name('lspet_mini.json')
METAINFO = Path(__file__).parents[1] / 'configs/_base_/lspet.py'
LONGEST = 192  # pixels of the longer side of a crop
MARGIN = 0.6  # around the keypoints in the crop, of their longer side
BOX_MARGIN = 0.15  # around the keypoints in the person's box
QUALITY = 88  # JPEG's


def crop(img: np.ndarray, keypoints: np.ndarray) -> Tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Crop an image around its person, and scale it down where it is too long.

    Args:
        img (np.ndarray): (H, W, 3), uint8.
        keypoints (np.ndarray): (K, 3): x and y in pixels of the image; above 0 where labeled.

    Returns:
        tuple: The crop; the keypoints (K, 3) in its pixels, COCO's flag 2 where labeled and zeros
        elsewhere; the person's box in its pixels: left, top, right, bottom.
    """
    labeled = keypoints[:, 2] > 0
    points = keypoints[:, :2]
    lower, upper = points[labeled].min(0), points[labeled].max(0)
    side = (upper - lower).max()
    size = np.array([img.shape[1], img.shape[0]])
    start = np.clip(np.round(lower - MARGIN * side) - 1, 0, size - 1).astype(int)
    end = np.clip(np.round(upper + MARGIN * side), start + 1, size).astype(int)
    width, height = end - start
    img = img[start[1]:end[1], start[0]:end[0]]
    box = np.concatenate([np.maximum(lower - BOX_MARGIN * side - start, 0),
                          np.minimum(upper + BOX_MARGIN * side - start, [width - 1, height - 1])])
    scale = min(1, LONGEST / max(width, height))
    if scale < 1:
        img = cv2.resize(img, (max(1, round(width * scale)), max(1, round(height * scale))),
                         interpolation=cv2.INTER_AREA)
    points = np.where(labeled[:, None], (points - start) * scale, 0)
    return img, np.column_stack([points, labeled * 2]), box * scale


def annotation(number: int, keypoints: np.ndarray, box: np.ndarray) -> Dict[str, Any]:
    """Return a person in COCO's layout, from what :func:`crop` returns."""
    left, top, right, bottom = box.tolist()
    return dict(
        id=number, image_id=number, category_id=1, iscrowd=0,
        area=(right - left) * (bottom - top),
        bbox=[round(value, 2) for value in (left, top, right - left, bottom - top)],
        num_keypoints=int((keypoints[:, 2] > 0).sum()),
        keypoints=[round(value, 2) for value in keypoints.ravel().tolist()])


def category() -> Dict[str, Any]:
    """Return COCO's entry for the people, by the metainfo that the configs have."""
    info = Config.fromfile(METAINFO).dataset_info
    names = [keypoint['name'] for _, keypoint in sorted(info.keypoint_info.items())]
    links = [limb['link'] for _, limb in sorted(info.skeleton_info.items())]
    return dict(id=1, name='person', supercategory='person', keypoints=names,
                skeleton=[[names.index(name) + 1 for name in link] for link in links])


def make(source: Path, out: Path, sets: Dict[str, Dict[str, Tuple[int, int]]]) -> int:
    """Write the images and the annotations of each set.

    Args:
        source (Path): The folder with ``joints.mat`` and ``images``.
        out (Path): Where to write ``images/SET/*.jpg`` and ``annotations/SET.json``.
        sets (dict): Set → number of each of its images → its expected width and height in pixels.

    Returns:
        int: How many images have another size, by more than a pixel.

    Raises:
        FileNotFoundError: If a file is missing.
        ValueError: If ``joints.mat`` has another shape, or an image cannot be read.
    """
    joints = loadmat(source / 'joints.mat').get('joints', np.empty(0))
    numbers = [int(number) for images in sets.values() for number in images]
    if joints.ndim != 3 or joints.shape[:2] != (14, 3) or joints.shape[2] < max(numbers):
        raise ValueError(
            f'{source / "joints.mat"} holds joints of shape {joints.shape}, expected (14, 3, N) '
            f'with at least {max(numbers)} images, as Leeds Sports Pose Extended has it')
    others = 0
    for name, listed in sets.items():
        images, people = [], []
        for key, size in track_iter_progress(list(listed.items())):
            number, path = int(key), source / f'images/im{int(key):05}.jpg'
            img = decode(path.read_bytes())
            if img is None:
                raise ValueError(f'{path} cannot be read as an image: unpack the data set again')
            img, keypoints, box = crop(img, joints[:, :, number - 1])
            height, width = img.shape[:2]
            others += max(abs(width - size[0]), abs(height - size[1])) > 1
            file_name = f'{number:05}.jpg'
            coded = cv2.imencode('.jpg', img, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1]
            write_whole(coded.tobytes(), out / 'images' / name / file_name)
            images.append(dict(id=number, file_name=file_name, height=height, width=width))
            people.append(annotation(number, keypoints, box))
        description = 'crops of Leeds Sports Pose Extended; S. Johnson and M. Everingham, CVPR 2011'
        write_whole(json.dumps(dict(
            info=dict(description=description), licenses=[], images=images, annotations=people,
            categories=[category()])), out / 'annotations' / f'{name}.json')
    return others


def main() -> int:
    """Make the sets, and compare the sizes of their images."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('source', type=Path, metavar='LSPET', help='folder of the data set')
    parser.add_argument('--out', type=Path, default=Path('data/lspet'), help='where to write')
    args = parser.parse_args()
    sets = json.loads(SETS.read_text())
    try:
        others = make(args.source, args.out, sets)
    except (OSError, ValueError) as error:
        sys.exit(f'make_lspet: {error}')
    total = sum(map(len, sets.values()))
    print(f'\n{args.out}: {total:,} images, {others:,} of them not as large as the benchmark\'s')
    return int(others > 0)


if __name__ == '__main__':
    sys.exit(main())
