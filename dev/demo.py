"""The demo: draw synthetic people, train on 5 % of their labels with and without Pose-MUM, compare.

Both runs go through `mim train mmpose`, as a user's would, with the same number of optimizer steps
on the same labeled images. The people, the checkpoints, a table, the curves, an image of
predictions and a page that compares both runs land in the work dir.

    python dev/demo.py
"""
import argparse
import json
import math
import subprocess
import sys
import time
from pathlib import Path

import cv2
import matplotlib
from mmengine.config import Config

from mmpose_mum.checkpoint.last import find_checkpoint
from mmpose_mum.datasets.short_form import SOURCE_NAMES
from mmpose_mum.demo.data import generate_demo
from mmpose_mum.report.write import write_report
from mmpose_mum.visualization.compare import compare
from mmpose_mum.visualization.scalars import read_scalars

matplotlib.use('Agg')

REPOSITORY = Path(__file__).resolve().parents[1]
# Name of the run → {name of the model: prefix of its metrics}.
RUNS = {
    'supervised': {'supervised': ''},
    'pose_mum': {'Pose-MUM, student': 'student/', 'Pose-MUM, teacher': 'teacher/'},
}
METRICS = ('coco/AP', 'coco/AP .5')


def parse_args(args=None):
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--work-dir', default='work_dirs/demo',
                        help='where the two runs go (default: %(default)s)')
    parser.add_argument('--data-dir', default='data/demo',
                        help='where the people are drawn (default: %(default)s)')
    parser.add_argument('--iters', type=int, help="optimizer steps of each run, the configs' by "
                        'default; for a quick look, below 300 there is not much to see')
    return parser.parse_args(args)


def train(name: str, work_dir: Path, data_dir: Path, iters=None) -> list:
    """Train one of the demo's configs by mim, showing its progress.

    Args:
        name (str): ``'supervised'`` or ``'pose_mum'``.
        work_dir (Path): Where it works; the whole log lands in ``train.log`` there, and the config
            beside it.
        data_dir (Path): The demo's data.
        iters (int, optional): Optimizer steps instead of the config's.

    Returns:
        list[dict]: The scalars that MMEngine has logged, in order.

    Raises:
        SystemExit: If the training broke, with the end of its log.
    """
    sources = ['train_dataloader.dataset'] if name == 'supervised' else [
        f'train_dataloader.dataset.{name}' for name in SOURCE_NAMES]
    options = {f'{source}.data_root': f'{data_dir}/'
               for source in (*sources, 'val_dataloader.dataset', 'test_dataloader.dataset')}
    options.update({f'{which}_evaluator.ann_file': f'{data_dir}/annotations/val.json'
                    for which in ('val', 'test')})
    if iters is not None:
        options.update(dict.fromkeys((
            'train_cfg.max_iters', 'train_cfg.val_interval', 'param_scheduler.1.T_max',
            'default_hooks.checkpoint.interval'), iters))
    # In a config of its own, as --cfg-options would drop the spaces of a path.
    cfg = Config.fromfile(REPOSITORY / f'configs/demo/{name}.py')
    cfg.merge_from_dict(options)
    config = work_dir.with_name(f'{name}.py')
    work_dir.mkdir(parents=True, exist_ok=True)
    cfg.dump(config)
    command = [sys.executable, '-m', 'mim', 'train', 'mmpose', str(config),
               '--work-dir', str(work_dir)]
    started = time.time()
    lines = []
    with open(work_dir / 'train.log', 'w') as log, subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        for line in process.stdout:
            log.write(line)
            lines.append(line)
            if 'Iter(' in line:
                print(f'  {name} {time.time() - started:4.0f} s  '
                      + ' '.join(line[line.index('Iter('):].split())[:150], flush=True)
    if process.returncode:
        raise SystemExit(
            ''.join(lines[-60:]) + f'\ndemo: the training of {name} broke (exit status '
            f'{process.returncode}); its whole log is {work_dir}/train.log')
    return read_scalars(work_dir)


