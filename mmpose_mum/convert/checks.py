"""Check everything that a semi-supervised config names, and write it to a file."""
import os
import os.path as osp
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Dict, Iterator, List, Optional, Sequence, Tuple

from mmengine.config import Config
from mmengine.dataset import BaseDataset
from mmengine.fileio import exists, isfile
from mmengine.registry import DefaultScope
from mmpose.datasets.datasets.utils import parse_pose_metainfo
from mmpose.registry import DATASETS, METRICS

from ..coco.metric import check_val_set
from ..configs.components import name_of
from ..configs.datasets import leaves, loads_elsewhere
from ..configs.metainfo import keypoint_names, metainfo_of
from ..configs.plain import run_config
from ..configs.shipped import find_shipped_config
from ..datasets.short_form import SOURCE_NAMES, sources_of
from ..files.images import count_shared
from ..files.similar_names import similar_name
from ..files.sizes import evenly, shown_size
from ..files.video import VIDEO_SUFFIXES, split_frame_name
from ..files.whole import write_whole
from ..models.labelers import Labeler
from .convert import overrides
from .model import build_without_weights
from .options import Options
from .writer import base_name, converted_text

_OWN_HEADS = (
    "Each head box belongs to the person of its place in MPII's own json. Convert a config of "
    'yours that inherits from the original: its val_dataloader.dataset has the headbox_file of '
    "your json, or None, with val_evaluator=dict(_delete_=True, type='PCKAccuracy', "
    "norm_item='bbox'). The same holds for the test")


def check_paths(options: Options, out: str, force: bool) -> None:
    """Look for the files and folders of the options, before the training does.

    Args:
        options (Options): The options.
        out (str): The config to write.
        force (bool): Whether it may exist.

    Raises:
        FileNotFoundError: If a file or folder is missing.
        ValueError: If one is of the wrong kind, or the config to write exists.
    """
    for name in ('labeled', 'unlabeled', 'unlabeled_ann_file', 'val', 'labeler_file'):
        path = getattr(options, name)
        if path and not osp.exists(path):
            raise FileNotFoundError(f'--{name.replace("_", "-")}: there is no {path!r} (looked for '
                                    f'{osp.abspath(path)!r})')
    for name in ('labeled', 'val'):
        path = getattr(options, name)
        if path and not path.endswith('.json'):
            raise ValueError(f'--{name}: expected a json of annotations, got {path!r}')
    if options.labeler is not None and not osp.isfile(options.labeler[1]):
        raise FileNotFoundError(f'--labeler: there is no checkpoint {options.labeler[1]!r} (looked '
                                f'for {osp.abspath(options.labeler[1])!r})')
    if not osp.isdir(options.unlabeled) and not options.unlabeled.lower().endswith(
            ('.json', *VIDEO_SUFFIXES)):
        raise ValueError(f'--unlabeled: {options.unlabeled!r} is no folder, json or video '
                         f'({", ".join(VIDEO_SUFFIXES)})')
    if osp.exists(out) and not force:
        raise ValueError(f'{out!r} exists already; --force overwrites it')
    if not out.endswith('.py'):
        raise ValueError(f'--out: a config ends in .py, got {out!r}')


def check_image_folders(original: Config, options: Options) -> None:
    """Look for the options' folders of images, unless the original's images are not on the disk.

    Args:
        original (Config): The config to convert.
        options (Options): The options.

    Raises:
        FileNotFoundError: If one is missing.
    """
    for name, loader in dict(labeled='train', unlabeled='train', val='val').items():
        images = getattr(options, name + '_images')
        dataset = (original.get(f'{loader}_dataloader') or {}).get('dataset', {})
        if images and not osp.isdir(images) and not loads_elsewhere(dataset):
            raise FileNotFoundError(f'--{name}-images: there is no folder {images!r} (looked for '
                                    f'{osp.abspath(images)!r})')


@contextmanager
def _reading(dataset: dict) -> Iterator[None]:
    """Say which class cannot read which json, where its reader says no more than a key."""
    try:
        yield
    except (AttributeError, IndexError, KeyError, TypeError) as error:
        kinds = sorted({name_of(part) for part in leaves(dataset)})
        files = [path for path in _files(dataset) if path]
        raise ValueError(
            f'{", ".join(kinds)} cannot read {", ".join(map(repr, files))}: '
            f'{type(error).__name__}: {error}. A class may need another layout than the json has. '
            "For keypoints in COCO's own layout, the config needs a CocoDataset with their metainfo"
        ) from error


