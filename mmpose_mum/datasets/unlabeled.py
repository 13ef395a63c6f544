"""People without labels: images and videos as they are, or boxes from a json."""
import logging
import os.path as osp
from collections import Counter
from itertools import chain
from typing import Any, Dict, List, Optional, Sequence

import numpy as np
from mmengine.dataset import BaseDataset
from mmengine.logging import print_log
from mmpose.datasets.datasets.base import BaseCocoStyleDataset
from mmpose.registry import DATASETS

from ..coco.labels import check_category_names
from ..coco.layout import (
    CROWD,
    CocoJson,
    category_counts,
    category_name,
    find_entry,
    is_beyond,
    read_coco,
    require,
)
from ..configs.metainfo import keypoint_names
from ..files.images import folder_of, image_finder, list_images, missing_images
from ..files.sizes import check_sizes, evenly, shown_size, stated_size
from .boxes import load_detections, usable_box
from .views import PIPELINE_METAINFO

# Keypoints of a part of the body → the parts in an annotation of a whole body.
_PARTS = dict(coco_wholebody_face=('face', ), coco_wholebody_hand=('lefthand', 'righthand'))


@DATASETS.register_module()
class UnlabeledPoseDataset(BaseCocoStyleDataset):
    """Images of people without known keypoints.

    ``data_prefix['img']`` is a folder of images and videos, or a video. Without a json, one person
    fills each image in the folder and its subfolders, and each frame that is taken from a video.
    People may come from boxes instead:

    * ``ann_file``, a json in COCO's layout: every annotation with a ``bbox`` is a person. Keypoints
      may be missing, and are not read (but see ``keep_hidden``). Crowds and boxes without area are
      left out. For models of COCO-WholeBody's faces or hands, the ``face_box``, ``lefthand_box``
      and ``righthand_box`` take the place of the ``bbox``.
    * ``bbox_file``, a detector's json in COCO's result format, such as ``mmpose-mum detect``
      writes. With ``ann_file``, an ``image_id`` is an image id of that json, which only gives names
      and sizes. Without it, the ``image_id`` (or a ``file_name``) is the image's path below
      ``data_prefix['img']``.

    A video frame has a path, too: ``clip.mp4#000120``, numbered from 0. It can replace an image's
    path everywhere, and ``LoadUnlabeledImage`` reads it.

    Args:
        ann_file (str): COCO json, or empty.
        bbox_file (str, optional): Detections. As in MMPose, ``data_root`` is not put before it.
        bbox_score_thr (float): Detections with a lower score are left out. Defaults to 0.3, as in
            MMPose's demos.
        bbox_nms_thr (float): Of two detections in an image whose IoU is higher, the better one
            stays. Defaults to 0.3, as in MMPose's demos; 1 keeps all.
        bbox_category_ids (Sequence[int], optional): Categories that count. Defaults, for
            detections, to 1, the person in COCO's jsons and what ``mmpose-mum detect`` writes;
            for annotations, to those that have keypoints, or to the one named ``person`` if none
            has, or else to all.
        frame_rate (float): Frames to take per second of a video, unless a ``bbox_file`` names them.
            Defaults to 1.
        metainfo (dict, optional): The labeled set's metainfo, as MMPose has it: its flip pairs are
            needed. Defaults to COCO's 17 keypoints.
        keep_hidden (bool): Whether to keep the annotations' keypoints for diagnosis, see
            :class:`HiddenLabelHook`: ``hidden_keypoints``, float32 (1, K, 2) in pixels of the
            image, whatever the views do to it, and ``hidden_visible``, float32 (1, K). The training
            does not read them. Defaults to False.
        **kwargs: As for MMPose's ``BaseCocoStyleDataset``.

    Raises:
        FileNotFoundError: If a json, the folder or the video does not exist; or if none of up to 20
            sampled images does, and the pipeline reads from the local disk.
        ValueError: If no person is found in them, a json is not in its layout, an argument is out
            of its range, or ``keep_hidden`` is set without a json that holds every person's
            keypoints.
    """

    METAINFO: dict = dict(from_file='configs/_base_/datasets/coco.py')

    def __init__(self,
                 ann_file: str = '',
                 bbox_file: Optional[str] = None,
                 bbox_score_thr: float = 0.3,
                 bbox_nms_thr: float = 0.3,
                 bbox_category_ids: Optional[Sequence[int]] = None,
                 frame_rate: float = 1.,
                 metainfo: Optional[dict] = None,
                 keep_hidden: bool = False,
                 **kwargs) -> None:
        if keep_hidden and (bbox_file or not ann_file):
            raise ValueError('keep_hidden=True reads the true keypoints from a json in COCO\'s '
                             'layout: set ann_file and no bbox_file, or leave keep_hidden at False')
        if not frame_rate > 0:
            raise ValueError(f'frame_rate must be more than 0 frames per second, got {frame_rate}')
        self.keep_hidden = keep_hidden
        self.frame_rate = frame_rate
        self.bbox_category_ids = bbox_category_ids
        # MMPose would take a bbox_file of its own in test mode only.
        self.detections: Dict[str, Any] = {} if not bbox_file else dict(
            bbox_file=bbox_file, score_thr=bbox_score_thr, nms_thr=bbox_nms_thr,
            category_ids=(1, ) if bbox_category_ids is None else bbox_category_ids)
        super().__init__(ann_file=ann_file, metainfo=metainfo, **kwargs)

    def get_data_info(self, idx: int) -> dict:
        """Return a person with the metainfo, which MMPose would copy for each."""
        person = BaseDataset.get_data_info(self, idx)
        person.update({key: self._metainfo[key] for key in PIPELINE_METAINFO})
        return person

    def load_data_list(self) -> List[dict]:
        """List the people; see the class."""
        source = self.data_prefix['img']
        if self.detections:
            origin, people = self.detections['bbox_file'], self._people_of_detections()
        elif self.ann_file:
            origin, people = self.ann_file, self._people_of_json()
        else:
            # LoadUnlabeledImage adds the box that covers the image: its size is known only then.
            origin, people = source, [
                dict(img_id=i, file_name=name)
                for i, name in enumerate(list_images(source, self.frame_rate))]
        people = self._sampled(people)
        folder = folder_of(source)
        for i, person in enumerate(people):
            person.update(id=i, img_path=osp.join(folder, person.pop('file_name')))
            person.setdefault('bbox_score', np.ones(1, dtype=np.float32))
        print_log(f'{len(people)} unlabeled people in {origin}', 'current')
        missing, all_are = missing_images(
            [person['img_path'] for person in people], f'the people in {origin}')
        on_disk = self._are_from_disk()
        if all_are and any(on_disk):
            raise FileNotFoundError(
                f"{missing}. The folder is {folder!r}: set data_root and data_prefix=dict(img='…') "
                '(or, for a command, --unlabeled-images)')
        if missing and all(on_disk):
            print_log(f'{missing}. They will be skipped', 'current', logging.WARNING)
        self._warn_of_corners(people, origin)
        check_sizes([
            dict(path=person['img_path'], box=person['bbox'][0].tolist(),
                 **dict(zip(('width', 'height'), person['stated_size'])))
            for person in evenly(people) if person.get('stated_size')
        ], f'the unlabeled set ({origin})', by_mmpose=False)
        return people

    def _are_from_disk(self) -> List[bool]:
        """Tell of each transform that loads something whether it does so from the disk."""
        return [step.backend_args in (None, dict(backend='local'))
                for step in self.pipeline.transforms if hasattr(step, 'backend_args')]

    def _warn_of_corners(self, people: List[dict], origin: str) -> None:
        """Warn if a detector's boxes may be corners, by the images of some of them."""
        beyond, looked = 0, 0
        for person in evenly([person for person in people if 'stated_box' in person]):
            size = shown_size(person['img_path'])
            if size:
                looked += 1
                beyond += is_beyond(person['stated_box'], dict(zip(('width', 'height'), size)))
        for person in people:
            person.pop('stated_box', None)
        if 10 * beyond > looked:
            self._tell_of_corners(origin, f'{beyond} of {looked} boxes that were looked at')

    @staticmethod
    def _tell_of_corners(origin: str, boxes: str) -> None:
        print_log(f"{origin}: {boxes} reach beyond their image. Are they x1, y1, x2, y2? COCO's "
                  '`bbox` is x, y, width, height', 'current', logging.WARNING)

    def _sampled(self, people: List[dict]) -> List[dict]:
        """Keep the people of each ``sample_interval``-th image."""
        numbers: Dict[str, int] = {}
        return [person for person in people if numbers.setdefault(
            person['file_name'], len(numbers)) % self.sample_interval == 0]

    def _people_of_detections(self) -> List[dict]:
        if self.ann_file:
            images = self._read_coco().images

            def find_image(detection: dict) -> Optional[dict]:
                return find_entry(images, detection.get('image_id'))
        else:
            exists = image_finder(folder_of(self.data_prefix['img']))

            def find_image(detection: dict) -> Optional[dict]:
                name = str(detection.get('file_name', detection.get('image_id')))
                return dict(file_name=name) if exists(name) else None

        return load_detections(find_image=find_image, **self.detections)

    def _read_coco(self) -> CocoJson:
        if not osp.isfile(self.ann_file):
            raise FileNotFoundError(
                f'the annotations of the unlabeled set, {self.ann_file!r}, do not exist (looked '
                f'for {osp.abspath(self.ann_file)!r}): set data_root and ann_file')
        return read_coco(self.ann_file)

    def _people_of_json(self) -> List[dict]:
        coco = self._read_coco()
        if self.keep_hidden:
            check_category_names(coco, keypoint_names(self.metainfo), own_metainfo=True)
        counted = self._categories_of(coco)
        # As text, a 0 would be as true as a 1.
        require(self.ann_file, 'annotation', [
            a for a in coco.annotations if a.get('iscrowd') is not None], [CROWD])
        people, seen, stray, beyond = [], set(), None, 0
        left_out: Counter = Counter()
        for annotation in chain.from_iterable(map(self._parts, coco.annotations)):
            if counted is not None and annotation.get('category_id') not in counted:
                continue
            image = find_entry(coco.images, annotation.get('image_id'))
            if image is None:
                left_out['of images that are not listed'] += 1
                stray = annotation.get('image_id')
                continue
            box = None if annotation.get('deleted') else usable_box(annotation)
            if box is None:
                left_out['without a usable box (crowd, deleted, no area, not finite)'] += 1
                continue
            if (image['id'], box.tobytes()) in seen:
                left_out['with the same box in the same image as another'] += 1
                continue
            seen.add((image['id'], box.tobytes()))
            x1, y1, x2, y2 = box[0].tolist()
            beyond += is_beyond([x1, y1, x2 - x1, y2 - y1], image)
            people.append(dict(
                img_id=image['id'],
                file_name=image['file_name'],
                bbox=box,
                stated_size=stated_size(image),
                category_id=annotation.get('category_id', 1),
                **(self._hidden(annotation) if self.keep_hidden else {})))
        told = ', '.join(f'{number} {why}' for why, number in left_out.items())
        if told:
            print_log(f'left out of {self.ann_file}: {told}', 'current')
        if 10 * beyond > len(people):
            self._tell_of_corners(self.ann_file, f'{beyond} of {len(people)} boxes')
        if not people:
            known = next(iter(coco.images), None)
            raise ValueError(
                f'no unlabeled person in {self.ann_file!r}: it has {len(coco.images)} images and '
                f'{sum(left_out.values())} matching annotations, none with a usable `bbox`'
                + (f' (left out: {told})' if told else '')
                + ('' if stray is None else f'. An `image_id` is {stray!r}, and no image has this '
                   f'`id` (the first has {known!r}; a number is not its text)')
                + '. Leave ann_file empty to take every image of the folder as one person')
        return people

    def _categories_of(self, coco: CocoJson) -> Optional[Sequence[int]]:
        """Return the categories whose boxes are people, None for all, and log what is left out.

        Raises:
            ValueError: If no annotation is of them.
        """
        found = category_counts(coco)
        entries = {key: find_entry(coco.categories, key) or {} for key in found}
        if self.bbox_category_ids is not None:
            counted = list(self.bbox_category_ids)
        else:
            counted = [key for key, entry in entries.items() if entry.get('keypoints')] or [
                key for key, entry in entries.items()
                if str(entry.get('name')).lower() == 'person']
        if not counted or set(found) <= set(counted):
            return None
        told = {key: f'{category_name(coco, key)} ({found[key]} annotations)' for key in found}
        if not set(found) & set(counted):
            raise ValueError(
                f'no unlabeled person in {self.ann_file!r}: expected the categories {counted}, '
                f'found {", ".join(told.values())}: set bbox_category_ids')
        print_log(f'{self.ann_file}: {", ".join(told[key] for key in found if key in counted)} '
                  f'are used as people; left out: '
                  f'{", ".join(told[key] for key in found if key not in counted)}. '
                  'Set bbox_category_ids to choose', 'current')
        return counted

    def _parts(self, annotation: dict) -> List[dict]:
        """Return the face or the hands of an annotation of a whole body, if they are wanted."""
        parts = [part for part in _PARTS.get(self.metainfo.get('dataset_name'), ())
                 if f'{part}_box' in annotation]
        if not parts:
            return [annotation]
        found = []
        for part in parts:
            valid = annotation.get(f'{part}_valid', True)
            found.append(dict(  # without a box it is left out and counted
                annotation, bbox=annotation[f'{part}_box'] if valid else None,
                keypoints=annotation.get(f'{part}_kpts')))
        return found

    def _hidden(self, annotation: dict) -> dict:
        """Return the annotation's keypoints under names of their own."""
        try:
            keypoints = np.asarray(annotation.get('keypoints') or [], dtype=np.float32)
        except (TypeError, ValueError, OverflowError):
            keypoints = np.empty(0)
        number = self.metainfo['num_keypoints']
        if keypoints.shape != (3 * number, ):
            raise ValueError(
                f'keep_hidden=True needs {3 * number} numbers in `keypoints`, x, y and v of '
                f'{number} keypoints, but the annotation {annotation.get("id")} of '
                f'{self.ann_file!r} has {keypoints.size}')
        keypoints = keypoints.reshape(1, number, 3)
        return dict(
            hidden_keypoints=keypoints[..., :2].copy(),
            hidden_visible=(keypoints[..., 2] > 0).astype(np.float32))
