"""The validation of teacher and student in one pass over the loader against two passes.

The demo's small model and people, with COCO's metric. The reference is MMDetection's
``TeacherStudentValLoop``. Times are those of one image. What one pass spares is half of the
loading: the faster the model is, the more that is of the whole.
"""
import argparse
import io
import tempfile
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any, Dict, List

import cv2
import torch
from mmengine.config import Config
from mmengine.runner import Runner
from mmpose.registry import LOOPS

from mmpose_mum.demo.data import generate_demo

from .models import CONFIGS, FOLDER, build, model_config
from .timing import Call, compare

ONE_PASS, TWO_PASSES = 'TeacherStudentOnePassValLoop', 'mmdet.TeacherStudentValLoop'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this part's own arguments."""
    parser.add_argument('--images', type=int, default=32, help='to validate on (default: 32)')
    parser.add_argument('--size', type=int, nargs=2, default=(640, 480),
                        metavar=('WIDTH', 'HEIGHT'), help='typical size of the images')
    parser.add_argument('--rounds', type=int, default=11, help='rounds of subject and reference')


def measure(args: argparse.Namespace) -> List[Dict[str, Any]]:
    """Measure it; return the row."""
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as folder:
        subject, reference = (loop(kind, Path(folder), args) for kind in (ONE_PASS, TWO_PASSES))
        return [compare(
            f'validation of images of {args.size[0]}×{args.size[1]}', subject, reference, goal=1.,
            device=args.device, rounds=args.rounds, warm_up=1, samples=args.images)]


def loop(kind: str, folder: Path, args: argparse.Namespace) -> Call:
    """Build a validation and return what runs it."""
    cfg = Config.fromfile(FOLDER / CONFIGS['small'])
    paths = generate_demo(folder / 'demo', num_train=1, num_val=args.images,
                          labeled_percent=100, image_size=args.size)
    cfg.val_dataloader.dataset.update(
        data_root='', ann_file=paths['val'], data_prefix=dict(img=paths['val_images']))
    model = build(model_config('small'), torch.device(args.device))
    runner = Runner(
        model, str(folder), default_scope='mmpose',
        val_dataloader=cfg.val_dataloader, val_cfg=dict(type=kind),
        val_evaluator=dict(type='CocoMetric', ann_file=paths['val']), default_hooks=dict(
            {name: None for name in ('logger', 'checkpoint', 'timer', 'sampler_seed')}),
        experiment_name=kind, log_level='ERROR')
    validation = LOOPS.build(dict(
        type=kind, runner=runner, dataloader=cfg.val_dataloader,
        evaluator=dict(type='CocoMetric', ann_file=paths['val'])))

    def run() -> None:
        with redirect_stdout(io.StringIO()):  # COCO's tables
            validation.run()

    return run
