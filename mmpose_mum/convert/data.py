"""Make the training data of a converted config: the original's labeled set, and unlabeled data."""
import re
from typing import Any, Dict, List, Optional, Tuple

from mmengine.config import Config

from ..configs.components import name_of
from ..configs.datasets import find_owner, find_step, image_folder
from ..configs.metainfo import metainfo_of
from ..configs.plain import read_config
from ..datasets.short_form import places_of
from .options import Options
from .references import Base, Changed, shortest, unscoped

_DATASET = Base('train_dataloader', 'dataset')
# What transforms that change colors are called, in MMPose and in the packages beside it.
_COLORS = re.compile('albu|color|gr[ae]y|hsv|jitter|photometric|(rand|auto)_?aug', re.IGNORECASE)
# SSHPE's views fit MMPose's usual rotation of people by up to 80°, or 60°.
_USUAL_ROTATION = (60, 80)
# These were better on Leeds Sports than the views' own defaults.
_SHIFT = dict(shift_prob=1., shift_factor=0.03)
_WEAK = dict(scale_factor=(0.9, 1.1), **_SHIFT)
_STRONG = dict(
    scale_factor=(0.75, 1.25), photometric=dict(num_ops=3, magnitude=0.5), **_SHIFT)


def data_overrides(cfg: Config, options: Options) -> Dict[str, Any]:
    """Make the overrides of the training data.

    Args:
        cfg (Config): The original config.
        options (Options): The options.

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
            unlabeled=_unlabeled(cfg, options), **_views(cfg, options))))


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
    if not affine:
        raise ValueError('the training pipeline has no TopdownAffine, which crops one person for '
                         f'a top-down model: {[name_of(step) for step in _pipeline(cfg)]}')
    return tuple(affine['input_size'])


def _labeled(cfg: Config, options: Options) -> Any:
    owner = owner_of(cfg, _DATASET)
    metainfo_of(owner.of(cfg))  # which the unlabeled set will ask for as well
    pipeline = _augmented(cfg, owner)
    if options.labeled is None:
        return Changed(_DATASET, pipeline=pipeline) if pipeline and (
            owner.path == _DATASET.path) else _DATASET
    changes: Dict[str, Any] = dict(pipeline=pipeline) if pipeline else {}
    if 'datasets' in owner.of(cfg) and not pipeline:
        changes = dict(pipeline=shortest(owner / 'pipeline', cfg))
    return replaced(cfg, owner, options.labeled, options.labeled_images or
                    image_folder(_DATASET.of(cfg)), **changes)


def replaced(cfg: Config, owner: Base, ann_file: str, images: str, **changes) -> Any:
    """Refer to a dataset with other annotations. A combination becomes one CocoDataset.

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
    everybody = dict(indices=None, sample_interval=1)  # the original may take a part of its own
    changes.update((key, value) for key, value in everybody.items() if key in owner.of(cfg))
    return Changed(owner, data_root='', **changes)


def owner_of(cfg: Config, base: Base) -> Base:
    """Find the first dataset that has its own pipeline, inside of wrappers.

    Args:
        cfg (Config): The original config.
        base (Base): Its dataset for training or validation.

    Returns:
        Base: That dataset.

    Raises:
        ValueError: If there is none.
    """
    found = find_owner(base.of(cfg), 'pipeline')
    if found is None:
        raise ValueError(f'{base.path[0]}: the dataset {base.of(cfg).get("type")} has no pipeline')
    return Base(*base.path, *found[0])


def _augmented(cfg: Config, owner: Base) -> Optional[list]:
    """Return the labeled pipeline, with changed colors and erased patches after the crop.

    None if it changes colors already, as RTMPose's does, or if its images are gray.
    """
    input_size(cfg)  # raises if there is no crop
    names = [name_of(step) for step in _pipeline(cfg)]
    if any(map(_COLORS.search, names)) or _is_gray(cfg):
        return None
    base, end = shortest(owner / 'pipeline', cfg), names.index('TopdownAffine') + 1
    steps: List[Any] = [base / i for i in range(len(names))]
    added = [dict(type='PhotometricRandAugment', num_ops=2, magnitude=0.3),
             dict(type='mmdet.CutOut', **_erasing(cfg))]
    return steps[:end] + added + steps[end:]


def _pipeline(cfg: Config) -> list:
    return (owner_of(cfg, _DATASET) / 'pipeline').of(cfg)


def _step(cfg: Config, name: str) -> dict:
    """Find a transform of the labeled pipeline, {} if it has none of that name."""
    return find_step(_DATASET.of(cfg), name)


