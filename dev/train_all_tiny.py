"""Train every config of this checkout for two steps on a handful of real images, and evaluate it.

    python dev/train_all_tiny.py --data DIR [--only PATTERN …] [--json FILE]

DIR holds small sets in MMPose's own formats, such as MMPose's ``tests/data``:

    coco/test_coco.json, coco/test_coco_det_AP_H_56.json, mpii/test_mpii.json, aic/test_aic.json

and their images. A config keeps its model, its crops and all other settings except these: data,
batches of 4 (+ 4), two steps of which the first may be a burn-in, four people to evaluate, and no
initial weights. A second round learns from a model that has not been trained. COCO's people are
also used for the demo, AIC's for Leeds Sports, which has the same 14 keypoints in another order.

With ``--json``, results are saved after each config. The next run skips a config that passed,
unless the config has changed. The exit status is 1 if a config failed.
"""
import argparse
import fnmatch
import hashlib
import json
import math
import multiprocessing
import os
import tempfile
import time
import traceback
import uuid
from pathlib import Path
from typing import Dict, List

import numpy as np
import torch
from kept_json import read_kept
from matrix_check import without_weights
from mmengine.config import Config
from mmengine.runner import Runner
from mmpose.apis import init_model
from scipy.io import savemat

import mmpose_mum  # noqa: F401 - imported once, for all
from mmpose_mum.datasets.short_form import written_sources
from mmpose_mum.files.whole import write_whole

ROOT = Path(__file__).resolve().parents[1] / 'configs'
STEPS = 2
BATCH = 4  # people of each kind
VAL_PEOPLE = 4
# A config's data_root → the set that stands for it: folder, json.
SETS = dict(
    coco=('coco', 'test_coco.json'),
    tiny_coco=('coco', 'test_coco.json'),
    demo=('coco', 'test_coco.json'),
    mpii=('mpii', 'test_mpii.json'),
    aic=('aic', 'test_aic.json'),
    lspet=('aic', 'lspet.json'))
DETECTIONS = 'coco/test_coco_det_AP_H_56.json'
# AIC's keypoints in the order of Leeds Sports'.
AIC_TO_LSPET = (8, 7, 6, 9, 10, 11, 2, 1, 0, 3, 4, 5, 13, 12)


def parse_args(args=None):
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--data', required=True, type=Path, help='folder of the small sets')
    parser.add_argument('--only', nargs='+', default=['*'], metavar='PATTERN',
                        help="configs to train, as 'baselines/*', below configs/")
    parser.add_argument('--json', type=Path, help='file of the results, read and written')
    return parser.parse_args(args)


def find_configs(patterns: List[str], root: Path = ROOT) -> List[str]:
    """List the names of the configs that match one of the patterns; bases are none."""
    names = sorted(path.relative_to(root).as_posix() for path in root.rglob('*.py'))
    return [name for name in names if not name.startswith('_base_/')
            and any(fnmatch.fnmatch(name, pattern) for pattern in patterns)]


def prepare_files(data: Path, folder: Path) -> Dict[str, str]:
    """Write what the small sets lack.

    Returns:
        dict: ``'lspet.json'``, AIC's people with Leeds Sports' keypoints, and ``'headboxes'``,
        MPII's heads from neck to top, where their sources exist.
    """
    made = {}
    if (data / 'aic/test_aic.json').exists():
        content = json.loads((data / 'aic/test_aic.json').read_text())
        for person in content['annotations']:
            keypoints = np.reshape(person['keypoints'], (14, 3))[list(AIC_TO_LSPET)]
            width, height = person['bbox'][2:]
            person.update(keypoints=keypoints.ravel().tolist(), area=width * height)
        for category in content.get('categories', ()):
            names = category['keypoints']
            category.update(keypoints=[names[i] for i in AIC_TO_LSPET], skeleton=[])
        made['lspet.json'] = str(folder / 'lspet.json')
        Path(made['lspet.json']).write_text(json.dumps(content))
    if (data / 'mpii/test_mpii.json').exists():
        people = json.loads((data / 'mpii/test_mpii.json').read_text())
        heads = np.array([[p['joints'][8], p['joints'][9]] for p in people], dtype=np.float64)
        made['headboxes'] = str(folder / 'headboxes.mat')
        savemat(made['headboxes'], dict(headboxes_src=heads.transpose(1, 2, 0)))
    return made


def use_set(dataset, data: Path, made: Dict[str, str]) -> None:
    """Point a dataset's config at the small set that stands for it."""
    root = Path(dataset.data_root).name
    if root not in SETS:
        raise ValueError(f'no small set stands for the data_root {dataset.data_root!r}; there are '
                         f'some for {", ".join(SETS)}')
    folder, ann_file = SETS[root]
    dataset.update(
        data_root=str((data / folder).resolve()), ann_file=made.get(ann_file, ann_file),
        data_prefix=dict(img=''), indices=None)
    if dataset.get('bbox_file'):
        dataset.bbox_file = str(data / DETECTIONS)
    if dataset.get('headbox_file'):
        dataset.headbox_file = made['headboxes']


def write_first_round(model: Config, folder: str) -> None:
    """Give a second round's labeler the weights of a model that has not been trained."""
    path = Path(folder, Path(model.labeler.checkpoint).name)
    weights = init_model(model.labeler.config, device='cpu').state_dict()
    torch.save(dict(state_dict=weights), path)
    model.labeler.checkpoint = str(path)


