"""Choose people to label from their scores and features: pure functions, repeatable by a seed."""
import warnings
from bisect import bisect_left, insort
from itertools import islice, takewhile
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np
from scipy.cluster.vq import kmeans2
from scipy.spatial.distance import cdist

FILTERED = 5  # times as many as are chosen remain for the choice by diversity
ROUNDING = 1e-6  # seconds
MOST_CLUSTERS = 500  # as in TypiClust: more would take hours with many people, and be small


class Place(NamedTuple):
    """Where a person was seen.

    Attributes:
        image: The image's path; of a frame, the frame's name.
        video: The video's path, None for an image.
        seconds: Of a frame, since the video's start.
    """
    image: str
    video: Optional[str] = None
    seconds: float = 0.


class Limits:
    """Keeps what is chosen from being the same scene again and again.

    Args:
        places (Sequence[Place]): Of all people.
        per_image (int): Most people of an image.
        gap (float): Least seconds between two frames of a video.
    """

    def __init__(self, places: Sequence[Place], per_image: int, gap: float) -> None:
        self.places, self.per_image, self.gap = places, per_image, gap
        self._in_image: Dict[str, int] = {}
        self._in_video: Dict[str, List[Tuple[float, str]]] = {}  # times and frames, rising

    def allow(self, index: int) -> bool:
        """Tell whether a person may be chosen beside those who were."""
        place = self.places[index]
        if self._in_image.get(place.image, 0) >= self.per_image:
            return False
        times = self._in_video.get(place.video or '', [])
        near = islice(times, bisect_left(times, (place.seconds - self.gap - ROUNDING, '')), None)
        return all(image == place.image or abs(seconds - place.seconds) >= self.gap
                   for seconds, image in takewhile(
                       lambda one: one[0] < place.seconds + self.gap + ROUNDING, near))

    def take(self, index: int) -> None:
        """Note that a person was chosen."""
        place = self.places[index]
        self._in_image[place.image] = self._in_image.get(place.image, 0) + 1
        if place.video and self._in_image[place.image] == 1:
            insort(self._in_video.setdefault(place.video, []), (place.seconds, place.image))


def choose(doubt: np.ndarray, features: np.ndarray, labeled: np.ndarray, num: int, limits: Limits,
           random_share: float, seed: int) -> List[Tuple[int, str]]:
    """Choose people: some at random, the others doubtful and unlike one another.

    The doubtful ones are the ``FILTERED`` × ``num`` people of the largest doubt. Of these the one
    that is farthest from the labeled and the chosen ones in the space of features comes next: the
    greedy k-center of Sener and Savarese (Active Learning for Convolutional Neural Networks: A
    Core-Set Approach, ICLR 2018, algorithm 1).

    Args:
        doubt (np.ndarray): (N, ), larger means to label first.
        features (np.ndarray): (N, D).
        labeled (np.ndarray): (M, D), of the people with labels; M may be 0.
        num (int): How many to choose.
        limits (Limits): Of images and videos, of which nothing was taken yet.
        random_share (float): Share of the chosen that is drawn at random from all people, so that
            a set of them still says something about all.
        seed (int): Of the draw.

    Returns:
        list[tuple[int, str]]: Index and ``'random'`` or ``'doubt'``; fewer than ``num`` where the
        limits leave no more.
    """
    drawn = np.random.default_rng(seed).permutation(len(doubt))
    chosen = _take_allowed(drawn, round(random_share * num), limits)
    reasons = ['random'] * len(chosen)
    ordered = np.argsort(-doubt, kind='stable')
    rest = ordered[~np.isin(ordered, chosen)]
    pool = list(rest[:FILTERED * num])
    reserve = iter(rest[FILTERED * num:])  # for where the limits leave too few
    # Of the pool alone: there may be a hundred thousand people, and ten thousand labeled ones.
    nearest = _nearest(features[pool], np.concatenate([labeled, features[chosen]]))
    while len(chosen) < num:
        kept = [place for place, index in enumerate(pool) if limits.allow(index)]
        pool, nearest = [pool[place] for place in kept], nearest[kept]
        if not pool:
            pool = list(islice((i for i in reserve if limits.allow(i)), FILTERED * num))
            if not pool:
                break
            nearest = _nearest(features[pool], np.concatenate([labeled, features[chosen]]))
        place = int(np.argmax(nearest))  # the most doubtful one, of equals
        index = pool.pop(place)
        limits.take(index)
        chosen.append(index)
        reasons.append('doubt')
        nearest = np.minimum(np.delete(nearest, place), np.linalg.norm(
            features[pool] - features[index], axis=1))
    return list(zip(map(int, chosen), reasons))