def check_training(cfg: Config, labeler: Optional[Labeler],
                   labeled: bool) -> Tuple[str, Dict[str, List[str]]]:
    """Read the training data, and look for the first unlabeled image.

    Args:
        cfg (Config): The semi-supervised config.
        labeler (Labeler, optional): Has to know the unlabeled people.
        labeled (bool): Whether to read the labeled set too. The original's may not be here.

    Returns:
        tuple[str, dict[str, list[str]]]: The number of people, in words; and the paths of the
        images of each set that was read.

    Raises:
        ValueError: If a set cannot be read or is empty, its images are not where the config says or
            cannot be read, or the labeler lacks a person.
    """
    dataset = cfg.train_dataloader.dataset
    if labeled:
        with _reading(sources_of(dataset)[0]):
            sources = dict(zip(SOURCE_NAMES, DATASETS.build(dataset).datasets))
    else:
        sources = {SOURCE_NAMES[1]: DATASETS.build(sources_of(dataset)[1])}
    images = {name: _images_of(source) for name, source in sources.items()}
    unlabeled = images[SOURCE_NAMES[1]]
    if not loads_elsewhere(dataset):
        if not split_frame_name(unlabeled[0]) and not isfile(unlabeled[0]):
            raise ValueError(
                f'the first unlabeled image {unlabeled[0]!r} does not exist'
                f'{similar_name(unlabeled[0])}; give their folder with --unlabeled-images')
        few = evenly(unlabeled)
        if not any(map(shown_size, few)):
            raise ValueError(f'none of {len(few)} unlabeled images that were tried can be read, '
                             f'such as {few[0]!r}: are they images?')
    if labeler is not None:
        labeler.check_people(sources[SOURCE_NAMES[1]])
    words = ' and '.join(f'{len(source)} {name}' for name, source in sources.items())
    return f'{words} people', images


def _images_of(dataset) -> List[str]:
    # Not get_data_info of MMPose's, which copies the metainfo for each person.
    return list(dict.fromkeys(
        BaseDataset.get_data_info(part, i)['img_path']
        for part in leaves(dataset) for i in range(len(part))))


def check_validation(cfg: Config) -> Tuple[str, List[str]]:
    """Read the validation data, and look for the metrics' files and the first image.

    Args:
        cfg (Config): The semi-supervised config.

    Returns:
        tuple[str, list[str]]: The number of people, in words; and the images' paths.

    Raises:
        ValueError: If there are none, a file is not where the config says, or the labels lack
            what CocoMetric needs.
    """
    evaluator = cfg.val_evaluator
    metrics = evaluator if isinstance(evaluator, (list, tuple)) else [evaluator]
    files = [*_files(cfg.val_dataloader.dataset), *(metric.get('ann_file') for metric in metrics)]
    for path in files:
        if path and not exists(path):
            raise ValueError(f'the validation reads {path!r}, which does not exist; give '
                             'a json of yours, with boxes, with --val. `mmpose-mum split '
                             'labels.json --out splits --percent 80 --keep-hidden` makes two '
                             'jsons of one')
    for part in leaves(cfg.val_dataloader.dataset):
        if part.get('headbox_file') and not exists(part['headbox_file']):
            raise ValueError(f'the validation reads {part["headbox_file"]!r}, which does not '
                             f'exist. {_OWN_HEADS}')
    _check_best(cfg, metrics)
    check_val_set(cfg.val_dataloader.dataset, evaluator)
    try:
        with _reading(cfg.val_dataloader.dataset):
            dataset = DATASETS.build(cfg.val_dataloader.dataset)
        person = dataset.get_data_info(0)
    except (IndexError, ValueError) as error:  # MMEngine's, serializing nothing
        if error.__cause__:  # it says what is wrong
            raise
        raise ValueError(f'found nobody to validate on in {files[0]!r} ({error}). Annotations '
                         'need a `bbox`, `keypoints` and at least one labeled keypoint. Give '
                         'another json with --val') from error
    for part in leaves(dataset):
        if getattr(part, 'headbox_file', None):
            heads = part.headbox_dict['headboxes_src'].shape[-1]
            if heads != len(part):
                raise ValueError(
                    f'the {len(part)} people of {part.ann_file!r} would be measured by the {heads} '
                    f'head boxes of {part.headbox_file!r}. {_OWN_HEADS}')
    if not isfile(person['img_path']) and not loads_elsewhere(
            cfg.val_dataloader.dataset):  # of a layout that is not checked above
        raise ValueError(f'the first image of the validation, {person["img_path"]!r}, does not '
                         'exist; give the folder with --val-images, or another json with --val')
    return f'{len(dataset)} people to validate on', _images_of(dataset)


def _check_best(cfg: Config, metrics: Sequence[dict]) -> None:
    """Raise ValueError if `save_best` names what none of the metrics gives."""
    best = ((cfg.get('default_hooks') or {}).get('checkpoint') or {}).get('save_best') or []
    for key in [best] if isinstance(best, str) else best:
        name = key.partition('/')[2]  # behind `teacher/`
        if key != 'auto' and not any(_may_give(metric, name) for metric in metrics):
            kinds = ', '.join(str(metric['type']) for metric in metrics)
            raise ValueError(f'the original has save_best={name!r}, and of its metrics ({kinds}) '
                             'none gives that: set its default_hooks.checkpoint.save_best, or its '
                             'val_evaluator')


