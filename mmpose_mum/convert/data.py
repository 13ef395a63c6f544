"""The training data of a converted config: the original's labeled set beside an unlabeled one."""
from typing import Any, Dict, Optional, Tuple

from mmengine.config import Config

from ..configs.datasets import find_owner, image_folder
from ..datasets.short_form import metainfo_of, name_of, places_of
from .options import Options
from .references import Base, Changed, shortest, unscoped

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
    return dict(train_dataloader=dict(
        _delete_=True, batch_size=labeled + unlabeled, **kept,
        sampler=dict(type='SemiSupervisedSampler', source_ratio=ratio),
        dataset=dict(
            type='SemiSupervisedDataset', labeled=_labeled(cfg, options),
            unlabeled=_unlabeled(cfg, options), **_views(cfg))))


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
    owner = owner_of(cfg, _DATASET)
    metainfo_of(owner.of(cfg))  # which the unlabeled set will ask for as well
    if options.labeled is None:
        return _DATASET
    changes = {}
    if 'datasets' in owner.of(cfg):
        changes = dict(pipeline=shortest(owner / 'pipeline', cfg))
    return replaced(cfg, owner, options.labeled, options.labeled_images or
                    image_folder(_DATASET.of(cfg)), **changes)


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


def _unlabeled(cfg: Config, options: Options) -> Any:
    """Say where the unlabeled people are: a path, and of a json where its images are, too."""
    images = options.unlabeled_images or options.labeled_images or image_folder(_DATASET.of(cfg))
    places = places_of(options.unlabeled, images)
    if options.unlabeled_ann_file is not None:
        places['ann_file'] = options.unlabeled_ann_file
    return places if len(places) > 1 else options.unlabeled


def _views(cfg: Config) -> Dict[str, dict]:
    """Collect what of the unlabeled people's pipeline is not as usual, by the labeled one."""
    weak, rotation = {}, _rotation(cfg)
    padding = (_step(cfg, 'GetBBoxCenterScale') or {}).get('padding', 1.25)
    if padding != 1.25:
        weak['padding'] = padding
    if not any('Flip' in name_of(step) for step in _pipeline(cfg)):
        weak['flip_prob'] = 0.
    strong = dict(weak)
    if rotation is not None:
        weak['rotate_factor'], strong['rotate_factor'] = rotation / 2, rotation
    # How the original reads its images, if that is not the usual way.
    backend = unscoped((_step(cfg, 'LoadImage') or {}).get('backend_args'))
    load = {} if backend in (None, dict(backend='local')) else dict(backend_args=backend)
    return {key: value for key, value in dict(load=load, weak=weak, strong=strong).items() if value}


def _rotation(cfg: Config) -> Optional[float]:
    """Return how far the student's view is turned, if the labeled views are turned unusually."""
    step = _step(cfg, 'RandomBBoxTransform')
    rotation = step.get('rotate_factor', 80) if step else 0
    low, high = _USUAL_ROTATION
    return None if low <= rotation <= high else float(rotation)
