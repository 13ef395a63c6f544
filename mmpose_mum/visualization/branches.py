"""Draw what a semi-supervised model does with unlabeled people, without training it.

The panels of `PseudoLabelVisualizationHook`, for people spread over the unlabeled source: weak and
strong view, mixed tiles, heatmaps, used and rejected keypoints. The model is in evaluation mode.

    python tools/browse_branches.py CONFIG --checkpoint CHECKPOINT --out branches.png
"""
import argparse

import cv2
import numpy as np
import torch
from mmengine.config import Config, DictAction
from mmengine.dataset import pseudo_collate
from mmengine.registry import init_default_scope
from mmengine.runner import load_checkpoint
from mmpose.registry import DATASETS, MODELS

from mmpose_mum.visualization import draw_panel


def parse_args(args=None):
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('config', help='a semi-supervised config')
    parser.add_argument('--checkpoint', help='weights of the wrapper or of a plain model')
    parser.add_argument('--out', default='branches.png', help='PNG to write')
    parser.add_argument('--num', type=int, default=4, help='rows, one person each')
    parser.add_argument('--height', type=int, default=192, help='height of a tile, in pixels')
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--cfg-options', nargs='+', action=DictAction)
    return parser.parse_args(args)


def training_batch(dataset, num: int) -> dict:
    """Collate a labeled sample and ``num`` unlabeled ones, spread evenly over their source."""
    labeled, unlabeled = dataset.datasets
    step = max(1, len(unlabeled) // num)
    return pseudo_collate(
        [labeled[0], *(unlabeled[i * step % len(unlabeled)] for i in range(num))])


@torch.no_grad()
def draw(model, data: dict, links, height: int) -> np.ndarray:
    """Take a step with a batch, without learning from it, and draw it; uint8 RGB."""
    steps = []
    model.watchers.append(steps.append)
    model(**model.data_preprocessor(data, True), mode='loss')
    return cv2.vconcat([
        draw_panel(step, model.data_preprocessor, links, num_images=len(step.weak), height=height,
                   title=step.prefix.rstrip('_')) for step in steps])


def main(args=None) -> None:
    """Build the config's data and model and write the image."""
    args = parse_args(args)
    cfg = Config.fromfile(args.config)
    cfg.merge_from_dict(args.cfg_options or {})
    init_default_scope(cfg.get('default_scope', 'mmpose'))
    if 'estimator' not in cfg.model:
        raise SystemExit(f'{args.config} has a {cfg.model.type} and no SemiSupervisedPoseEstimator:'
                         ' it has no unlabeled branches to show')
    if not cfg.model.get('unsup_weight', 1):
        raise SystemExit(f'{args.config} has unsup_weight=0, so that the unlabeled images are not '
                         'looked at: there is nothing to show')
    np.random.seed(args.seed)
    torch.manual_seed(args.seed)
    dataset = DATASETS.build(cfg.train_dataloader.dataset)
    data = training_batch(dataset, args.num)
    model = MODELS.build(cfg.model)
    if args.checkpoint:
        load_checkpoint(model, args.checkpoint, map_location='cpu')
    sheet = draw(model.eval(), data, dataset.metainfo['skeleton_links'], args.height)
    if not cv2.imwrite(args.out, cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR)):
        raise SystemExit(f'cannot write {args.out}')
    print(f'wrote {args.out}: {args.num} people')


if __name__ == '__main__':
    main()
