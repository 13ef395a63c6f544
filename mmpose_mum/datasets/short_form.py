"""The configs of the labeled and the unlabeled set, written out from the few words that differ."""
from typing import Any, Dict, List, Optional, Sequence, Tuple, Union

from mmengine.config import ConfigDict

from ..coco.layout import is_list
from ..configs.components import name_of
from ..configs.datasets import find_step, image_folder, with_parts
from ..configs.metainfo import metainfo_of
from ..functional.branches import BRANCHES

SOURCE_NAMES = ('labeled', 'unlabeled')

Unlabeled = Union[str, dict, Sequence[Union[str, dict]]]
_SUP, _TEACHER, _STUDENT = BRANCHES


def is_semi_supervised(config: dict) -> bool:
    """Tell whether a dataset's config is of a ``SemiSupervisedDataset``, or of a subclass."""
    return name_of(config).endswith('SemiSupervisedDataset')


def sources_of(config: dict) -> List[ConfigDict]:
    """Return the configs of the sets that a training reads, written out.

    Args:
        config (dict): Of a ``SemiSupervisedDataset`` in either form, or of MMPose's dataset in a
            supervised training.

    Returns:
        list[ConfigDict]: The labeled and the unlabeled set's, with pipelines and metainfo; or the
        one that there is.
    """
    if not is_semi_supervised(config):
        return [ConfigDict(config)]
    if 'datasets' in config:
        return [ConfigDict(dataset) for dataset in config['datasets']]
    words = {key: value for key, value in config.items()
             if key not in ('type', '_scope_', 'ignore_keys')}
    return [ConfigDict(dataset) for dataset in write_out(**words)]


def written_sources(config: dict) -> list:
    """Return a training's sets as its config has them, to be read or changed in place.

    Args:
        config (dict): As :func:`sources_of` takes it.

    Returns:
        list: The labeled and the unlabeled set's, which the short form may have as text; or the
        one that there is.
    """
    if not is_semi_supervised(config):
        return [config]
    if 'datasets' in config:
        return list(config['datasets'])
    return [config['labeled'], config['unlabeled']]


def write_out(labeled: dict,
              unlabeled: Unlabeled,
              input_size: Optional[Tuple[int, int]] = None,
              use_udp: Optional[bool] = None,
              load: Optional[dict] = None,
              weak: Optional[dict] = None,
              strong: Optional[dict] = None) -> Tuple[dict, dict]:
    """Give both sets their branches, and the unlabeled one its views and the labeled's metainfo.

    Args:
        labeled (dict): A dataset of MMPose's as it trains a plain model; it may wrap or combine
            others.
        unlabeled (str | dict | list): Where the unlabeled people are; see
            :class:`SemiSupervisedDataset`, as for the other arguments.
        input_size (tuple[int, int], optional): Of the views.
        use_udp (bool, optional): Of the views.
        load (dict, optional): Options of ``LoadUnlabeledImage``.
        weak (dict, optional): Options of ``WeakView``.
        strong (dict, optional): Options of ``StrongView``.

    Returns:
        tuple[dict, dict]: The two configs.

    Raises:
        ValueError: If no size of the views is given or found in the labeled pipeline, or a pipeline
            is missing or without branches.
    """
    crop, box = (find_step(labeled, name) for name in ('TopdownAffine', 'GetBBoxCenterScale'))
    if not input_size and 'input_size' not in crop:
        raise ValueError("the labeled set's pipeline has no TopdownAffine, which sets the size of "
                         'the views of unlabeled people: give the SemiSupervisedDataset an '
                         'input_size=(width, height)')
    size = tuple(input_size or crop['input_size'])
    udp = crop.get('use_udp', False) if use_udp is None else use_udp
    view = dict(input_size=size, **(dict(use_udp=True) if udp else {}),
                **{key: box[key] for key in ('padding', ) if key in box})
    weighted = find_step(labeled, 'GenerateTarget').get('use_dataset_keypoint_weights')
    weighting = dict(use_dataset_keypoint_weights=True) if weighted else {}
    weak_size = (weak or {}).get('input_size', size)
    largest = tuple(map(max, size, weak_size))  # a labeler's view may be larger than the student's
    loading = {key: value for key, value in dict(dict(input_size=largest), **(load or {})).items()
               if value is not None}
    defaults = dict(
        type='UnlabeledPoseDataset', metainfo=metainfo_of(labeled), pipeline=[
            dict(type='LoadUnlabeledImage', **loading),
            _branches(**{_TEACHER: [dict(dict(type='WeakView', **view), **(weak or {}))],
                         _STUDENT: [dict(dict(type='StrongView', **view, **weighting),
                                        **(strong or {}))]})])
    return _with_branch(labeled), _with_defaults(unlabeled, defaults, image_folder(labeled))


def _branches(**pipelines: list) -> dict:
    return dict(type='PoseMultiBranch', branch_field=list(BRANCHES), **pipelines)


def _is_branched(pipeline: Sequence[dict]) -> bool:
    return any(name_of(step) == 'PoseMultiBranch' for step in pipeline)


def _with_branch(dataset: dict) -> dict:
    """Wrap each labeled pipeline that ends in packed samples."""
    pipeline = dataset.get('pipeline')
    if pipeline and _is_branched(pipeline):
        return dataset
    if pipeline:
        return dict(dataset, pipeline=[_branches(**{_SUP: list(pipeline)})])
    parts = with_parts(dataset, _with_branch)
    if not parts:
        raise ValueError(f'the labeled dataset {dataset.get("type")} has no pipeline')
    return dict(dataset, **parts)


def _with_defaults(unlabeled: Any, defaults: Dict[str, Any], images: str) -> dict:
    """Fill in what a set, or each of several, does not say itself."""
    if isinstance(unlabeled, str):
        source: Dict[str, Any] = places_of(unlabeled, images)
    elif isinstance(unlabeled, dict):
        source = unlabeled
    else:
        source = dict(type='ConcatDataset', datasets=unlabeled)
    parts = with_parts(source, lambda part: _with_defaults(part, defaults, images))
    if parts:
        return dict(source, **parts)
    pipeline = source.get('pipeline')
    if pipeline and not _is_branched(pipeline):
        raise ValueError(
            'the unlabeled set has a pipeline without branches, such as one copied from the '
            f'labeled set: {[name_of(step) for step in pipeline]}. Remove the pipeline, or end it '
            f'with a PoseMultiBranch of {_TEACHER} and {_STUDENT}')
    return dict(defaults, **source)


def places_of(path: str, images: str) -> Dict[str, Any]:
    """Return the arguments by which an ``UnlabeledPoseDataset`` reads what a path leads to.

    Args:
        path (str): A folder of images and videos, a video, or a json: COCO's, or a detector's.
        images (str): Folder of the images, of a json.

    Returns:
        dict: The arguments.
    """
    if not path.lower().endswith('.json'):
        return dict(data_prefix=dict(img=path))
    return {'bbox_file' if is_list(path) else 'ann_file': path, 'data_prefix': dict(img=images)}
