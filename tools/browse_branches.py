"""Draw what goes into and comes out of a semi-supervised model: views, mixing and targets.

Each row is one unlabelled person of the config's training data: the teacher's weak view with its
joints, the student's strong view after joint cutout, the same with its tiles mixed as the student
gets it, the teacher's heatmaps, and those that the student is to reproduce. The last two columns
show one channel of the features at the last mixing site, as mixed and after unmixing. Columns of
heatmaps are left out for heads that have none.

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

from mmpose_mum.functional.tiles import mix_tiles, sample_tile_permutation, unmix_tiles
from mmpose_mum.models.mixing_sites import site_module, tensors_of
from mmpose_mum.models.pseudo_targets import views_of

# How the columns are named; those of heatmaps are the fourth and fifth.
COLUMNS = ('weak view, teacher', 'strong view, target', 'mixed at the input', "teacher's heatmaps",
           'carried into strong', 'mixed features', 'unmixed')


def parse_args(args=None):
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('config', help='a semi-supervised config')
    parser.add_argument('--checkpoint', help='weights of the wrapper or of a plain model')
    parser.add_argument('--out', default='branches.png', help='PNG to write')
    parser.add_argument('--num', type=int, default=4, help='rows, one person each')
    parser.add_argument('--height', type=int, default=160, help='height of a tile, in pixels')
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--cfg-options', nargs='+', action=DictAction)
    return parser.parse_args(args)


def training_batch(dataset, num: int) -> dict:
    """Collate a labelled sample and ``num`` unlabelled ones, spread evenly over their source."""
    labelled, unlabelled = dataset.datasets
    step = max(1, len(unlabelled) // num)
    return pseudo_collate(
        [labelled[0], *(unlabelled[i * step % len(unlabelled)] for i in range(num))])


def picture(model, image: torch.Tensor) -> np.ndarray:
    """Undo a (3, H, W) image's normalisation, as uint8 BGR (H, W, 3)."""
    pre = model.data_preprocessor.data_preprocessor
    image = image.cpu() * pre.std.cpu() + pre.mean.cpu()
    image = image.clamp(0, 255).byte().permute(1, 2, 0).numpy()
    return np.ascontiguousarray(image[..., ::-1])


def heat(values: torch.Tensor) -> np.ndarray:
    """Colour a (h, w) map by its own range, as uint8 BGR."""
    values = values.float().cpu().numpy()
    scaled = (values - values.min()) / max(float(np.ptp(values)), 1e-6)
    return cv2.applyColorMap((scaled * 255).astype(np.uint8), cv2.COLORMAP_VIRIDIS)


def skeleton(image: np.ndarray, joints, weights, links, scale: float) -> np.ndarray:
    """Draw the joints that count, and the limbs between them, on an enlarged copy of an image."""
    image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_NEAREST)
    points = [tuple(int(v) for v in (p * scale + scale / 2).round()) for p in joints.cpu().numpy()]
    for a, b in links:
        if weights[a] > 0 and weights[b] > 0:
            cv2.line(image, points[a], points[b], (255, 200, 0), 1, cv2.LINE_AA)
    for point, weight in zip(points, weights):
        cv2.circle(image, point, 2, (0, 255, 0) if weight > 0 else (0, 0, 255), -1, cv2.LINE_AA)
    return image


def goal_heatmaps(targets):
    """Return the heatmaps (B, K, h, w) that the student is to reproduce; None without such."""
    maps = targets.maps
    plain = isinstance(maps, torch.Tensor) and maps.shape[:2] == targets.weights.shape
    return maps if plain and maps.ndim == 4 else None


def shade(targets, i: int) -> np.ndarray:
    """Return a divisor (h, w, 1), 2 where the teacher has not looked; 1 if that does not matter."""
    if targets.valid is None:
        return np.ones((1, 1, 1), np.uint8)
    return 2 - (targets.valid[i, 0] > 0).cpu().numpy().astype(np.uint8)[..., None]