def _may_give(metric: dict, name: str) -> bool:
    kind = METRICS.get(metric['type'])
    prefix = metric.get('prefix') or getattr(kind, 'default_prefix', None)
    if prefix:
        return name.startswith(f'{prefix}/')
    # Of MMPose's metrics without a prefix, one gives names with a slash. Others are free.
    free = kind is None or not kind.__module__.startswith('mmpose.') or (
        kind.__name__ == 'KeypointPartitionMetric')
    return free or '/' not in name


def _files(dataset: dict) -> Iterator[Optional[str]]:
    """List the files of annotations and detections that a dataset, or a part of it, reads."""
    for part in leaves(dataset):
        yield osp.join(part.get('data_root') or '', part.get('ann_file') or '')
        yield part.get('bbox_file')


def check_written(cfg: Config, options: Options) -> Tuple[List[str], List[str]]:
    """Build the model and the data of a written config.

    Args:
        cfg (Config): The written config.
        options (Options): The options that it was written by.

    Returns:
        tuple[list[str], list[str]]: The number of people to train and to validate on, in words; and
        what to tell the user besides.
    """
    model = build_without_weights(cfg.model)
    labeled = sources_of(cfg.train_dataloader.dataset)[0]
    names = keypoint_names(parse_pose_metainfo(metainfo_of(labeled)))
    model.target_maker.check_number(len(names))
    if model.labeler is not None:
        model.load_labeler(names)
    with DefaultScope.overwrite_default_scope('mmpose'):
        files = _files(labeled)
        words, trained = check_training(cfg, model.labeler, labeled=bool(options.labeled) or all(
            exists(path) for path in files if path))
        people, notes = [words], []
        val = cfg.get('val_dataloader')
        if val and (options.labeled or options.val or all(
                exists(path) for path in _files(val.dataset) if path)):
            words, images = check_validation(cfg)
            people.append(words)
            for name, paths in trained.items():
                shared = count_shared(images, paths)
                if shared:
                    less = 'less' if name == SOURCE_NAMES[1] else 'nothing'
                    notes.append(f'{shared} of the {len(images)} validation images are {name} '
                                 f'images, too: they say {less} about new ones')
    return people, notes


def remedy(error: Exception) -> str:
    """Say how to install the package that an error misses, if pyproject.toml's extra has it."""
    # A word of the error → the package to install.
    brings = dict(albumentations='albumentations', mmpretrain='mmpretrain', mmcls='mmpretrain')
    if any(name in str(error) and not find_spec(package) for name, package in brings.items()):
        return ' (in a checkout of mmpose_mum: pip install -e .[models])'
    return ''


def write_config(path: str, options: Options, out: str,
                 force: bool = False) -> Tuple[Config, Config, List[str], List[str]]:
    """Write the semi-supervised config of a plain one. Keep it only if it can be trained.

    Args:
        path (str): The original, see :func:`find_shipped_config`.
        options (Options): The options.
        out (str): The config to write.
        force (bool): Whether to overwrite it.

    Returns:
        tuple[Config, Config, list[str], list[str]]: The written config, the original, and what
        :func:`check_written` returns.

    Raises:
        ImportError: If a package is missing.
        OSError: If a file or folder is missing.
        ValueError: If something does not fit, or the config cannot be trained.
    """
    try:
        check_paths(options, out, force)
        found = find_shipped_config(path)
        if osp.exists(out) and osp.samefile(found, out):
            raise ValueError(f'--out: {out!r} is the config that is converted, and the new one '
                             'inherits from it: name another file')
        original = run_config(found)
        check_image_folders(original, options)
        text = converted_text(original, overrides(original, options), base_name(path, out))
    except (ImportError, KeyError) as error:  # a KeyError is MMEngine's, of an unknown component
        if not remedy(error):
            raise
        raise ImportError(f'{error}{remedy(error)}') from error
    os.makedirs(osp.dirname(osp.abspath(out)), exist_ok=True)
    before = Path(out).read_bytes() if osp.exists(out) else None
    write_whole(text, Path(out))
    try:
        written = Config.fromfile(out)
        people, notes = check_written(written, options)
    # A dataset's reader may raise anything if the json has another layout.
    except BaseException as error:
        os.remove(out) if before is None else write_whole(before, Path(out))
        if not isinstance(error, Exception):  # it was interrupted
            raise
        told = isinstance(error, (OSError, ValueError))  # others may say no more than a key
        raise ValueError(
            f'{out} is not written, as it cannot be trained: '
            f'{"" if told else type(error).__name__ + ": "}{error}{remedy(error)}') from error
    return written, original, people, notes