def choose_typical(features: np.ndarray, labeled: np.ndarray, num: int, limits: Limits,
                   seed: int, neighbors: int = 20) -> List[Tuple[int, str]]:
    """Choose the most typical person of each large cluster.

    A model that has seen little doubts what is odd, and oddities teach little. TypiClust (Hacohen,
    Dekel and Weinshall, ICML 2022): all people, labeled or not, form as many clusters as there
    will be labels, but at most 500. From the clusters with the fewest labels, the largest ones
    first, comes the person with the smallest mean distance to the nearest neighbors.

    Args:
        features (np.ndarray): (N, D), of the unlabeled people.
        labeled (np.ndarray): (M, D), of the people with labels; M may be 0.
        num (int): How many to choose.
        limits (Limits): Of images and videos, of which nothing was taken yet.
        seed (int): Of the clusters.
        neighbors (int): How many neighbors the distance is to, or all in the cluster.

    Returns:
        list[tuple[int, str]]: Index and ``'typical'``; fewer than ``num`` where the limits leave
        no more.
    """
    everybody = np.concatenate([features, labeled]).astype(float)
    count = min(num + len(labeled), len(everybody), MOST_CLUSTERS)
    with warnings.catch_warnings():
        warnings.filterwarnings('ignore', 'One of the clusters is empty')  # it gives nobody
        _, clusters = kmeans2(everybody, _centers(everybody, count, seed), minit='matrix')
    sizes, labels = (np.bincount(ones, minlength=count)
                     for ones in (clusters, clusters[len(features):]))
    queues = {}
    for cluster in range(count):
        members = np.flatnonzero(clusters == cluster)
        members = members[members < len(features)]
        if len(members):
            queues[cluster] = list(members[np.argsort(
                _mean_distance(features[members], neighbors), kind='stable')])
    order = sorted(queues, key=lambda cluster: (labels[cluster], -sizes[cluster]))
    chosen: List[int] = []
    while len(chosen) < num and any(queues.values()):
        for cluster in order:  # each gives one, and then each another one
            taken = _take_allowed(queues[cluster], min(1, num - len(chosen)), limits)
            queues[cluster] = queues[cluster][queues[cluster].index(taken[0]) + 1:] if taken else []
            chosen += taken
    return [(int(index), 'typical') for index in chosen]


def _centers(features: np.ndarray, number: int, seed: int) -> np.ndarray:
    """Draw the centers that k-means starts from, each likely far from those before it.

    These are SciPy's (``minit='++'``), which measures the distances to all earlier centers for each
    one again: with hundreds of clusters, it takes hours.
    """
    random = np.random.RandomState(seed)
    chosen = [random.randint(len(features))]
    nearest = np.full(len(features), np.inf)
    while len(chosen) < number:
        nearest = np.minimum(nearest, cdist(features[chosen[-1:]], features, 'sqeuclidean')[0])
        total = nearest.sum()
        place = np.searchsorted((nearest / total).cumsum(), random.uniform()) if total else 0
        chosen.append(min(int(place), len(features) - 1))
    return features[chosen]


def _take_allowed(indices, num: int, limits: Limits) -> List[int]:
    taken: List[int] = []
    for index in indices:
        if len(taken) == num:
            break
        if limits.allow(index):
            limits.take(index)
            taken.append(index)
    return taken


def _nearest(features: np.ndarray, centers: np.ndarray) -> np.ndarray:
    """Return the distance of each feature to the nearest center, infinite without any."""
    nearest = np.full(len(features), np.inf)
    for center in centers:  # one at a time: N × M × D would not fit
        nearest = np.minimum(nearest, np.linalg.norm(features - center, axis=1))
    return nearest


def _mean_distance(features: np.ndarray, neighbors: int) -> np.ndarray:
    """Return each feature's mean distance to its nearest neighbors."""
    if len(features) < 2:
        return np.zeros(len(features))
    means = []
    for feature in features:
        others = np.sort(np.linalg.norm(features - feature, axis=1))[1:neighbors + 1]
        means.append(others.mean())
    return np.array(means)
