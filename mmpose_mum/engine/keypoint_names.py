"""The names of the keypoints that are trained, for figures by keypoint."""
from typing import List

from ..configs import metainfo


def keypoint_names(runner, number: int) -> List[str]:
    """Return the keypoints' names by the training set's metainfo, or else their numbers.

    Args:
        runner (Runner): It knows the training set.
        number (int): How many keypoints there are.
    """
    names = metainfo.keypoint_names(getattr(runner.train_dataloader.dataset, 'metainfo', None))
    return names if len(names) == number else [str(i) for i in range(number)]
