"""The training data of a converted config: the original's labeled set beside an unlabeled one."""
from typing import Any, Dict, Optional, Tuple

from mmengine.config import Config
from mmpose.registry import DATASETS

from ..coco.layout import is_list
from ..configs.datasets import find_owner, image_folder, with_parts
from ..datasets import UnlabeledPoseDataset
from ..models.estimator import BRANCHES
from .options import Options
from .references import Base, Changed, shortest, unscoped
from .schedule import name_of

_DATASET = Base('train_dataloader', 'dataset')
# SSHPE's views fit MMPose's usual rotation of people by up to 80°, or 60°.
_USUAL_ROTATION = (60, 80)


def data_overrides(cfg: Config, options: Options) -> Dict[str, Any]:
    """Make the overrides of the training data.

    Args:
        cfg (Config): The original config.
        options (Options): What was asked for.

    Returns:
        dict: Top-level name → value with references.
    """
    labeled, unlabeled = options.batch(cfg.train_dataloader['batch_size'])
    whole = unlabeled % labeled == 0
    ratio = [1, unlabeled // labeled] if whole else [labeled, unlabeled]
    kept = {key: value for key, value in unscoped(cfg.train_dataloader).items()
            if key not in ('batch_size', 'sampler', 'batch_sampler', 'shuffle', 'drop_last',
                           'dataset')}
    size = labeled + unlabeled
    return dict(train_dataloader=dict(
        _delete_=True, batch_size=size, **kept,
        sampler=dict(type='SemiSupervisedSampler', batch_size=size, source_ratio=ratio),
        dataset=dict(type='SemiSupervisedDataset', datasets=[
            _labeled(cfg, options), _unlabeled(cfg, options)])))


def input_size(cfg: Config) -> Tuple[int, int]:
    """Return the width and height that the labeled pipeline crops people to.

    Args:
        cfg (Config): The original config.

    Returns:
        tuple[int, int]: Width and height.

    Raises:
        ValueError: If the pipeline does not crop people by ``TopdownAffine``.
    """
    affine = _step(cfg, 'TopdownAffine')
    if affine is None:
        raise ValueError('the training pipeline has no TopdownAffine, by which top-down models get '
                         f'one person each: {[name_of(step) for step in _pipeline(cfg)]}')
    return tuple(affine['input_size'])


def _labeled(cfg: Config, options: Options) -> Any:
    if options.labeled is None:
        return _wrapped(cfg, _DATASET)
    owner = owner_of(cfg, _DATASET)
    return replaced(cfg, owner, options.labeled, options.labeled_images or
                    image_folder(_DATASET.of(cfg)), pipeline=_sup(cfg, owner))


def replaced(cfg: Config, owner: Base, ann_file: str, images: str, **changes) -> Any:
    """Refer to a dataset with other annotations; a combination becomes one set of COCO's layout.

    Args:
        cfg (Config): The original config.
        owner (Base): The dataset, see :func:`owner_of`.
        ann_file (str): The annotations.
        images (str): Folder of their images.
        **changes: Other arguments of the dataset.

    Returns:
        dict | Changed: The new dataset.
    """
    changes = dict(ann_file=ann_file, data_prefix=dict(img=images), **changes)
    if 'datasets' in owner.of(cfg):
        return dict(type='CocoDataset', metainfo=owner / 'metainfo', **changes)
    return Changed(owner, data_root='', **changes)


def _wrapped(cfg: Config, base: Base) -> Any:
    """Refer to the original dataset, with each pipeline that ends in packed samples wrapped."""
    dataset = base.of(cfg)
    if dataset.get('pipeline'):
        return Changed(base, pipeline=_sup(cfg, base))
    parts = with_parts(dataset, lambda _, path: _wrapped(cfg, Base(*base.path, *path)))
    if not parts:
        raise ValueError(f'the training dataset {dataset.get("type")} has no pipeline')
    return Changed(base, **parts)


def _sup(cfg: Config, base: Base) -> list:
    return [dict(type='PoseMultiBranch', branch_field=list(BRANCHES),
                 sup=shortest(base / 'pipeline', cfg))]


def owner_of(cfg: Config, base: Base) -> Base:
    """Find the first dataset with a pipeline of its own, inside of wrappers.

    Args:
        cfg (Config): The original config.
        base (Base): Its dataset for training or validation.

    Returns:
        Base: The dataset found.

    Raises:
        ValueError: If there is none.
    """
    found = find_owner(base.of(cfg), 'pipeline')
    if found is None:
        raise ValueError(f'{base.path[0]}: the dataset {base.of(cfg).get("type")} has no pipeline')
    return Base(*base.path, *found[0])


def _pipeline(cfg: Config) -> list:
    return (owner_of(cfg, _DATASET) / 'pipeline').of(cfg)


def _step(cfg: Config, name: str) -> Optional[dict]:
    """Find a transform of the labeled pipeline."""
    return next((step for step in _pipeline(cfg) if name_of(step) == name), None)


def _unlabeled(cfg: Config, options: Options) -> dict:
    images = options.unlabeled_images or options.labeled_images or image_folder(_DATASET.of(cfg))
    source = options.unlabeled
    places: Dict[str, Any]
    if not source.lower().endswith('.json'):
        places = dict(data_prefix=dict(img=source))
    else:
        places = {'bbox_file' if is_list(source) else 'ann_file': source}
        if options.unlabeled_ann_file is not None:
            places['ann_file'] = options.unlabeled_ann_file
        places['data_prefix'] = dict(img=images)
    weak, strong = _view(cfg), _view(cfg)
    rotation = _rotation(cfg)
    if rotation is not None:
        weak['rotate_factor'], strong['rotate_factor'] = rotation / 2, rotation
    return dict(
        type='UnlabeledPoseDataset', **places, **_metainfo(cfg), pipeline=[
            dict(type='LoadUnlabeledImage', input_size=weak['input_size'], **_loading(cfg)),
            dict(type='PoseMultiBranch', branch_field=list(BRANCHES),
                 unsup_teacher=[dict(type='WeakView', **weak)],
                 unsup_student=[dict(type='StrongView', **strong)])])


def _loading(cfg: Config) -> dict:
    """Return how the original reads its images, if that is not the usual way."""
    backend = unscoped((_step(cfg, 'LoadImage') or {}).get('backend_args'))
    return {} if backend in (None, dict(backend='local')) else dict(backend_args=backend)


def _view(cfg: Config) -> Dict[str, Any]:
    """Collect the arguments of both views that follow from the labeled pipeline."""
    size = input_size(cfg)
    view: Dict[str, Any] = dict(input_size=size)
    codec = Base('codec', 0) if isinstance(cfg.get('codec'), list) else Base('codec')
    if cfg.get('codec') and tuple(codec.of(cfg).get('input_size', ())) == size:
        view['input_size'] = codec / 'input_size'
    if (_step(cfg, 'TopdownAffine') or {}).get('use_udp'):
        view['use_udp'] = True
    padding = (_step(cfg, 'GetBBoxCenterScale') or {}).get('padding', 1.25)
    if padding != 1.25:
        view['padding'] = padding
    if not any('Flip' in name_of(step) for step in _pipeline(cfg)):
        view['flip_prob'] = 0.
    return view


def _rotation(cfg: Config) -> Optional[float]:
    """Return how far the student's view is turned, if the labeled views are turned unusually."""
    step = _step(cfg, 'RandomBBoxTransform')
    rotation = step.get('rotate_factor', 80) if step else 0
    low, high = _USUAL_ROTATION
    return None if low <= rotation <= high else float(rotation)


def _metainfo(cfg: Config) -> Dict[str, Any]:
    """Say which keypoints there are: what the labeled set's config or its class says."""
    owner = owner_of(cfg, _DATASET)
    dataset = owner.of(cfg)
    if dataset.get('metainfo'):
        return dict(metainfo=owner / 'metainfo')
    found = DATASETS.get(dataset['type'])
    if found is None:
        raise ValueError(f'the training dataset {dataset["type"]!r} is not registered: name its '
                         "module in the config's custom_imports, and load the config with "
                         'Config.fromfile')
    if hasattr(found, '_check_subset_and_metainfo'):
        # DeepFashion sets it for its class by the subset: here, for a class of no one else.
        found = type(found.__name__, (found, ), {})
        found._check_subset_and_metainfo(dataset.get('subset', ''))
    metainfo = getattr(found, 'METAINFO', None)
    if not metainfo:
        raise ValueError(f'neither the training dataset {dataset["type"]!r} nor its config has a '
                         'metainfo that says which keypoints there are')
    return {} if metainfo == UnlabeledPoseDataset.METAINFO else dict(metainfo=metainfo)
