"""The two views of an unlabeled person against the one view that MMPose trains on.

Both read the same images. The reference is the training pipeline of MMPose's heatmap models, with
its half body, its affine map and its targets; the subject makes the teacher's and the student's
view, its random numbers seeded by the sample's place as in a training. Times are those of one
person. A ratio of 1.33 is 0.75 times as many people a second.

Without workers the clock is the CPU's, and with workers the wall's, from the first batch of a
pass over a loader to its last.
"""
import argparse
import cProfile
import pstats
import tempfile
from pathlib import Path
from typing import Any, Dict, Iterator, List, Tuple

import cv2
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import init_default_scope
from mmpose.registry import DATASETS
from torch.utils.data import DataLoader, Dataset, Subset

from mmpose_mum.datasets.sampler import PlacedIndex
from mmpose_mum.datasets.short_form import write_out
from mmpose_mum.demo.data import generate_demo

from .timing import Call, compare

GOAL = 4 / 3
IMAGES = ((160, 192), (640, 480), (1280, 960))  # typical sizes, each with a person who fills it
INPUTS = ((192, 256), (96, 96))
BATCH = 8


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this part's own arguments."""
    parser.add_argument('--ann-file', help="labeled people in COCO's layout, instead of the "
                        "demo's, which are drawn in several sizes")
    parser.add_argument('--images', help='the folder of their images')
    parser.add_argument('--metainfo', default='configs/_base_/datasets/coco.py',
                        help="their keypoints: a file of MMPose's, or a path")
    parser.add_argument('--people', type=int, default=48, help='samples of a round')
    parser.add_argument('--workers', type=int, default=0,
                        help='processes that load (default: 0, this one)')
    parser.add_argument('--rounds', type=int, default=11, help='rounds of subject and reference')
    parser.add_argument('--profile', action='store_true',
                        help='print where the time of the two views goes instead')


def measure(args: argparse.Namespace) -> List[Dict[str, Any]]:
    """Measure all images at all sizes of the input; return the rows."""
    cv2.setNumThreads(1)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for images, source in sources(args, Path(folder)):
            for size in INPUTS:
                sets = build(source, size)
                if args.profile:
                    print_profile(f'{images} at {size[0]}×{size[1]}', passes(*sets, args)[0])
                    continue
                rows.append(compare(
                    f'{images} at {size[0]}×{size[1]}, {args.workers} workers',
                    *passes(*sets, args), goal=GOAL, rounds=args.rounds, warm_up=1,
                    samples=args.people, clock='wall' if args.workers else 'cpu'))
    return rows


def sources(args: argparse.Namespace, folder: Path) -> Iterator[Tuple[str, Dict[str, Any]]]:
    """Yield names of sets of images, and what a dataset needs to know of them."""
    metainfo = dict(from_file=args.metainfo)
    if Path(args.metainfo).exists():
        metainfo = Config.fromfile(args.metainfo).dataset_info
    if args.ann_file:
        yield Path(args.ann_file).name, dict(
            ann_file=args.ann_file, data_prefix=dict(img=args.images), metainfo=metainfo)
        return
    for width, height in IMAGES:
        paths = generate_demo(folder / str(width), num_train=16, num_val=1, labeled_percent=100,
                              image_size=(width, height))
        yield f'{width}×{height}', dict(
            ann_file=paths['train'], data_prefix=dict(img=paths['train_images']),
            metainfo=metainfo)


def build(source: Dict[str, Any], size: Tuple[int, int]) -> Tuple[Dataset, int]:
    """Return the labeled and the unlabeled set as one, and where the latter begins."""
    init_default_scope('mmpose')
    codec = dict(type='MSRAHeatmap', input_size=size, sigma=2,
                 heatmap_size=(size[0] // 4, size[1] // 4))
    labeled = dict(type='CocoDataset', **source, pipeline=[
        dict(type='LoadImage'),
        dict(type='GetBBoxCenterScale'),
        dict(type='RandomFlip', direction='horizontal'),
        dict(type='RandomHalfBody'),
        dict(type='RandomBBoxTransform'),
        dict(type='TopdownAffine', input_size=size),
        dict(type='GenerateTarget', encoder=codec),
        dict(type='PackPoseInputs')])
    # At length, as the labeled ones are looked at without a branch.
    _, unlabeled = write_out(labeled, source)
    both = DATASETS.build(dict(type='SemiSupervisedDataset', datasets=[labeled, unlabeled]))
    return both, both.cumulative_sizes[0]


def passes(both: Dataset, start: int, args: argparse.Namespace) -> Tuple[Call, Call]:
    """Return calls that load the people of a round: unlabeled ones, and MMPose's."""
    places = []
    for i in range(args.people):
        index = PlacedIndex(start + i % (len(both) - start))
        index.place = 0, 1, i
        places.append(index)
    return tuple(_pass(both, indices, args.workers)
                 for indices in (places, [i % start for i in range(args.people)]))


def _pass(dataset: Dataset, indices: List[int], workers: int) -> Call:
    loader = DataLoader(Subset(dataset, indices), BATCH, num_workers=workers,
                        persistent_workers=workers > 0, collate_fn=pseudo_collate)

    def load() -> None:
        for _ in loader:
            pass

    return load


def print_profile(name: str, call: Call) -> None:
    """Print which functions take the time of a pass, by what they take themselves."""
    call()
    profile = cProfile.Profile()
    profile.runcall(call)
    print(name)
    pstats.Stats(profile).strip_dirs().sort_stats('tottime').print_stats(25)
