"""A labeler that has been asked before: the json that it was exported to."""
import os.path as osp
from collections import defaultdict
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional

import numpy as np
import torch
from mmengine.dataset import BaseDataset
from mmengine.logging import print_log
from mmpose.utils.typing import ConfigType, SampleList
from numpy.typing import NDArray
from torch import Tensor

from ...coco.layout import IMAGE_FOLDER, CocoJson, find_entry, read_coco
from ...coco.place import ImagePlace
from ...configs.datasets import branches_of, parts_of
from ...functional.seeding import preserved
from .base import Labeler, Seen, check_names, digest_of

_NEAR = 1.  # pixels by which a box may differ: the json's are rounded


class _Person(NamedTuple):
    """A person of the json: image, box, keypoints, scores, and which count."""
    image: ImagePlace
    box: NDArray[Any]
    keypoints: NDArray[Any]
    scores: NDArray[Any]
    counts: NDArray[Any]


class FileLabeler(Labeler):
    """The keypoints that ``mmpose-mum export`` has written of the unlabeled people.

    A large labeler need not run in every step. People are found by their image and their box. The
    image is the one in the folder that the json tells, or a copy of it whose path ends in the
    ``file_name``. If the folder is not told or gone, the end of the path is enough. Keypoints that
    the json has not as labeled do not count: let ``export --score-thr 0`` write all. Scores are as
    MMPose tells them.

    Args:
        file (str): The json.
    """

    def load(self, names: List[str], head: ConfigType, views: Any) -> None:
        """Read the json; see the base class."""
        if not osp.isfile(self.source):
            raise FileNotFoundError(f'there is no json {self.source!r} of a labeler')
        coco = read_coco(self.source)
        folder = coco.info.get(IMAGE_FOLDER)
        people: List[_Person] = []
        for annotation in coco.annotations:
            image = find_entry(coco.images, annotation.get('image_id'))
            if image is None:
                raise ValueError(f'the annotation {annotation.get("id")} of {self.source!r} is of '
                                 'no image that is listed')
            name = image['file_name']
            path = osp.abspath(osp.join(osp.dirname(self.source), folder, name)) \
                if isinstance(folder, str) else None
            people.append(self._person(
                ImagePlace(name, path), annotation, self._order(coco, annotation, names)))
        # By the path, and by what the path of every copy ends with.
        self._people: Dict[Any, List[_Person]] = defaultdict(list)
        for person in people:
            self._people[person.image.tail].append(person)
            self._people[person.image.path].append(person)
        self._found: Dict[str, List[_Person]] = {}
        counted = sum(int(person.counts.sum()) for person in people)
        print_log(f'the labeler {self.source!r} knows {len(people)} people, with {counted} of '
                  f'{len(people) * len(names)} keypoints', 'current')
        self.digest = digest_of(self.source)

    def _order(self, coco: CocoJson, annotation: Dict[str, Any],
               names: List[str]) -> List[int]:
        """Return where the student's keypoints are in an annotation."""
        category = find_entry(coco.categories, annotation.get('category_id')) or {}
        known = list(category.get('keypoints') or ())
        check_names(self.source, known, names)
        return [known.index(name) for name in names]

    def _person(self, image: ImagePlace, annotation: Dict[str, Any], order: List[int]) -> _Person:
        try:
            x, y, width, height = annotation['bbox']
            keypoints = np.array(annotation['keypoints'], dtype=float).reshape(-1, 3)[order]
            counts = keypoints[:, 2] > 0
            told = annotation.get('keypoint_scores')
            scores = (counts if told is None else np.array(told)[order]).astype(float)
        except (IndexError, KeyError, TypeError, ValueError) as error:
            raise ValueError(
                f'the annotation {annotation.get("id")} of {self.source!r} needs a `bbox`, '
                f'`keypoints` and `keypoint_scores` as `mmpose-mum export` writes them: {error!r}'
            ) from error
        return _Person(image, np.array([x, y, x + width, y + height]), keypoints[:, :2], scores,
                       counts)

    def check_people(self, dataset: Any) -> None:
        """Tell before the training who is not in the json, not when the person is drawn.

        Images are opened only where the names and boxes raise a doubt. People whose image the
        training would skip are not missed.

        Args:
            dataset (Dataset): The training's, built.

        Raises:
            ValueError: If a person is not in the json.
        """
        for part, _ in branches_of(dataset, 'unsup_teacher'):
            if not isinstance(part, BaseDataset) or parts_of(part):
                continue
            doubtful = [i for i, person in enumerate(
                BaseDataset.get_data_info(part, i) for i in range(len(part)))
                if not self._may_know(osp.abspath(person['img_path']), person.get('bbox'))]
            for i in doubtful:
                with preserved():
                    views = part.prepare_data(i)
                if views is None:  # what cannot be read
                    continue
                try:
                    self._find(views['data_samples']['unsup_teacher'])
                except ValueError as error:
                    raise ValueError(
                        f'{len(doubtful)} of {len(part)} unlabeled people may be missing: {error}'
                    ) from error

    def _may_know(self, path: str, boxes: Optional[NDArray[Any]]) -> bool:
        """Tell whether the json has a person who may be this one.

        Args:
            path (str): Absolute path of the image.
            boxes (NDArray, optional): (1, 4), the person's box; the image may cut it. None if it
                is the whole image.
        """
        candidates = self._named(path)
        if boxes is None or not candidates:
            return bool(candidates)
        low, high = boxes[0, :2].clip(0), boxes[0, 2:]
        return any(np.abs(person.box[:2] - low).max() <= _NEAR
                   and (person.box[2:] <= high + _NEAR).all() for person in candidates)

    def _named(self, path: str) -> List[_Person]:
        """Return the people of an image, and of others that it may be a copy of by its name."""
        parts = Path(path).parts
        keys = [path, *(parts[i:] for i in range(len(parts)))]
        return list({id(person): person for key in keys
                     for person in self._people.get(key, ())}.values())

    def seen(self, images: Tensor, samples: SampleList) -> Seen:
        """Look the people up; see the base class.

        Raises:
            ValueError: If one is not in the json.
        """
        told = []
        for sample in samples:
            person, warp_mat = self._find(sample), sample.warp_mat.astype(float)
            points = person.keypoints @ warp_mat[:2, :2].T + warp_mat[:2, 2]
            # In a mirrored view, left and right trade names.
            index = sample.flip_indices if sample.flip else slice(None)
            told.append([value[index] for value in (points, person.scores, person.counts)])
        return Seen(*(torch.from_numpy(np.stack(values)).float().to(
            images.device, non_blocking=True) for values in zip(*told)))

    def _find(self, sample: Any) -> _Person:
        path, box = osp.abspath(sample.img_path), box_in_image(sample)
        if path not in self._found:
            self._found[path] = [
                person for person in self._named(path) if person.image.is_at(path)]
        candidates = self._found[path]
        nearest = min(candidates, key=lambda person: np.abs(person.box - box).max(), default=None)
        if nearest is None or np.abs(nearest.box - box).max() > _NEAR:
            raise ValueError(
                f'the labeler {self.source!r} does not know the person of {sample.img_path} with '
                f'the box {box.round(2).tolist()} (x1, y1, x2, y2); it knows '
                f'{[person.box.tolist() for person in candidates]} there. Write it again '
                'with `mmpose-mum export`, from the unlabeled people of this training')
        return nearest


def box_in_image(sample: Any) -> NDArray[Any]:
    """Return the box (4, ) of a view's person in pixels of the image: x1, y1, x2, y2."""
    x1, y1, x2, y2 = sample.gt_instances.bboxes[0].astype(float)
    direction = (sample.flip_direction or '') if sample.flip else ''
    height, width = sample.img_shape
    if direction in ('horizontal', 'diagonal'):
        x1, x2 = width - 1 - x2, width - 1 - x1
    if direction in ('vertical', 'diagonal'):
        y1, y2 = height - 1 - y2, height - 1 - y1
    return np.array([x1, y1, x2, y2])
