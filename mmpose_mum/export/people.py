"""Find the people of a config, labeled or not, and predict them with a plain model."""
import os
import os.path as osp
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Optional, Union

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.utils import track_iter_progress
from mmpose.registry import DATASETS
from torch.utils.data import DataLoader, Dataset

from ..checkpoint.plain import build_plain, weights_of
from ..checkpoint.safe_load import load_checkpoint
from ..coco.labels import foreign_class
from ..coco.layout import read_coco
from ..configs.components import name_of
from ..configs.datasets import (
    image_folder,
    leaves,
    map_leaves,
    pipeline_of,
    with_labeled_boxes,
)
from ..configs.metainfo import keypoints_of, metainfo_of, told_keypoints
from ..configs.plain import plain_config
from ..configs.scope import scope_of
from ..datasets.short_form import places_of, sources_of
from ..files.images import folder_of
from .publish import check_keypoints, same_names

Observer = Callable[[Dict[str, Any]], Dict[str, np.ndarray]]


class People(NamedTuple):
    """People to predict, with or without labels.

    Attributes:
        datasets: One or several that are built.
        root: The folder that images are named relative to.
        metainfo: What MMPose knows of the keypoints.
        categories: Of each dataset, those of its json by their ids.
        category: Of people whose json has none, or who have no json.
    """
    datasets: List[Dataset]
    root: str
    metainfo: Dict[str, Any]
    categories: List[Dict[Any, dict]]
    category: Dict[str, Any]


class _Samples(Dataset):
    """A dataset's packed people; None for one whose image cannot be read."""

    def __init__(self, dataset) -> None:
        self.dataset = dataset

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> Optional[dict]:
        # Not dataset[index], which would put another person in the place of an unreadable one.
        return self.dataset.prepare_data(index)


def find_people(cfg: Config, unlabeled: Optional[str] = None,
                images: Optional[str] = None) -> People:
    """Build the dataset of the unlabeled people, with the pipeline that MMPose tests with.

    Args:
        cfg (Config): Of a semi-supervised training, or a plain one.
        unlabeled (str, optional): A folder of images and videos, a video, or a json: COCO's, or a
            detector's results. Defaults to what the training has.
        images (str, optional): The folder of the images, if ``unlabeled`` is a json; must be left
            out otherwise. Defaults to that of the training's.

    Returns:
        People: At least one.

    Raises:
        FileNotFoundError: If there is no such file or folder.
        ValueError: If nobody is found, the config does not say where to look, ``images`` is given
            without a json, or the unlabeled set has other keypoints than the model.
    """
    if images is not None and not _is_json(unlabeled):
        raise ValueError(
            f'--unlabeled-images is {images!r}, the folder of a json\'s images, but --unlabeled '
            + ('is not given: add the json' if unlabeled is None else
               f'is {unlabeled!r}, which is no json: leave --unlabeled-images out'))
    entries = plain_config(cfg)[0]
    test = entries['test_dataloader']['dataset']
    own = _unlabeled_of(cfg.to_dict())
    if unlabeled is None:
        if own is None:
            raise ValueError(f'{cfg.filename} has no unlabeled people: give them with '
                             '--unlabeled')
        source = own
    else:
        source = _source(unlabeled, images or (image_folder(own) if own else None))
        source['metainfo'] = metainfo_of(own or test)
    with scope_of(cfg):
        pipeline = _pipeline(test)
        datasets = list(leaves(DATASETS.build(
            map_leaves(source, lambda leaf: dict(leaf, pipeline=pipeline)))))
    metainfo, own_names = keypoints_of(entries), datasets[0].metainfo['keypoint_id2name']
    if own_names != metainfo['keypoint_id2name']:
        same_names('the unlabeled set of the config', told_keypoints(own_names, entries['model']),
                   'the set that the model is tested with', metainfo['keypoint_id2name'],
                   'give both sets the metainfo of the training')
    folders = {osp.abspath(folder_of(dataset.data_prefix['img']) or '.') for dataset in datasets}
    return People(datasets, osp.commonpath(folders), metainfo,
                  [_categories(dataset.ann_file) for dataset in datasets],
                  _category_of_labels(cfg.to_dict(), metainfo))


