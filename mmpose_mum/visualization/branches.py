"""Draw what a semi-supervised model does with unlabeled people, without training it."""
from typing import Any, Dict, Union

import cv2
import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmpose.registry import DATASETS, MODELS

from ..checkpoint.plain import load_or_tell
from ..checkpoint.safe_load import load_checkpoint
from ..configs.components import has_estimator
from ..configs.metainfo import keypoint_names
from ..configs.scope import scope_of
from .panels import draw_panel


def training_batch(dataset, num: int) -> dict:
    """Collate a labeled sample and ``num`` unlabeled ones, spread evenly over their source; all,
    if there are fewer.
    """
    labeled, unlabeled = dataset.datasets
    step = max(1, len(unlabeled) // num)
    return pseudo_collate(
        [labeled[0], *(unlabeled[i * step] for i in range(min(num, len(unlabeled))))])


@torch.no_grad()
def draw(model, data: dict, links, height: int) -> np.ndarray:
    """Take a step with a batch, without learning from it, and draw it; uint8 RGB."""
    steps: list = []
    model.watchers.append(steps.append)
    model(**model.data_preprocessor(data, True), mode='loss')
    return cv2.vconcat([
        draw_panel(step, model.data_preprocessor, links, num_images=len(step.weak), height=height,
                   title=step.prefix.rstrip('_')) for step in steps])


def draw_branches(cfg: Config, checkpoint: Union[str, Dict[str, Any], None] = None, num: int = 4,
                  height: int = 192, seed: int = 0) -> np.ndarray:
    """Build a config's data and model, and draw what the model does with people of the data.

    Args:
        cfg (Config): A semi-supervised config.
        checkpoint (str | dict, optional): Weights of the wrapper or of a plain model, or what was
            read of them.
        num (int): Rows, one person each; fewer if there are fewer people.
        height (int): Height of a tile, in pixels.
        seed (int): Of the views and of the mixing.

    Returns:
        np.ndarray: uint8 RGB, (H, W, 3).

    Raises:
        ValueError: If the config has no unlabeled branches, or does not look at them; or if the
            weights are not exactly those of its model.
    """
    if not has_estimator(cfg.get('model')):
        kind = (cfg.get('model') or {}).get('type', 'config without a model')
        raise ValueError(f'{cfg.filename} has a {kind} and no '
                         'SemiSupervisedPoseEstimator: it has no unlabeled branches to show')
    if not cfg.model.get('unsup_weight', 1):
        raise ValueError(f'{cfg.filename} has unsup_weight=0, so the unlabeled images are not '
                         'used: there is nothing to show')
    np.random.seed(seed)
    torch.manual_seed(seed)
    try:
        with scope_of(cfg):
            dataset = DATASETS.build(cfg.train_dataloader.dataset)
            data = training_batch(dataset, num)
            model = MODELS.build(cfg.model)
    except TypeError as error:  # of an argument that there is not, or of another type
        raise ValueError(f'{cfg.filename} cannot be built: {error}') from error
    except Exception as error:
        if 'valid image' not in str(error):  # MMEngine's words, of a plain Exception
            raise
        raise ValueError(f'{cfg.filename}: none of the people that were tried has an image that '
                         'can be read') from error
    if checkpoint:
        content = checkpoint if isinstance(checkpoint, dict) else load_checkpoint(checkpoint)
        unfit = load_or_tell(model, content['state_dict'])
        if unfit:
            raise ValueError(f"the checkpoint is not of {cfg.filename}'s model: {unfit}")
    if getattr(model, 'labeler', None) is not None:
        model.load_labeler(keypoint_names(dataset.metainfo))
    return draw(model.eval(), data, dataset.metainfo['skeleton_links'], height)
