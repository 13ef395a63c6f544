"""Write the demo's data: images of synthetic people, as a keypoint data set in COCO's layout."""
import json
import os
import shutil
from pathlib import Path
from typing import Dict, List, Tuple, Union

import cv2
import numpy as np

from ..files.whole import write_whole
from .poses import KEYPOINT_NAMES
from .scene import SPLITS, DemoSample, render_demo_sample

VERSION = 1  # raise it when the images change, and old ones are drawn again
STAMP = 'demo.json'

SKELETON = ((16, 14), (14, 12), (17, 15), (15, 13), (12, 13), (6, 12), (7, 13), (6, 7), (6, 8),
            (7, 9), (8, 10), (9, 11), (2, 3), (1, 2), (1, 3), (2, 4), (3, 5), (4, 6), (5, 7))
CATEGORY = dict(id=1, name='person', supercategory='person', keypoints=list(KEYPOINT_NAMES),
                skeleton=[list(pair) for pair in SKELETON])


def _annotate(sample: DemoSample, index: int) -> Dict:
    """Return the person's COCO annotation, with box and area of the silhouette, in pixels."""
    box = cv2.boundingRect(sample.silhouette.astype(np.uint8))
    keypoints = [[float(x), float(y), int(flag)] for x, y, flag in sample.keypoints]
    return dict(
        id=index, image_id=index, category_id=1, iscrowd=0, bbox=[float(value) for value in box],
        area=float(sample.silhouette.sum()), keypoints=sum(keypoints, []),
        num_keypoints=int((sample.keypoints[:, 2] > 0).sum()))


def _write_coco(path: Path, images: List[Dict], annotations: List[Dict]) -> None:
    info = dict(description='Synthetic people of the Pose-MUM demo', version=str(VERSION))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(
        dict(info=info, images=images, annotations=annotations, categories=[CATEGORY])))


def _write_split(folder: Path, split: str, number: int, seed: int,
                 image_size) -> Tuple[List[Dict], List[Dict]]:
    """Draw images 1 to `number` of a split. Return their COCO images and annotations."""
    images, annotations = [], []
    image_folder = folder / 'images' / split
    image_folder.mkdir(parents=True)
    for index in range(1, number + 1):
        sample = render_demo_sample(seed, split, index, image_size)
        path = image_folder / f'{index:06d}.jpg'
        rng = np.random.default_rng((seed, SPLITS.index(split), index, 1))
        quality = int(rng.integers(60, 96))
        if not cv2.imwrite(str(path), sample.image, [cv2.IMWRITE_JPEG_QUALITY, quality]):
            raise OSError(f'cannot write the image {path}')
        height, width = sample.silhouette.shape
        images.append(dict(id=index, file_name=path.name, height=height, width=width))
        annotations.append(_annotate(sample, index))
    return images, annotations


def _without_labels(annotation: Dict) -> Dict:
    hidden = ('keypoints', 'num_keypoints')
    return {key: value for key, value in annotation.items() if key not in hidden}


def _check_whole(name: str, value: int, least: int) -> None:
    if value != int(value) or value < least:
        raise ValueError(f'{name} must be a whole number of at least {least}, got {value}')


def _count_labeled(num_train: int, labeled_percent: float) -> int:
    """Return how many images have labels, rounded half up, at least 1."""
    if not 0 < labeled_percent <= 100:
        raise ValueError(
            f'labeled_percent must be above 0 and at most 100, got {labeled_percent}')
    number = int(num_train * labeled_percent / 100 + 0.5)
    if number < 1:
        raise ValueError(
            f'labeled_percent={labeled_percent} of num_train={num_train} leaves no labeled '
            f'image: raise labeled_percent to {100 / num_train:g} or more')
    return number