def find_labeled(cfg: Config) -> People:
    """Build the dataset of the people that a training has labels of, to be predicted.

    Args:
        cfg (Config): Of a semi-supervised training, or a plain one.

    Returns:
        People: Their datasets have the labels as well.

    Raises:
        FileNotFoundError: If its json is not there.
        ValueError: If the config has no labeled set.
    """
    full, test = cfg.to_dict(), plain_config(cfg)[0]['test_dataloader']['dataset']
    sets = _training_sets(full)
    if not sets:
        raise ValueError(f'{cfg.filename} has no training set')
    return _with_labels(full, sets[0], test)


def find_validation(cfg: Config) -> People:
    """Build the dataset that a training is validated on, with its labeled boxes, to be predicted.

    Args:
        cfg (Config): Of a semi-supervised training, or a plain one.

    Returns:
        People: Their datasets have the labels as well.

    Raises:
        FileNotFoundError: If its json is not there.
        ValueError: If the config has no validation set.
    """
    full = cfg.to_dict()
    validation = (full.get('val_dataloader') or {}).get('dataset')
    if not validation:
        raise ValueError(f'{cfg.filename} has no validation set')
    return _with_labels(full, with_labeled_boxes(validation), validation)


def _with_labels(full: Dict[str, Any], dataset: Dict[str, Any], test: Dict[str, Any]) -> People:
    """Build a labeled dataset that is loaded as a test set is."""
    with scope_of(full):
        pipeline = _pipeline(test)
        try:
            datasets = list(leaves(DATASETS.build(
                map_leaves(dataset, lambda leaf: dict(leaf, pipeline=pipeline)))))
        except AssertionError as error:  # MMPose's, of a json that is not there
            raise FileNotFoundError(str(error)) from error
    return People(datasets, '', dict(datasets[0].metainfo), [{}] * len(datasets), {})


def load_plain(cfg: Config, checkpoint: Union[str, Dict[str, Any]],
               which: str = 'teacher') -> torch.nn.Module:
    """Build the plain model of a config with the weights of a checkpoint.

    Args:
        cfg (Config): Of a semi-supervised training, or a plain one.
        checkpoint (str | dict): Of such a training, or a plain one, or what was read of it; may
            come from a stranger.
        which (str): ``'teacher'`` or ``'student'``, of a semi-supervised training.

    Returns:
        torch.nn.Module: The estimator, on the CPU, in evaluation mode.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is not a checkpoint of the config's model, or one of other keypoints.
    """
    content = checkpoint if isinstance(checkpoint, dict) else load_checkpoint(checkpoint)
    entries = plain_config(cfg)[0]
    model = build_plain(entries, weights_of(content['state_dict'], which))
    check_keypoints(keypoints_of(entries), content, entries['model'])
    return model


@torch.no_grad()
def predict(model: torch.nn.Module, people: People, batch_size: int,
            observe: Optional[Observer] = None) -> Iterator[Optional[dict]]:
    """Predict all people in their images.

    Args:
        model (torch.nn.Module): A plain top-down estimator, on its device.
        people (People): Whom to predict.
        batch_size (int): People at once.
        observe (callable, optional): Takes a collated batch and returns arrays with an entry for
            each person, by names that the person gets them under.

    Yields:
        dict: Of each person, in order: ``path``; ``img_id``; ``size``, width and height of the
        image; ``box`` (4, ), x1 y1 x2 y2; ``keypoints`` (K, 2), all in pixels of the image;
        ``scores`` (K, ); ``category``, an entry of a json's categories. None for one whose image
        cannot be read, or whose box lies outside of it.

    Raises:
        ValueError: If a prediction is NaN or infinite.
    """
    workers = min(4, os.cpu_count() or 1) - 1
    for dataset, categories in zip(people.datasets, people.categories):
        batches = DataLoader(_Samples(dataset), batch_size, num_workers=workers, collate_fn=list)
        for batch in track_iter_progress((batches, len(batches))):
            packed = [item for item in batch if item is not None]
            data = pseudo_collate(packed) if packed else {}
            found = enumerate(model.test_step(data) if packed else ())
            more = observe(data) if packed and observe else {}
            for item in batch:
                if item is None:
                    yield None
                    continue
                i, sample = next(found)
                number = sample.metainfo.get('category_id')
                yield dict(
                    _person(sample), **{name: values[i] for name, values in more.items()},
                    category=next((entry for key, entry in categories.items() if key == number),
                                  people.category))


def note_of_layout(cfg: Config) -> str:
    """Say that the labels' class cannot read a json of predictions, in COCO's layout; or ''."""
    sets = _training_sets(cfg.to_dict())
    kind = foreign_class(sets[0]) if sets else ''
    return kind and (f'NOTE: the labels are read by {kind}, which needs a layout of its own. It '
                     'cannot train on the json that is written here, and `mmpose-mum merge` cannot '
                     'add it to the labels')


