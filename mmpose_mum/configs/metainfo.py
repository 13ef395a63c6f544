"""Which keypoints a config's data have."""
from collections import Counter
from typing import Any, Dict, List, Optional

import numpy as np
from mmpose.datasets.datasets.utils import parse_pose_metainfo
from mmpose.registry import DATASETS

from .._moved import old_names
from .datasets import find_owner, leaves
from .scope import scope_of

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
        with scope_of(entries):
            meta = parse_pose_metainfo(metainfo_of(entries['test_dataloader']['dataset']))
    except (AssertionError, KeyError) as error:  # as MMPose puts it
        raise ValueError(f"the metainfo of the config's test data is wrong: {error!r}"
                         ) from error
    return _builtin(meta)


def keypoint_names(metainfo: Optional[dict]) -> List[str]:
    """Return the keypoints' names by id, whose keys may be text, as from a json; or []."""
    named = metainfo.get('keypoint_id2name') if isinstance(metainfo, dict) else None
    if not isinstance(named, dict) or not all(str(key).isdigit() for key in named):
        return []  # not MMPose's
    return [str(named[key]) for key in sorted(named, key=int)]


def metainfo_of(dataset: Dict[str, Any]) -> Dict[str, Any]:
    """Return which keypoints a dataset has: what its config says, the first in it, or its class.

    Args:
        dataset (dict): Its config; it may wrap or combine others.

    Returns:
        dict: Its ``metainfo``, as :func:`parse_pose_metainfo` takes it.

    Raises:
        ValueError: If nobody says it, it contradicts itself, or the dataset is not registered.
    """
    owner = find_owner(dataset, 'metainfo')
    if owner:
        _check_entries(owner[1]['metainfo'])
        return owner[1]['metainfo']
    leaf = next(leaves(dataset))
    found = DATASETS.get(leaf['type'])
    if found is None:
        raise ValueError(f'the dataset {leaf["type"]!r} is not registered: name its module in the '
                         "config's custom_imports, and load the config with Config.fromfile")
    if hasattr(found, '_check_subset_and_metainfo'):
        # DeepFashion sets it for its class by the subset: here, for a class of no one else.
        found = type(found.__name__, (found, ), {})
        found._check_subset_and_metainfo(leaf.get('subset', ''))
    metainfo = getattr(found, 'METAINFO', None)
    if not metainfo:
        raise ValueError(f'neither the dataset {leaf["type"]!r} nor its config has a metainfo that '
                         'says which keypoints there are')
    return metainfo


def _check_entries(metainfo: Dict[str, Any]) -> None:
    """Raise ValueError for a metainfo that contradicts itself."""
    keypoints = list((metainfo.get('keypoint_info') or {}).values())
    if not keypoints:  # it is `from_file`
        return
    names = [entry.get('name') for entry in keypoints]
    for name, times in Counter(names).items():
        if times > 1:
            raise ValueError(f'the metainfo has {times} keypoints of the name {name!r}')
    swaps = {entry.get('name'): entry['swap'] for entry in keypoints if entry.get('swap')}
    used = [(f'swap of {name!r}', swap) for name, swap in swaps.items()]
    used += [(f'link {tuple(entry.get("link", ()))}', end)
             for entry in (metainfo.get('skeleton_info') or {}).values()
             for end in entry.get('link', ())]
    for what, name in used:
        if name not in names:
            raise ValueError(f'the {what} in the metainfo names {name!r}, which is not among its '
                             f'keypoints {names}')
    for name, swap in swaps.items():
        back = swaps.get(swap)
        if back != name:
            raise ValueError(f'the swap of {name!r} in the metainfo is {swap!r}, but that of '
                             f'{swap!r} is {back!r}: mirror images name each other')
    for key in ('joint_weights', 'sigmas'):
        found = metainfo.get(key)
        if found is not None and len(found) != len(names):
            raise ValueError(f'the metainfo has {len(names)} keypoints, and {len(found)} {key}')


def told_keypoints(names: Dict[int, str], model: Dict[str, Any]) -> Dict[int, str]:
    """Return the keypoints that a model tells: all it was trained with, or those it selects.

    Args:
        names (dict): Names by id that it was trained with.
        model (dict): The estimator's config.

    Returns:
        dict: Names by id. A name that its ``output_keypoint_indices`` do not lead to is ``'?'``.
    """
    indices = (model.get('test_cfg') or {}).get('output_keypoint_indices')
    if indices is None:
        return names
    return {i: names.get(index, '?') for i, index in enumerate(indices)}


def _builtin(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: _builtin(value) for key, value in node.items()}
    if isinstance(node, (list, tuple)):
        return [_builtin(item) for item in node]
    return node.tolist() if isinstance(node, (np.ndarray, np.generic)) else node
