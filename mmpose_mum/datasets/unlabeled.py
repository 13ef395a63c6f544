"""People without labels: a folder of pictures, or boxes from a COCO json."""
import os.path as osp
from pathlib import Path
from typing import List, Optional

import numpy as np
from mmengine.fileio import load
from mmengine.logging import print_log
from mmpose.datasets.datasets.base import BaseCocoStyleDataset
from mmpose.registry import DATASETS

IMAGE_SUFFIXES = ('.jpg', '.jpeg', '.png', '.bmp', '.tif', '.tiff', '.webp')


@DATASETS.register_module()
class UnlabeledPoseDataset(BaseCocoStyleDataset):
    """Images of people of whom no joint is known.

    Without ``ann_file`` every image below ``data_prefix['img']`` is one person, who fills it. With
    one, a json in COCO's layout, every annotation that has a ``bbox`` is a person; keypoints may be
    missing, and those present are not read (but see ``keep_hidden``). Crowds and boxes without area
    are left out.

    Args:
        ann_file (str): COCO json, or empty.
        metainfo (dict, optional): The labelled set's metainfo, as MMPose has it: its flip pairs are
            needed. Defaults to COCO's 17 joints.
        keep_hidden (bool): Whether to carry the annotations' keypoints along for diagnosis, see
            :class:`HiddenLabelHook`: ``hidden_keypoints``, float32 (1, K, 2) in pixels of the
            image, whatever the views do to it, and ``hidden_visible``, float32 (1, K). The training
            does not read them. Defaults to False.
        **kwargs: As for MMPose's ``BaseCocoStyleDataset``.

    Raises:
        FileNotFoundError: If the json or the folder does not exist.
        ValueError: If no person is found in them, or ``keep_hidden`` is set without a json that
            holds every person's keypoints.
    """

    METAINFO: dict = dict(from_file='configs/_base_/datasets/coco.py')

    def __init__(self,
                 ann_file: str = '',
                 metainfo: Optional[dict] = None,
                 keep_hidden: bool = False,
                 **kwargs) -> None:
        if keep_hidden and not ann_file:
            raise ValueError('keep_hidden=True reads the true keypoints from a json in COCO\'s '
                             'layout: set ann_file, or leave keep_hidden at False')
        self.keep_hidden = keep_hidden
        super().__init__(ann_file=ann_file, metainfo=metainfo, **kwargs)

    def load_data_list(self) -> List[dict]:
        """List the people; see the class."""
        people = self._people_of_json() if self.ann_file else self._people_of_folder()
        for i, person in enumerate(people):
            person.update(id=i, bbox_score=np.ones(1, dtype=np.float32))
        print_log(f'{len(people)} unlabelled people in '
                  f'{self.ann_file or self.data_prefix["img"]}', 'current')
        return people

    def _people_of_folder(self) -> List[dict]:
        folder = Path(self.data_prefix['img'] or '.')
        if not folder.is_dir():
            raise FileNotFoundError(f'the folder of unlabelled images {str(folder)!r} does not '
                                    "exist: set data_root and data_prefix=dict(img='…')")
        paths = sorted(p for p in folder.rglob('*') if p.suffix.lower() in IMAGE_SUFFIXES)
        if not paths:
            raise ValueError(f'no unlabelled image in {str(folder)!r} or below it: looked for '
                             f'files that end in {", ".join(IMAGE_SUFFIXES)}')
        # LoadUnlabeledImage adds the box that covers the image: its size is known only then.
        return [dict(img_id=i, img_path=str(p)) for i, p in enumerate(paths)]

    def _people_of_json(self) -> List[dict]:
        if not osp.isfile(self.ann_file):
            raise FileNotFoundError(f'the json of the unlabelled set {self.ann_file!r} does not '
                                    'exist')
        content = load(self.ann_file)
        if not isinstance(content, dict) or 'images' not in content:
            raise ValueError(f'{self.ann_file!r} is not in COCO\'s layout: it has no "images". '
                             'Leave ann_file empty to take every image of a folder as one person')
        images = {image['id']: image for image in content['images']}
        people, left_out = [], 0
        for annotation in content.get('annotations', []):
            image = images.get(annotation.get('image_id'), {})
            box = _usable_box(annotation, image)
            if box is None:
                left_out += 1
                continue
            people.append(dict(
                img_id=image['id'],
                img_path=osp.join(self.data_prefix['img'], image['file_name']),
                bbox=box,
                category_id=annotation.get('category_id', 1),
                **(self._hidden(annotation) if self.keep_hidden else {})))
        if left_out:
            print_log(f'left out {left_out} annotations of {self.ann_file} without a usable box '
                      '(crowd, no area, outside the image, no such image, or not finite)',
                      'current')
        if not people:
            raise ValueError(
                f'no unlabelled person in {self.ann_file!r}: it has {len(images)} images and '
                f'{left_out} annotations, none with a usable `bbox`. Leave ann_file empty to take '
                'every image of the folder as one person')
        return people

    def _hidden(self, annotation: dict) -> dict:
        """Return the annotation's keypoints under names of their own."""
        keypoints = np.asarray(annotation.get('keypoints') or [], dtype=np.float32)
        joints = self.metainfo['num_keypoints']
        if keypoints.shape != (3 * joints, ):
            raise ValueError(
                f'keep_hidden=True needs {3 * joints} numbers in `keypoints`, x, y and v of '
                f'{joints} joints, but the annotation {annotation.get("id")} of '
                f'{self.ann_file!r} has {keypoints.size}')
        keypoints = keypoints.reshape(1, joints, 3)
        return dict(
            hidden_keypoints=keypoints[..., :2].copy(),
            hidden_visible=(keypoints[..., 2] > 0).astype(np.float32))


def _usable_box(annotation: dict, image: dict) -> Optional[np.ndarray]:
    """Return the box as (1, 4) x1 y1 x2 y2 clipped to the image, or None if nothing is left."""
    box = np.asarray(annotation.get('bbox') or [], dtype=np.float64)
    if not image or box.shape != (4, ) or annotation.get('iscrowd') or not np.isfinite(box).all():
        return None
    x, y, w, h = box
    x1, x2 = np.clip([x, x + w], 0, image.get('width', np.inf))
    y1, y2 = np.clip([y, y + h], 0, image.get('height', np.inf))
    if x2 - x1 < 1 or y2 - y1 < 1:
        return None
    return np.array([[x1, y1, x2, y2]], dtype=np.float32)

