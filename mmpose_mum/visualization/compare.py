"""Draw the same validation people as several models predict them, next to the ground truth."""
from pathlib import Path
from typing import Dict, Optional, Sequence, Tuple

import cv2
import numpy as np
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmpose.evaluation.functional import keypoint_pck_accuracy
from mmpose.registry import DATASETS, MODELS
from mmpose.structures import PoseDataSample

from .._moved import old_names
from ..checkpoint.last import find_checkpoint
from ..checkpoint.plain import load_or_tell
from ..checkpoint.safe_load import load_checkpoint
from ..configs.datasets import with_labeled_boxes
from ..configs.plain import read_config
from ..configs.scope import scope_of
from .person import PanelVisualizer, draw_captioned

__getattr__ = old_names(__name__)
BORDER = 4  # what surrounds a person's panels, in pixels
THRESHOLD = 0.1  # what PCK allows, in longer sides of the box
Models = Dict[str, Tuple[Config, Path]]  # name → config and checkpoint


def parse_models(texts: Sequence[str]) -> Models:
    """Read NAME=CONFIG:CHECKPOINT of each model, all of which must exist."""
    models = {}
    for text in texts:
        name, _, files = text.partition('=')
        config, _, checkpoint = files.rpartition(':')
        if not (name and config and checkpoint) or name in models:
            raise ValueError(f'{text}: expected NAME=CONFIG:CHECKPOINT, each with another name')
        models[name] = read_config(config), find_checkpoint(Path(checkpoint))
    return models


def build_dataset(cfg: Config, **changes):
    """Build a config's validation set, with its labeled boxes instead of detected ones."""
    loader = cfg.get('val_dataloader')
    if not loader:
        raise ValueError(f'{cfg.filename} has no validation set, whose people are compared: give '
                         'it a val_dataloader')
    try:
        with scope_of(cfg):
            return DATASETS.build(dict(with_labeled_boxes(loader.dataset), **changes))
    except (FileNotFoundError, AssertionError) as error:  # the latter by MMPose
        raise ValueError(f'no validation set of {cfg.filename}: {error}') from error


def check_keypoints(models: Models) -> None:
    """Raise ValueError unless all models' data have the same keypoints in the same order."""
    keypoints = {name: list(build_dataset(cfg, lazy_init=True).metainfo['keypoint_name2id'])
                 for name, (cfg, _) in models.items()}
    first = next(iter(keypoints))
    for name in keypoints:
        if keypoints[name] != keypoints[first]:
            raise ValueError(f'{first} has the keypoints {keypoints[first]}, and {name} has '
                             f'{keypoints[name]}: compare only models with the same keypoints in '
                             'the same order')


def build_model(name: str, cfg: Config, checkpoint: Path, which: Optional[str] = None):
    """Build a model and load the checkpoint, whose weights must match exactly."""
    with scope_of(cfg):
        model = MODELS.build(cfg.model).eval()
    unfit = load_or_tell(model, load_checkpoint(checkpoint)['state_dict'])
    if unfit:
        raise ValueError(f'{checkpoint} is no checkpoint for {name}, {cfg.filename}: {unfit}. Give '
                         'the config that it was trained with')
    if which and hasattr(model, 'semi_test_cfg'):
        model.semi_test_cfg['predict_on'] = which
    return model


def right_and_labeled(sample: PoseDataSample) -> Tuple[int, int]:
    """Return how many of a predicted sample's labeled keypoints are right, and how many there are.

    One that does not count, as in MMPose's PCK, is not labeled or has no box.
    """
    truth = sample.gt_instances
    labeled = truth.keypoints_visible.reshape(1, -1) > 0
    size = np.full((1, 2), np.max(truth.bboxes[0, 2:] - truth.bboxes[0, :2]))
    shares, _, _ = keypoint_pck_accuracy(
        sample.pred_instances.keypoints, truth.keypoints, labeled, THRESHOLD, size)
    return int((shares > 0).sum()), int((shares >= 0).sum())


def share_right(sample: PoseDataSample) -> float:
    """Return the share of labeled keypoints that are right, NaN if none is labeled."""
    right, labeled = right_and_labeled(sample)
    return right / labeled if labeled else float('nan')


def compare(models: Models, num: int = 12, indices: Optional[Sequence[int]] = None,
            which: Optional[str] = None) -> Tuple[np.ndarray, Dict[str, list]]:
    """Draw people of the first model's validation set as all models predict them.

    Args:
        models (dict): Name → config and checkpoint.
        num (int): People, spread evenly over the set from its first to its last.
        indices (Sequence[int], optional): Indices of people to draw instead.
        which (str, optional): ``'teacher'`` or ``'student'``, for semi-supervised models.

    Returns:
        tuple: The sheet, uint8 BGR, and each model's list of each person's share.

    Raises:
        ValueError: If the models' keypoints differ, a checkpoint is not its model's, or a
            validation set or an index is not there.
    """
    check_keypoints(models)
    first, _ = next(iter(models.values()))
    columns = {}
    for name, (cfg, checkpoint) in models.items():
        # The people are the first config's, what the network gets to see of them is its own.
        dataset = build_dataset(first, pipeline=cfg.val_dataloader.dataset.pipeline)
        last = len(dataset) - 1
        chosen = indices or np.linspace(0, last, min(num, last + 1)).round().astype(int).tolist()
        if not all(0 <= i <= last for i in chosen):
            raise ValueError(f'indices {chosen}: the validation set has 0 to {last}')
        model = build_model(name, cfg, checkpoint, which)
        columns[name] = [model.val_step(pseudo_collate([dataset[i]]))[0].cpu().numpy()
                         for i in chosen]
    visualizer = PanelVisualizer(dataset.metainfo)
    shares = {name: [share_right(sample) for sample in columns[name]] for name in columns}
    tiles = []
    for i, samples in enumerate(zip(*columns.values())):
        truth = samples[0].gt_instances
        image, box = cv2.imread(samples[0].img_path), truth.bboxes[0]
        labeled = truth.keypoints_visible.reshape(-1) > 0
        panels = [draw_captioned(visualizer, image, box, truth.keypoints[0], labeled, (
            'ground truth', f'{labeled.sum()} of {len(labeled)} keypoints labeled'))]
        for name, sample in zip(columns, samples):
            panels.append(draw_captioned(
                visualizer, image, box, sample.pred_instances.keypoints[0], labeled | True,
                (name, f'PCK@{THRESHOLD}: {100 * shares[name][i]:.0f} %')))
        tiles.append(cv2.copyMakeBorder(cv2.hconcat(panels), *[BORDER] * 4, cv2.BORDER_CONSTANT))
    width = min(len(tiles), max(2, 8 // len(panels)))  # of the sheet, in people
    tiles += [np.zeros_like(tiles[0])] * (-len(tiles) % width)
    rows = [cv2.hconcat(tiles[i:i + width]) for i in range(0, len(tiles), width)]
    return cv2.vconcat(rows), shares
