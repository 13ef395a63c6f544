"""A model's keypoints of people whose true keypoints are known: how right they are."""
import os.path as osp
from typing import Any, Dict, List, NamedTuple, Sequence

import numpy as np
import torch

from ..configs.metainfo import keypoint_names
from ..export.people import People, nobody_predicted, predict
from ..files.sizes import evenly
from ..visualization.compare import THRESHOLD

MOST = 1000  # people that are predicted of a set, so that a page takes minutes and not hours
_BATCH = 32


class JudgedPerson(NamedTuple):
    """A person as the model sees it.

    Attributes:
        path: The image's, or a frame's name.
        box: (4, ), x1 y1 x2 y2, in pixels of the image, as all that follows.
        keypoints: (K, 2), the model's.
        scores: (K, ), how sure it is of them.
        truth: (K, 2), the labels.
        labeled: (K, ), which of them there are.
    """
    path: str
    box: np.ndarray
    keypoints: np.ndarray
    scores: np.ndarray
    truth: np.ndarray
    labeled: np.ndarray

    @property
    def errors(self) -> np.ndarray:
        """The distances (K, ) from the truth, in longer sides of the box."""
        return np.linalg.norm(self.keypoints - self.truth, axis=-1) / max(
            np.max(self.box[2:] - self.box[:2]), 1e-6)

    @property
    def right(self) -> np.ndarray:
        """Which labeled keypoints (K, ) are right, as MMPose's PCK counts them."""
        return self.labeled & (self.errors < THRESHOLD)


class Judged(NamedTuple):
    """People that were predicted.

    Attributes:
        people: Those that have labels and an image.
        total: How many people the set has.
        unreadable: How many of those tried have no image that can be read.
        names: Of the keypoints.
        metainfo: What MMPose knows of them.
    """
    people: List[JudgedPerson]
    total: int
    unreadable: int
    names: List[str]
    metainfo: Dict[str, Any]

    @property
    def folder(self) -> str:
        """The innermost folder that all their images lie in: a name may be there twice below."""
        return osp.commonpath([osp.dirname(person.path) for person in self.people])

    @property
    def share(self) -> float:
        """The share of labeled keypoints that are right."""
        return sum(person.right.sum() for person in self.people) / max(
            sum(person.labeled.sum() for person in self.people), 1)

    @property
    def by_keypoint(self) -> Dict[str, float]:
        """The share that is right of each keypoint that has labels."""
        right, labeled = (np.sum([getattr(person, what) for person in self.people], 0)
                          for what in ('right', 'labeled'))
        return {name: right[i] / labeled[i] for i, name in enumerate(self.names) if labeled[i]}


def judge(model: torch.nn.Module, people: People) -> Judged:
    """Predict people who have labels, or hidden ones, at most ``MOST`` of them.

    Args:
        model (torch.nn.Module): A plain top-down estimator, on its device.
        people (People): Whom to predict. Of many they are spread evenly over the set.

    Returns:
        Judged: With at least one person.

    Raises:
        ValueError: If no image can be read, nobody has labels, they are of other keypoints than the
            model's, or the model predicts NaN.
    """
    total = sum(map(len, people.datasets))
    if total > MOST:
        for dataset in people.datasets:
            dataset.get_subset_(evenly(range(len(dataset)), max(1, MOST * len(dataset) // total)))
    infos = [dataset.get_data_info(i) for dataset in people.datasets for i in range(len(dataset))]
    found, unreadable = [], 0
    for person, info in zip(predict(model, people, _BATCH), infos):  # which it then ends
        truth, labeled = _labels(info)
        if person is None:
            unreadable += 1
        elif truth.shape != person['keypoints'].shape:
            raise ValueError(f'the labels have {len(truth)} keypoints, and the model '
                             f'{len(person["keypoints"])}')
        elif labeled.any():
            found.append(JudgedPerson(person['path'], person['box'], person['keypoints'],
                                      person['scores'], truth, labeled))
    if unreadable == len(infos):
        raise nobody_predicted(people)
    if not found:
        raise ValueError(f'none of the {len(infos)} people has labeled keypoints')
    return Judged(found, total, unreadable, keypoint_names(people.metainfo), people.metainfo)


def _labels(info: Dict[str, Any]) -> Sequence[np.ndarray]:
    hidden = 'hidden_keypoints' in info
    keypoints = info['hidden_keypoints' if hidden else 'keypoints']
    visible = info['hidden_visible' if hidden else 'keypoints_visible']
    return np.asarray(keypoints)[0], np.asarray(visible)[0] > 0


def worst(judged: Judged, number: int) -> List[JudgedPerson]:
    """Pick the people with the most wrong keypoints; among equals those with the largest errors."""
    def badness(person: JudgedPerson):
        wrong = person.labeled & ~person.right
        return -wrong.sum(), -person.errors[person.labeled].mean()

    return sorted(judged.people, key=badness)[:number]


def from_best_to_worst(judged: Judged, number: int) -> List[JudgedPerson]:
    """Pick people evenly from the one with the largest share of right keypoints to the smallest."""
    order = sorted(judged.people, key=lambda person: -person.right.sum() / person.labeled.sum())
    return evenly(order, number)