def _unlabeled(cfg: Config, options: Options) -> Any:
    """Say where the unlabeled people are: by a path, or by a json and the folder of its images."""
    images = options.unlabeled_images or options.labeled_images or image_folder(_DATASET.of(cfg))
    places = places_of(options.unlabeled, images)
    if options.unlabeled_ann_file is not None:
        places['ann_file'] = options.unlabeled_ann_file
    return places if len(places) > 1 else options.unlabeled


def _views(cfg: Config, options: Options) -> Dict[str, dict]:
    """Collect the options of the unlabeled views, also those that follow the labeled pipeline."""
    crop: Dict[str, Any] = {}
    rotation = _rotation(cfg)
    if not any(_mirrors(step) for step in _pipeline(cfg)):
        crop['flip_prob'] = 0.
    weak, strong = dict(crop, **_WEAK), dict(crop, **_STRONG, erasing=_erasing(cfg))
    if _is_gray(cfg):
        strong.update(photometric=None, erasing=None)
    if rotation is not None:
        weak['rotate_factor'], strong['rotate_factor'] = rotation / 2, rotation
    if options.labeler is not None:
        weak.update(_view_of_labeler(cfg, options.labeler[0]))
    load = _loading(cfg)
    return {key: value for key, value in dict(load=load, weak=weak, strong=strong).items() if value}


def _mirrors(step: dict) -> bool:
    """Tell whether a transform mirrors people, left to right."""
    if 'Flip' not in name_of(step):
        return False
    directions, probs = step.get('direction', 'horizontal'), step.get('prob', 0.5)
    directions = directions if isinstance(directions, list) else [directions]
    probs = probs if isinstance(probs, list) else [probs] * len(directions)
    return any(prob > 0 and direction != 'vertical'
               for prob, direction in zip(probs, directions))


def _loading(cfg: Config) -> Dict[str, Any]:
    """Collect how the original reads its images, if that is unusual, for the unlabeled ones."""
    step = unscoped(_step(cfg, 'LoadImage'))
    usual = dict(backend_args=(None, dict(backend='local')), color_type=('color', ),
                 imdecode_backend=('cv2', ))
    load = {key: step[key] for key, values in usual.items()
            if key in step and step[key] not in values}
    if {*load} - {'backend_args'}:
        load['input_size'] = None  # which has OpenCV decode JPEGs in color, at a reduced size
    return load


def _is_gray(cfg: Config) -> bool:
    """Tell whether images have one channel: no transform changes colors or erases there."""
    return _step(cfg, 'LoadImage').get('color_type') == 'grayscale'


def _view_of_labeler(cfg: Config, path: str) -> Dict[str, Any]:
    """Collect the options of the weak view that follow the labeler's crop, not the student's."""
    found = read_config(path)
    dataset = (found.get('test_dataloader') or found.get('val_dataloader') or {}).get('dataset', {})
    crop = find_step(dataset, 'TopdownAffine')
    if not crop:
        raise ValueError(f"the labeler's config {path!r} has no test pipeline with a "
                         'TopdownAffine, which says how large its images are')
    own = _step(cfg, 'TopdownAffine')
    view: Dict[str, Any] = {}
    if tuple(crop['input_size']) != tuple(own['input_size']):
        view['input_size'] = tuple(crop['input_size'])
    if crop.get('use_udp', False) != own.get('use_udp', False):
        view['use_udp'] = crop.get('use_udp', False)
    padding = find_step(dataset, 'GetBBoxCenterScale').get('padding', 1.25)
    if padding != _step(cfg, 'GetBBoxCenterScale').get('padding', 1.25):
        view['padding'] = padding
    return view


def _erasing(cfg: Config) -> Dict[str, Any]:
    """Return the arguments that erase patches of an image, in the color that normalizes to 0."""
    preprocessor = cfg.model.get('data_preprocessor') or cfg.get('data_preprocessor') or {}
    mean = list(preprocessor.get('mean') or [114.] * 3)
    # Images are loaded as BGR.
    fill = mean[::-1] if preprocessor.get('bgr_to_rgb') else mean
    return dict(n_holes=3, cutout_ratio=[(0.1, 0.1), (0.14, 0.14), (0.18, 0.18)],
                fill_in=tuple(map(round, fill)))


def _rotation(cfg: Config) -> Optional[float]:
    """Return the rotation of the student's view, in degrees; None if the view's default fits."""
    step = _step(cfg, 'RandomBBoxTransform')
    rotation = 0
    if step and step.get('rotate_prob', 0.6) > 0:
        rotation = step.get('rotate_factor', 80)
    low, high = _USUAL_ROTATION
    return None if low <= rotation <= high else float(rotation)