def generate_demo(out_dir: Union[str, Path], *, num_train: int = 1000, num_val: int = 200,
                  labeled_percent: float = 5.0, seed: int = 0,
                  image_size: Tuple[int, int] = (160, 192)) -> Dict[str, str]:
    """Write the demo's data set, unless the same one is already there.

    The folder gets `images/{train,val}/000001.jpg` … and `annotations/{train,train_labeled,
    train_unlabeled,val}.json`. Each image has one person. `train` is the labeled and the unlabeled
    part together. Annotations of the unlabeled part have a box and no keypoints. The images that
    have labels at 5 % also have them at 10 %.

    Args:
        out_dir (str | Path): Folder to write to. If this function made its `images` and
            `annotations` with other arguments, or was interrupted, they are replaced.
        num_train (int): Number of training images, at least 1.
        num_val (int): Number of validation images, at least 1.
        labeled_percent (float): Share of the training images with labels, in percent: more than 0,
            at most 100.
        seed (int): At least 0. It decides on every pixel and on the split.
        image_size (tuple[int, int]): Typical width and height in pixels, at least 32 each, see
            :func:`render_demo_sample`.

    Returns:
        dict[str, str]: Paths by name: the folders `data_root`, `train_images` and `val_images`;
        the jsons `train`, `train_labeled`, `train_unlabeled` and `val`.

    Raises:
        ValueError: If a number is out of its range, or no image would have labels.
        FileExistsError: If `out_dir` has `images` or `annotations` that this function did not
            make.
    """
    _check_whole('num_train', num_train, 1)
    _check_whole('num_val', num_val, 1)
    _check_whole('seed', seed, 0)
    if len(image_size) != 2 or min(image_size) < 32:
        raise ValueError(
            f'image_size must be (width, height) of at least 32 pixels each, got {image_size}')
    num_labeled = _count_labeled(num_train, labeled_percent)

    root = Path(out_dir)
    names = ('train', 'train_labeled', 'train_unlabeled', 'val')
    paths = {name: root / 'annotations' / f'{name}.json' for name in names}
    paths.update({f'{split}_images': root / 'images' / split for split in SPLITS}, data_root=root)
    stamp = root / STAMP
    arguments = dict(version=VERSION, num_train=int(num_train), num_val=int(num_val),
                     labeled_percent=float(labeled_percent), seed=int(seed),
                     image_size=[int(value) for value in image_size])
    done = json.loads(stamp.read_text()) if stamp.exists() else None
    if done == dict(arguments, complete=True) and all(path.exists() for path in paths.values()):
        return {name: str(path) for name, path in paths.items()}
    results = [root / 'images', root / 'annotations']
    if done is None and any(path.exists() for path in results):
        raise FileExistsError(
            f'{root} has images or annotations but no {STAMP}, so they are not the demo\'s and are '
            'not touched. Choose another out_dir')

    # The stamp says "complete" only while everything is there: any step may be interrupted.
    root.mkdir(parents=True, exist_ok=True)
    write_whole(json.dumps(dict(arguments, complete=False)), stamp)
    partial = root / '.demo_partial'
    shutil.rmtree(partial, ignore_errors=True)
    images, annotations = _write_split(partial, 'train', num_train, seed, image_size)
    order = np.random.default_rng((seed, len(SPLITS))).permutation(num_train)
    labeled, unlabeled = sorted(order[:num_labeled]), sorted(order[num_labeled:])
    _write_coco(partial / 'annotations/train.json', images, annotations)
    _write_coco(partial / 'annotations/train_labeled.json', [images[i] for i in labeled],
                [annotations[i] for i in labeled])
    _write_coco(partial / 'annotations/train_unlabeled.json', [images[i] for i in unlabeled],
                [_without_labels(annotations[i]) for i in unlabeled])
    _write_coco(partial / 'annotations/val.json',
                *_write_split(partial, 'val', num_val, seed, image_size))
    for path in results:
        shutil.rmtree(path, ignore_errors=True)
        os.replace(partial / path.name, path)
    partial.rmdir()
    write_whole(json.dumps(dict(arguments, complete=True)), stamp)
    return {name: str(path) for name, path in paths.items()}