@torch.no_grad()
def draw(model, data: dict, links, height: int) -> np.ndarray:
    """Compose the sheet for the unlabelled branches of a batch; uint8 BGR."""
    data = model.data_preprocessor(data, True)
    weak, strong = data['inputs']['unsup_teacher'], data['inputs']['unsup_student']
    samples = data['data_samples']['unsup_teacher']
    output = model.teacher(weak, samples, mode='tensor')
    targets = model.targets(
        output, views_of(samples, weak.device),
        views_of(data['data_samples']['unsup_student'], weak.device),
        samples[0].metainfo['flip_indices'])
    strong = model.cut_out(strong, targets)
    neck = model.student.neck
    permutation = sample_tile_permutation(
        len(strong), neck.grid, neck.group_size, generator=torch.Generator().manual_seed(0),
        device=strong.device)
    features = []
    handle = site_module(model.student.backbone, neck.sites[-1]).register_forward_pre_hook(
        lambda _, args: features.extend(tensors_of(args)))
    model.student(strong, None, mode='tensor')
    handle.remove()
    mixed_features = mix_tiles(features[0], permutation)
    unmixed = unmix_tiles(mixed_features, permutation)
    assert torch.equal(unmixed, features[0])
    channel = features[0].std((0, 2, 3)).argmax()

    scale = height / weak.shape[2]
    joints, _ = model.targets.joints(output)
    heatmaps, goals = model.targets.heatmaps(output), goal_heatmaps(targets)
    names = [name for name, maps in zip(
        COLUMNS, (True, True, True, heatmaps, goals, True, True)) if maps is not None]
    mixed = mix_tiles(strong, permutation)
    width = round(weak.shape[3] * scale)
    rows = []
    for i in range(len(weak)):
        tiles = [
            skeleton(picture(model, weak[i]), joints[i], torch.ones(len(joints[i])), links, scale),
            skeleton(picture(model, strong[i]), targets.keypoints[i], targets.weights[i], links,
                     scale),
            picture(model, mixed[i]),
            *([] if heatmaps is None else [heat(heatmaps[i].float().amax(0))]),
            *([] if goals is None else [heat(goals[i].amax(0)) // shade(targets, i)]),
            heat(mixed_features[i, channel]),
            heat(unmixed[i, channel]),
        ]
        rows.append(cv2.hconcat([
            cv2.copyMakeBorder(
                cv2.resize(t, (width, height), interpolation=cv2.INTER_NEAREST), 2, 2, 2, 2,
                cv2.BORDER_CONSTANT, value=(255, 255, 255)) for t in tiles]))
    title = np.full((22, rows[0].shape[1], 3), 255, np.uint8)
    for j, name in enumerate(names):
        cv2.putText(title, name, (j * (width + 4) + 4, 15), cv2.FONT_HERSHEY_SIMPLEX,
                    min(.4, width / 330), (0, 0, 0), 1, cv2.LINE_AA)
    return cv2.vconcat([title, *rows])


def main(args=None) -> None:
    """Build the config's data and model and write the picture."""
    args = parse_args(args)
    cfg = Config.fromfile(args.config)
    cfg.merge_from_dict(args.cfg_options or {})
    init_default_scope(cfg.get('default_scope', 'mmpose'))
    if cfg.model.get('mix_unmix') is None:
        raise SystemExit(f'{args.config} has no SemiSupervisedPoseEstimator with mix_unmix: there '
                         'is nothing to show')
    np.random.seed(args.seed)
    torch.manual_seed(args.seed)
    dataset = DATASETS.build(cfg.train_dataloader.dataset)
    data = training_batch(dataset, args.num)
    model = MODELS.build(cfg.model)
    if args.checkpoint:
        load_checkpoint(model, args.checkpoint, map_location='cpu')
    sheet = draw(model.eval(), data, dataset.metainfo['skeleton_links'], args.height)
    if not cv2.imwrite(args.out, sheet):
        raise SystemExit(f'cannot write {args.out}')
    print(f'wrote {args.out}: {args.num} people, {", ".join(COLUMNS)}')


if __name__ == '__main__':
    main()