def make_tiny(cfg: Config, data: Path, made: Dict[str, str], work_dir: str) -> Config:
    """Change a config, in place, so that it trains on the small sets; see the module."""
    train, val = cfg.train_dataloader, cfg.val_dataloader
    sources = written_sources(train.dataset)
    for dataset in (*sources, val.dataset):
        use_set(dataset, data, made)
    val.dataset.indices = VAL_PEOPLE
    train.batch_size = BATCH * len(sources)
    for loader in (train, val):
        loader.update(num_workers=0, persistent_workers=False)
    for metric in cfg.val_evaluator if isinstance(cfg.val_evaluator, list) else [cfg.val_evaluator]:
        if metric.get('ann_file'):
            metric.ann_file = str(data / '/'.join(SETS['coco']))
    cfg.test_dataloader = cfg.test_cfg = cfg.test_evaluator = None

    cfg.train_cfg.update(max_iters=STEPS, val_interval=STEPS)
    if cfg.model.get('burn_in'):
        cfg.model.update(burn_in=1, ramp_up=0)
    without_weights(cfg)
    if 'first_round' in cfg:
        write_first_round(cfg.model, work_dir)
    # Nothing is written but the best checkpoint, of which a config may say what it is.
    cfg.default_hooks.checkpoint.update(interval=-1, save_last=False)
    cfg.default_hooks.logger.interval = 1
    cfg.work_dir = work_dir
    cfg.experiment_name = uuid.uuid4().hex
    cfg.log_level = 'ERROR'
    return cfg


def train(cfg: Config) -> Dict[str, float]:
    """Train and evaluate, and return the last losses and the metrics.

    Raises:
        ValueError: If a loss is missing or not finite, or there is no metric.
    """
    runner = Runner.from_cfg(cfg)
    runner.train()
    figures = {name: float(scalar.current())
               for name, scalar in runner.message_hub.log_scalars.items()
               if name.startswith('val/') or 'loss' in name}
    semi = len(written_sources(cfg.train_dataloader.dataset)) > 1
    expected = {'train/loss', *(['train/unsup_loss'] if semi else [])}
    # A metric of nobody may be nan; a loss may not.
    wrong = sorted(name for name in expected | {n for n in figures if n.startswith('train/')}
                   if not math.isfinite(figures.get(name, math.nan)))
    if wrong:
        raise ValueError(f'{", ".join(wrong)} missing or not finite')
    best = cfg.default_hooks.checkpoint.get('save_best')
    missing = [m for m in ([best] if best else []) if f'val/{m}' not in figures]
    if missing or not any(name.startswith('val/') for name in figures):
        raise ValueError(f'{missing or "every metric"} missing after the evaluation')
    return figures


def try_config(name: str, data: Path, made: Dict[str, str], root: Path = ROOT) -> dict:
    """Train a config on the small sets in a process of its own, and return what happened."""
    start = time.perf_counter()
    context = multiprocessing.get_context('fork')  # all is imported already
    receiver, sender = context.Pipe(duplex=False)
    with tempfile.TemporaryDirectory() as folder:
        child = context.Process(target=_child, args=(sender, root / name, data, made, folder))
        child.start()
        sender.close()
        try:
            result = receiver.recv()
        except EOFError:
            result = dict(passed=False, error='the process ended without a word, maybe killed for '
                                              'want of memory')
        child.join()
        if not result['passed']:
            log = Path(folder, 'log')
            result['log'] = log.read_text(errors='replace')[-4000:] if log.exists() else ''
    return dict(result, seconds=round(time.perf_counter() - start, 1))


def _child(sender, path: Path, data: Path, made: Dict[str, str], folder: str) -> None:
    with open(Path(folder, 'log'), 'w') as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    try:
        cfg = Config.fromfile(str(path))
        result = dict(passed=True, figures=train(make_tiny(cfg, data, made, folder)))
    except Exception as error:  # whatever it is, the others are tried too
        traceback.print_exc()
        result = dict(passed=False, error=f'{type(error).__name__}: {error}')
    sender.send(result)


def hash_config(path: Path) -> str:
    """Return a hash of all that a config says, its bases' part included."""
    cfg = Config.fromfile(str(path), import_custom_modules=False)
    return hashlib.sha256(json.dumps(cfg.to_dict(), default=str).encode()).hexdigest()


def main(args=None, root: Path = ROOT) -> int:
    """Try the configs and tell which passed."""
    args = parse_args(args)
    names = find_configs(args.only, root)
    if not names:
        raise SystemExit(f'train_all_tiny: no config below {root} matches {args.only}')
    if not args.data.is_dir():
        raise SystemExit(f'train_all_tiny: there is no folder {args.data}')
    try:
        results = (args.json and read_kept(args.json)) or {}
        if not (isinstance(results, dict)
                and all(isinstance(result, dict) for result in results.values())):
            raise ValueError(f'{args.json}: expected an object of configs with their results, as '
                             'this tool writes it. It stays as it is: give another file')
    except (OSError, ValueError) as error:
        raise SystemExit(f'train_all_tiny: {error}') from error
    with tempfile.TemporaryDirectory() as folder:
        made = prepare_files(args.data.resolve(), Path(folder))
        for name in names:
            digest, known = hash_config(root / name), results.get(name, {})
            again = not (known.get('passed') and known.get('sha256') == digest)
            if again:
                results[name] = dict(try_config(name, args.data.resolve(), made, root),
                                     sha256=digest)
                if args.json:
                    write_whole(json.dumps(results, indent=1) + '\n', args.json)
            result = results[name]
            verdict = 'passed' if result['passed'] else 'FAILED'
            note = result.get('error', '' if again else 'before').split('\n')[0]
            print(f'{verdict}  {name:<50} {result["seconds"]:>6.1f} s  {note}', flush=True)
    failed = sum(not results[name]['passed'] for name in names)
    print(f'{len(names) - failed} of {len(names)} configs passed')
    return int(failed > 0)


if __name__ == '__main__':
    raise SystemExit(main())
