"""Walk through datasets that wrap or combine others, as configs or built."""
import os.path as osp
from typing import Any, Callable, Dict, Iterator, List, Optional, Tuple, Union

from .components import name_of

Path = Tuple[Union[str, int], ...]  # keys and indices that lead to a dataset


def parts_of(dataset: Any) -> Dict[Path, Any]:
    """Return the datasets that one wraps (``dataset``) or combines (``datasets``).

    Args:
        dataset (dict | Dataset): A config, or what is built from it.

    Returns:
        dict: The parts by their paths, such as ``('dataset', )`` or ``('datasets', 0)``; empty for
        a dataset that reads files itself.
    """
    get = dataset.get if isinstance(dataset, dict) else lambda key: getattr(dataset, key, None)
    if get('dataset') is not None:
        return {('dataset', ): get('dataset')}
    return {('datasets', i): part for i, part in enumerate(get('datasets') or ())}


def with_parts(dataset: Dict[str, Any], change: Callable[[Any], Any]) -> Dict[str, Any]:
    """Return a config's ``dataset`` or ``datasets`` entry with each part changed.

    Args:
        dataset (dict): A config.
        change (Callable): Takes a part and returns the new one.

    Returns:
        dict: ``dataset`` or ``datasets`` with the new parts; empty if it has none.
    """
    if dataset.get('dataset') is not None:
        return dict(dataset=change(dataset['dataset']))
    parts = [change(part) for part in dataset.get('datasets') or ()]
    return dict(datasets=parts) if parts else {}


def walk(dataset: Any, path: Path = ()) -> Iterator[Tuple[Path, Any]]:
    """Yield a dataset and all those in it, each after the one that it is part of.

    Args:
        dataset (dict | Dataset): A config, or what is built from it.
        path (tuple): Its own path. Defaults to an empty one.

    Yields:
        tuple: The path, and the dataset.
    """
    yield path, dataset
    for step, part in parts_of(dataset).items():
        yield from walk(part, path + step)


def leaves(dataset: Any) -> Iterator[Any]:
    """Yield the datasets that read files.

    Args:
        dataset (dict | Dataset): A config, or what is built from it.
    """
    return (part for _, part in walk(dataset) if not parts_of(part))


def branches_of(dataset: Any, name: str) -> Iterator[Tuple[Any, Dict[str, Any]]]:
    """Yield what fills a branch of the batches: the datasets whose ``PoseMultiBranch`` has it.

    Args:
        dataset (Dataset): Built.
        name (str): The branch, such as ``'sup'``.

    Yields:
        tuple: The dataset, and its pipelines by branch, which may be replaced there.
    """
    for _, part in walk(dataset):
        for step in getattr(getattr(part, 'pipeline', None), 'transforms', ()):
            branches = getattr(step, 'branch_pipelines', {})
            if name in branches:
                yield part, branches


def map_leaves(dataset: Dict[str, Any], change: Callable[[Any], Any]) -> Dict[str, Any]:
    """Rewrite the datasets that read files, within what wraps and combines them.

    Args:
        dataset (dict): A config, which stays as it is.
        change (Callable): Makes a new one of each that reads files.

    Returns:
        dict: The new config.
    """
    inner = with_parts(dataset, lambda part: map_leaves(part, change))
    return dict(dataset, **inner) if inner else change(dataset)


def with_labeled_boxes(dataset: Dict[str, Any]) -> Dict[str, Any]:
    """Return a dataset with its people in their labeled boxes.

    People in a detector's boxes, which MMPose reads of a ``bbox_file``, have no labels.

    Args:
        dataset (dict): A config, which stays as it is.

    Returns:
        dict: The new config.
    """
    return map_leaves(dataset, lambda leaf: {
        key: value for key, value in leaf.items() if key != 'bbox_file'})


def find_owner(dataset: Dict[str, Any], key: str) -> Optional[Tuple[Path, Dict[str, Any]]]:
    """Find who says something: a dataset, or else the first one in it, and so on.

    Args:
        dataset (dict): A config.
        key (str): What is said, such as ``'pipeline'``.

    Returns:
        tuple: The path of the first whose config has it, and that config; None if none has.
    """
    for path, part in walk(dataset):
        if part.get(key):
            return path, part
        if not parts_of(part):  # several are of one kind
            break
    return None


def pipeline_of(dataset: Dict[str, Any]) -> List[Dict[str, Any]]:
    """Return a dataset's pipeline; of one without its own, that of the first dataset in it.

    Args:
        dataset (dict): A config.

    Returns:
        list[dict]: The transforms' configs; empty if there is no pipeline.
    """
    found = find_owner(dataset, 'pipeline')
    return list(found[1]['pipeline']) if found else []


def find_step(dataset: Dict[str, Any], name: str) -> Dict[str, Any]:
    """Return the first transform of a name in a dataset's :func:`pipeline_of`.

    Args:
        dataset (dict): A config.
        name (str): The transform's class, such as ``'TopdownAffine'``.

    Returns:
        dict: Its config; empty if there is none.
    """
    return next((step for step in pipeline_of(dataset) if name_of(step) == name), {})


def loads_elsewhere(dataset: Any) -> bool:
    """Tell whether a dataset's pipelines load images from another place than the local disk.

    Args:
        dataset (dict): A config, or a part of it.
    """
    if isinstance(dataset, dict):
        if (dataset.get('backend_args') or {}).get('backend', 'local') != 'local':
            return True
        dataset = dataset.values()
    elif not isinstance(dataset, (list, tuple)):
        return False
    return any(map(loads_elsewhere, dataset))


def image_folder(dataset: Dict[str, Any]) -> str:
    """Return the folder of a dataset's images; of several datasets, the first one's.

    Args:
        dataset (dict): A config.

    Returns:
        str: The path, or '' if it names none.
    """
    first = next(leaves(dataset))
    return osp.join(first.get('data_root') or '', (first.get('data_prefix') or {}).get('img', ''))