def nobody_predicted(people: People) -> ValueError:
    """Return the error that nobody can be predicted; it shows one of the images."""
    filled = next(filter(len, people.datasets), None)
    first = f', such as {filled.get_data_info(0)["img_path"]!r}' if filled else ''
    return ValueError(
        f'none of the {sum(map(len, people.datasets))} people can be predicted: their images '
        f'cannot be read{first}, or their boxes lie outside of them. Check the boxes '
        'and the folder of the images. Relative paths start where the command runs')


def _categories(path: str) -> Dict[Any, dict]:
    """Read the categories of a json that have a name; there are none if it is not COCO's."""
    try:
        found = read_coco(path).categories if path else {}
    except (OSError, ValueError):
        return {}
    return {key: entry for key, entry in found.items() if isinstance(entry.get('name'), str)}


def _category_of_labels(full: Dict[str, Any], metainfo: Dict[str, Any]) -> Dict[str, Any]:
    """Return what the labels call people, or else what the metainfo is called."""
    test = (full.get('test_dataloader') or {}).get('dataset')
    sets = [*_training_sets(full), test]
    taken = [0]
    for config in leaves(dict(datasets=[config for config in sets if config])):
        found = _categories(osp.join(config.get('data_root') or '', config.get('ann_file') or ''))
        with_keypoints = [entry for entry in found.values() if entry.get('keypoints')]
        if len(with_keypoints or found) == 1:
            return (with_keypoints or [*found.values()])[0]
        taken += [number for number in found if isinstance(number, int)]
    return dict(id=max(taken) + 1, name=metainfo['dataset_name'])


def _person(sample) -> dict:
    found = sample.pred_instances.cpu().numpy()
    height, width = sample.metainfo['ori_shape']
    if not (np.isfinite(found.keypoints).all() and np.isfinite(found.keypoint_scores).all()):
        raise ValueError(
            f'what the model predicts for a person in {osp.abspath(sample.metainfo["img_path"])} '
            'is NaN or infinite: the weights of the checkpoint are broken. Use an earlier one')
    return dict(
        path=osp.abspath(sample.metainfo['img_path']), img_id=sample.metainfo['img_id'],
        size=(int(width), int(height)), box=found.bboxes[0], keypoints=found.keypoints[0][:, :2],
        scores=found.keypoint_scores[0])


def _training_sets(full: Dict[str, Any]) -> List[Dict[str, Any]]:
    """Return the labeled set's config and the unlabeled one's, as far as the config has them."""
    dataset = (full.get('train_dataloader') or {}).get('dataset')
    return sources_of(dataset) if dataset else []


def _unlabeled_of(full: Dict[str, Any]) -> Optional[Dict[str, Any]]:
    sets = _training_sets(full)
    return sets[1] if len(sets) > 1 else None


def _is_json(unlabeled: Optional[str]) -> bool:
    return unlabeled is not None and unlabeled.lower().endswith('.json')


def _source(unlabeled: str, images: Optional[str]) -> Dict[str, Any]:
    if not osp.exists(unlabeled):
        raise FileNotFoundError(f'--unlabeled: there is no {unlabeled!r}')
    json = _is_json(unlabeled)
    if json and not images:
        raise ValueError('--unlabeled is a json: give its folder of images with --unlabeled-images')
    if json and not osp.isdir(images or ''):
        raise FileNotFoundError(f'--unlabeled-images: there is no folder {images!r}')
    return dict(type='UnlabeledPoseDataset', **places_of(unlabeled, images or ''))


def _pipeline(test: Dict[str, Any]) -> List[Dict[str, Any]]:
    """Return the test pipeline, which reads frames too and skips what cannot be read."""
    steps = []
    for step in pipeline_of(test):
        name = name_of(step)
        if name == 'LoadImage':
            step = dict(step, type='LoadUnlabeledImage')
        elif name == 'PackPoseInputs' and 'meta_keys' in step:
            step = dict(step, meta_keys=tuple(
                {*step['meta_keys'], 'img_id', 'img_path', 'ori_shape', 'category_id'}))
        steps.append(step)
    if not any(step['type'] == 'LoadUnlabeledImage' for step in steps):
        raise ValueError('the pipeline of the test data has no LoadImage, so it is not that of a '
                         'top-down model')
    return steps