def final_metrics(name: str, scalars: list) -> dict:
    """Return ``{model: (AP, AP .5)}`` of the last validation, or exit if the run broke."""
    if not all(math.isfinite(entry['loss']) for entry in scalars if 'loss' in entry):
        raise SystemExit(f'demo: the loss of {name} became infinite or NaN')
    result = {}
    for model, prefix in RUNS[name].items():
        values = [e for e in scalars if prefix + METRICS[0] in e]
        if not values:
            raise SystemExit(f'demo: {name} was never validated')
        result[model] = tuple(values[-1][prefix + metric] for metric in METRICS)
    return result


def draw_curves(scalars: dict, path: Path) -> None:
    """Plot AP over the iterations, and the losses, as a PNG."""
    import matplotlib.pyplot as plt
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4))
    for name, models in RUNS.items():
        for model, prefix in models.items():
            points = [(e['step'], e[prefix + METRICS[0]]) for e in scalars[name]
                      if prefix + METRICS[0] in e]
            left.plot(*zip(*points), marker='o', label=model)
        for key in ('loss_kpt', 'sup_loss_kpt', 'unsup_loss'):
            points = [(e['step'], e[key]) for e in scalars[name] if key in e]
            if points:
                right.plot(*zip(*points), label=f'{name}: {key}')
    left.set(xlabel='optimizer steps', ylabel='AP on the validation set', ylim=(0, None))
    right.set(xlabel='optimizer steps', ylabel='loss', yscale='log')
    for axes in (left, right):
        axes.legend()
        axes.grid(alpha=.3)
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    plt.close(figure)


def draw_predictions(work_dir: Path, data_dir: Path, path: Path, num: int = 8) -> None:
    """Draw validation people with the ground truth and both models' keypoints, as a PNG."""
    models = {}
    for name in RUNS:
        cfg = Config.fromfile(REPOSITORY / f'configs/demo/{name}.py')
        cfg.val_dataloader.dataset.data_root = f'{data_dir}/'
        title = 'Pose-MUM' if name == 'pose_mum' else name
        models[title] = cfg, find_checkpoint(work_dir / name)
    cv2.imwrite(str(path), compare(models, num)[0])


def main(args=None) -> None:
    """Run the demo; exit with an error if anything in it breaks."""
    args = parse_args(args)
    started = time.time()
    work_dir, data_dir = Path(args.work_dir).resolve(), Path(args.data_dir).resolve()
    print('Drawing 1,000 people for training, 50 of them labeled, and 200 for validation …',
          flush=True)
    try:
        generate_demo(data_dir)
    except OSError as error:
        raise SystemExit(f'demo: {error}. The demo draws into --data-dir, now '
                         f'{data_dir}') from error
    scalars, results = {}, {}
    for name in RUNS:
        print(f'Training {name} (mim train mmpose configs/demo/{name}.py) …', flush=True)
        scalars[name] = train(name, work_dir / name, data_dir, args.iters)
        results.update(final_metrics(name, scalars[name]))
    curves, predictions = work_dir / 'curves.png', work_dir / 'predictions.png'
    draw_curves(scalars, curves)
    draw_predictions(work_dir, data_dir, predictions)
    report = write_report([work_dir / name for name in reversed(RUNS)], work_dir / 'report.html')
    print('\nOn 200 people that neither run has seen, after the same number of steps with the same '
          '50 labels:\n')
    print(f'{"model":22}{"AP":>8}{"AP.50":>8}')
    for model, values in results.items():
        print(f'{model:22}' + ''.join(f'{100 * v:8.1f}' for v in values))
    (work_dir / 'results.json').write_text(json.dumps(results, indent=2))
    gain = results['Pose-MUM, teacher'][0] - results['supervised'][0]
    print(f'\nPose-MUM against supervised: {100 * gain:+.1f} AP; all of it took '
          f'{time.time() - started:.0f} s.\n'
          f'Curves: {curves}\nPredictions side by side: {predictions}\n'
          f'All of it on one page, for a browser: {report.path}')


if __name__ == '__main__':
    main()
