"""The record of a benchmark's run: its figures and settings, and the JSON that holds them all.

`dev/benchmark_methods.py` writes them, `dev/benchmark_report.py` reads them.
"""
import json
import math
import re
from pathlib import Path
from typing import Optional

import numpy as np
from benchmark_runs import REPOSITORY, BenchmarkError, Run
from kept_json import read_kept, read_rows
from mmengine.config import Config

from mmpose_mum.datasets.short_form import sources_of
from mmpose_mum.engine.optim.autocast import uses_bfloat16
from mmpose_mum.files.whole import write_whole
from mmpose_mum.visualization.scalars import read_scalars

ORDER = ('supervised', 'mean_teacher', 'pose_cons', 'pose_dual', 'no_mixing', 'mum_input',
         'pose_mum', 'round2_no_mixing', 'round2_pose_mum', 'full_recipe')
# By the config's folder; others are main.
ROLES = {'ablations': 'ablation', 'ladder': 'ladder', 'label_next': 'label_next',
         'vit': 'model', 'rtmpose_t': 'model'}
# Trainings of two lengths, with and without mixing, whose curves are shown side by side.
LENGTHS = ('pose_mum', 'no_mixing', 'half_as_long', 'r6_erasing')
MODELS = ('student', 'teacher')
# Hooks that change nothing of the training.
WATCHING = ('LossGuardHook', 'PseudoLabelMonitorHook')
KEYS = ('method', 'role', 'num_labels', 'num_total', 'seed', 'curve', 'metrics')
NO_METRICS = ('step', 'iter', 'time', 'data_time', 'lr', 'memory')


def suffix_of(metric: str) -> str:
    """Return what a metric's fields end in: ``'coco/AP'`` → ``'coco_ap'``."""
    return re.sub(r'\W', '_', metric.lower())


def read_validations(folder: Path, metric: str) -> dict:
    """Return ``{iteration: scalars}`` of a run's validations."""
    names = {prefix + metric for prefix in ('', 'student/', 'teacher/')}
    validations = {
        entry['step']: {key: value for key, value in entry.items() if key not in NO_METRICS}
        for entry in read_scalars(folder) if names & set(entry)}
    return dict(sorted(validations.items()))


def collect(run: Run, metric: str) -> dict:
    """Make a run's record of what it has logged.

    Raises:
        BenchmarkError: If its last validation is missing, or its metric is not finite.
    """
    try:
        validations = read_validations(run.folder, metric)
    except ValueError as error:
        raise BenchmarkError(f'{run}: {error}') from error
    last, wanted = max(validations, default=None), run.cfg.train_cfg.max_iters
    if last != wanted:
        raise BenchmarkError(
            f'{run}: expected a validation with {metric!r} at iteration {wanted}, '
            f'{"there is none" if last is None else f"the last one is at {last}"}; '
            f'see {run.folder}/train.log. Is the metric called so, and is '
            'default_hooks.logger.log_metric_by_epoch=False set?')
    pairs = {step: (found.get(f'student/{metric}', found.get(metric)),
                    found.get(f'teacher/{metric}')) for step, found in validations.items()}
    if any(value is not None and not math.isfinite(value) for value in pairs[last]):
        raise BenchmarkError(f'{run}: {metric} is {pairs[last]} at iteration {last}; expected '
                             f'numbers. See {run.folder}/train.log')
    finite = {key: value if math.isfinite(value) else None
              for key, value in validations[last].items()}
    seconds, name = read_seconds(run.folder), suffix_of(metric)
    source = run.source.resolve()
    if REPOSITORY in source.parents:
        source = source.relative_to(REPOSITORY)
    return {
        'method': run.method,
        'role': next((ROLES[part] for part in source.parts if part in ROLES), 'main'),
        'num_labels': run.num_labels, 'num_total': run.num_total, 'seed': run.seed,
        'iterations': wanted, 'config': source.as_posix(),
        f'student_{name}': pairs[last][0], f'teacher_{name}': pairs[last][1],
        'metrics': finite, 'curve': [[step, *pair] for step, pair in pairs.items()],
        'seconds': None if seconds is None else round(seconds),
        'people': read_kept(run.folder / 'people.json'),
        'held_out': len(run.cfg.get('held_out', ())),
        'settings': settings_of(run.cfg), 'versions': versions(), 'gpu': gpu_name(),
        'precision': precision_of(run.cfg),
    }


def read_seconds(folder: Path) -> Optional[float]:
    """Return for how long a run has been trained, None if that was not written to its end.

    Raises:
        BenchmarkError: If the file holds something else.
    """
    clock = folder / 'seconds.txt'
    text = clock.read_text().strip() if clock.exists() else ''
    try:
        return float(text) if text else None
    except ValueError:
        raise BenchmarkError(f'{clock}: expected the seconds that the run took, got {text[:40]!r}: '
                             'remove the file, and the time before it does not count') from None


def settings_of(cfg: Config) -> dict:
    """Return the parts of a config that tell methods apart, as JSON has them.

    They are the same in whichever words a config says them: pipelines are written out, and the
    burn-in is the hook's as well.
    """
    pipelines = [dataset.get('pipeline') for dataset in sources_of(cfg.train_dataloader.dataset)]
    cfg = cfg.to_dict()
    settings = {key: cfg.get(key) for key in (
        'model', 'optim_wrapper', 'param_scheduler', 'custom_hooks')}
    if (settings['model'] or {}).get('backbone') == {}:  # for MMPose's init_model alone
        del settings['model']['backbone']
    if 'first_round' in cfg:  # paths differ from one machine and run to another
        settings['model']['labeler'] = cfg['first_round']
    settings.update({key: cfg[key] for key in ('suggested_by', 'suggest_options') if key in cfg})
    # What only watches makes no other method, nor does the loop that runs the iterations.
    settings['custom_hooks'] = [hook for hook in settings['custom_hooks'] or []
                                if hook['type'] not in WATCHING]
    for hook in settings['custom_hooks']:
        if hook['type'] == 'EMANHook' and hook.get('burn_in') is None:
            hook['burn_in'] = settings['model'].get('burn_in', 0)
    settings['train_cfg'] = {k: v for k, v in cfg['train_cfg'].items() if k != 'type'}
    loader = cfg['train_dataloader']
    settings['batch_size'] = loader.get('batch_size')
    settings['source_ratio'] = loader.get('sampler', {}).get('source_ratio')
    settings['pipelines'] = pipelines
    return json.loads(json.dumps(settings, default=str))


