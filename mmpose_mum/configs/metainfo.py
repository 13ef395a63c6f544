"""Which keypoints a config's data have."""
from typing import Any, Dict

import numpy as np
from mmengine.registry import DefaultScope
from mmpose.datasets.datasets.utils import parse_pose_metainfo
from mmpose.registry import DATASETS

from .._moved import old_names
from .datasets import find_owner, leaves

__getattr__ = old_names(__name__)


def keypoints_of(entries: Dict[str, Any]) -> Dict[str, Any]:
    """Return the keypoints' metainfo as MMPose parses it, in lists: ``weights_only`` bans arrays.

    Args:
        entries (dict): Of :func:`plain_config`.

    Returns:
        dict: ``dataset_meta`` for a checkpoint.

    Raises:
        ValueError: If the test data have none, or it is inconsistent.
    """
    try:
        with DefaultScope.overwrite_default_scope(entries.get('default_scope', 'mmpose')):
            meta = parse_pose_metainfo(metainfo_of(entries['test_dataloader']['dataset']))
    except AttributeError as error:  # no METAINFO
        raise ValueError("the config's test data do not say which keypoints there are: add a "
                         'metainfo') from error
    except (AssertionError, KeyError) as error:  # as MMPose puts it
        raise ValueError(f"the metainfo of the config's test data is wrong: {error!r}"
                         ) from error
    return _builtin(meta)


def metainfo_of(dataset: Dict[str, Any]) -> Dict[str, Any]:
    """Return the keypoints of a dataset's config, of the first in it, or of its type.

    Args:
        dataset (dict): Config of a dataset.

    Returns:
        dict: Its ``metainfo``, as :func:`parse_pose_metainfo` takes it.
    """
    owner = find_owner(dataset, 'metainfo')
    return owner[1]['metainfo'] if owner else \
        DATASETS.get(next(leaves(dataset))['type']).METAINFO


def _builtin(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: _builtin(value) for key, value in node.items()}
    if isinstance(node, (list, tuple)):
        return [_builtin(item) for item in node]
    return node.tolist() if isinstance(node, (np.ndarray, np.generic)) else node