def versions() -> dict:
    """Return the versions that a figure may depend on."""
    import mmengine
    import mmpose
    import torch

    import mmpose_mum
    return {module.__name__: str(module.__version__)
            for module in (torch, mmpose, mmengine, mmpose_mum)}


def gpu_name() -> Optional[str]:
    """Return the name of the GPU that MMEngine trains on, None where it trains on the CPU."""
    import torch
    return torch.cuda.get_device_name() if torch.cuda.is_available() else None


def precision_of(cfg: Config) -> str:
    """Return the precision that a config's training steps have on this machine."""
    wrapper = cfg.get('optim_wrapper') or {}
    if wrapper.get('type') == 'AmpOptimWrapper':
        return wrapper.get('dtype', 'float16')
    enabled = wrapper.get('type') == 'AutocastOptimWrapper' and wrapper.get('enabled', 'auto')
    return 'bfloat16' if uses_bfloat16(enabled, 'cuda' if gpu_name() else 'cpu') else 'float32'


def find_record(run: Run, records: list, metric: str):
    """Return the record of a run that has been trained, with these settings; else None."""
    settings = settings_of(run.cfg)
    for record in records:
        same = (record['method'], record['num_labels'], record['seed']) == (
            run.method, run.num_labels, run.seed)
        if same and record['settings'] == settings and f'student_{suffix_of(metric)}' in record:
            return record
    return None


def save_records(path: Path, records: list) -> list:
    """Merge records into a JSON file, and return all that it then holds.

    Of the same method, number of labels and seed, a new record replaces the old one.
    """
    records = [*load_records(path), *records]
    held = {record.get('held_out', 0) for record in records}
    if len(held) > 1:
        raise ValueError(f'{path}: its records held out {sorted(held)} people to validate on (0: '
                         'they were validated on the validation set), and cannot be compared; '
                         'give each a --json of its own')
    merged = {(r['method'], r['num_labels'], r['seed']): r for r in records}
    merged = [merged[key] for key in sorted(merged)]
    write_whole('[\n' + ',\n'.join(map(as_text, merged)) + '\n]\n', path)
    return merged


def as_text(record: dict) -> str:
    """Return a record as JSON, a field a line."""
    return '{\n' + ',\n'.join(f' {json.dumps(key)}: {json.dumps(value, separators=(",", ":"))}'
                              for key, value in record.items()) + '\n}'


def load_records(path: Path) -> list:
    """Read the benchmark's records, none if the file is missing or empty.

    Raises:
        ValueError: If the file holds something else.
    """
    return read_rows(path, KEYS, 'dev/benchmark_methods.py')


def metric_of(records: list) -> str:
    """Return what the records' figures end in, as in ``student_pck``."""
    names = {key.split('_', 1)[1] for record in records for key in record
             if key.startswith('student_')}
    if len(names) != 1:
        raise ValueError(f'expected records of one metric, got {sorted(names)}; keep those of each '
                         '--metric in a JSON file of their own')
    return names.pop()


def methods_of(records: list) -> list:
    """Return the methods: the known ones in their order, then others by name."""
    names = {record['method'] for record in records}
    return [name for name in ORDER if name in names] + sorted(names - set(ORDER))


def labels_of(records: list) -> list:
    """Return the numbers of labels, rising."""
    return sorted({record['num_labels'] for record in records})


def figures(records: list, method: str, labels: int, model: str) -> dict:
    """Return ``{seed: figure}`` of a method's student or teacher."""
    key = f'{model}_{metric_of(records)}'
    return {record['seed']: record[key] for record in records
            if (record['method'], record['num_labels']) == (method, labels)
            and record[key] is not None}


def few_and_all(records: list):
    """Return the numbers of labels but for all, and the mean that all labels give, or None."""
    everything = [record for record in records if record['num_labels'] == record['num_total']]
    labels = [n for n in labels_of(records) if n not in labels_of(everything)]
    if not labels or not everything:
        return labels_of(records), None
    values = [record[f'student_{metric_of(records)}'] for record in everything]
    return labels, float(np.mean(values))


def at_two_lengths(records: list) -> dict:
    """Return ``{labels: {method: runs}}`` of `LENGTHS`, the runs of the seeds that all have."""
    found = {}
    for labels in labels_of(records):
        runs = {method: {record['seed']: record for record in records if (
            record['method'], record['num_labels']) == (method, labels)} for method in LENGTHS}
        common = sorted(set.intersection(*map(set, runs.values())))
        if common:
            found[labels] = {method: [runs[method][seed] for seed in common] for method in runs}
    return found


def mean_curve(records: list, column: int) -> list:
    """Return the mean of the records' curves, at the iterations that all of them have."""
    curves = [{point[0]: point[column] for point in record['curve']} for record in records]
    steps = sorted(set.intersection(*map(set, curves))) if curves else []
    return [(step, float(np.mean([curve[step] for curve in curves]))) for step in steps
            if all(curve[step] is not None for curve in curves)]
