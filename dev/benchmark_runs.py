"""What a run of the benchmark is: its config with the drawn labels.

`dev/benchmark_methods.py` trains them. Nothing is trained here: to see which images have labels,

    python -c "import sys; sys.path.insert(0, 'dev'); import benchmark_runs as b; \
        print(b.draw_labels(seed=0, total=2000, num=100))"
"""
import contextlib
import inspect
import io
import json
import os
import re
from pathlib import Path

import numpy as np
from kept_json import read_kept
from mmengine.config import Config
from mmengine.runner import Runner

from mmpose_mum.configs.datasets import image_folder
from mmpose_mum.datasets.short_form import SOURCE_NAMES, sources_of, written_sources

REPOSITORY = Path(__file__).resolve().parents[1]
# All else are variables of the config's own, which change no run.
RUNNER_KEYS = frozenset(inspect.signature(Runner.__init__).parameters)


class BenchmarkError(Exception):
    """What the user has to mend, in words."""


class Run:
    """One training: a method with a number of labels and a seed.

    Args:
        method (str): Its name.
        source (Path): The config that the user gave.
        cfg (Config): The same, with options, seed and labels set.
        num_labels (int): Images with labels.
        num_total (int): Images that could have labels.
        seed (int): What draws the labels and starts the training.
        folder (Path): Where it works.
    """

    def __init__(self, method, source, cfg, num_labels, num_total, seed, folder):
        self.method, self.source, self.cfg = method, source, cfg
        self.num_labels, self.num_total, self.seed = num_labels, num_total, seed
        self.folder = folder

    def __str__(self):
        return f'{self.method}, {self.num_labels} labels, seed {self.seed}'


def draw_labels(seed: int, total: int, num: int) -> list:
    """Draw which images have labels; of one seed, more labels contain fewer."""
    return sorted(int(i) for i in np.random.RandomState(seed).permutation(total)[:num])


def image_paths(dataset: dict, cache: dict) -> list:
    """Return the image of every item of a data set without `indices`, in its order."""
    from mmpose.registry import DATASETS
    config = dict(dataset, indices=None, pipeline=[], lazy_init=False, serialize_data=False)
    key = repr(config)
    if key not in cache:
        with contextlib.redirect_stdout(io.StringIO()):
            cache[key] = [item['img_path'] for item in DATASETS.build(config).data_list]
    return cache[key]


def annotations_of(dataset: dict) -> str:
    """Return the path of a data set's annotations, empty if it reads none."""
    name = dataset.get('ann_file') or ''
    return name and os.path.normpath(os.path.join(dataset.get('data_root') or '', name))


def hidden_people(cfg: Config) -> dict:
    """Return what in a data set selects the people whose labels the training has not seen.

    Args:
        cfg (Config): Of a run, with the labels that were drawn.

    Returns:
        dict: Arguments for the validation's data set, empty if all labels were seen.
    """
    labeled = sources_of(cfg.train_dataloader.dataset)[0]
    if labeled.get('indices') is None:
        return {}
    seen = {*labeled['indices'], *cfg.get('held_out', ())}
    total = len(image_paths(labeled, {}))
    return dict({key: labeled.get(key) for key in ('data_root', 'ann_file', 'data_prefix')},
                indices=[i for i in range(total) if i not in seen])


def hold_out(cfg: Config, num: int, seed: int, cache: dict) -> list:
    """Validate a config on labeled people that are kept from the training, to choose settings by.

    Args:
        cfg (Config): Changed in place: what it validates on.
        num (int): How many people: the last ones in the order in which labels are drawn.
        seed (int): Of that order.
        cache (dict): Images of the data sets that were built before.

    Returns:
        list[int]: Their numbers in the annotations.
    """
    labeled = sources_of(cfg.train_dataloader.dataset)[0]
    total = len(image_paths(labeled, cache))
    kept = draw_labels(seed, total, total - num)
    held = sorted(set(range(total)) - set(kept))
    cfg.val_dataloader.dataset.update(
        {key: labeled.get(key) for key in ('data_root', 'ann_file', 'data_prefix')}, indices=held)
    cfg.held_out = held
    return held


def suggested_labels(people: Path, paths: list, command: str) -> list:
    """Return the numbers of the people that `mmpose-mum suggest` has chosen.

    Args:
        people (Path): Its `people.json`.
        paths (list[str]): The image of each item of the labeled set.
        command (str): What writes it, for the error.

    Raises:
        BenchmarkError: If it is not there, or names an image that the set does not have.
    """
    if not people.exists():
        raise BenchmarkError(f'{people} is not there; train the first round, and then\n  {command}')
    names = [image['file_name'] for image in json.loads(people.read_text())['images']]
    numbers = {os.path.basename(path): i for i, path in enumerate(paths)}
    unknown = [name for name in names if os.path.basename(name) not in numbers]
    if unknown or len(numbers) < len(paths):
        raise BenchmarkError(
            f'{people} names images that the labeled set has not, or more than once: '
            f'{", ".join(unknown[:3]) or "two images of one name"}; expected one person an image')
    return [numbers[os.path.basename(name)] for name in names]


def set_labels(cfg: Config, num: int, seed: int, cache: dict, held=(), folder=None) -> int:
    """Restrict a config to the labels that a seed draws.

    Of a config with `suggested_by`, the name of a method, the seed draws one half. `mmpose-mum
    suggest`, with the config's `suggest_options`, has chosen the other one by that method's
    training with the first half.

    Args:
        cfg (Config): Changed in place: `indices` of the labeled set, and those of the unlabeled
            one if it reads the same annotations.
        num (int): Labeled images; all of them lift the restriction.
        seed (int): Decides which.
        cache (dict): Images of the data sets that were built before.
        held (Collection[int]): People that are kept from the training.
        folder (Path, optional): Where the run works; a config with `suggested_by` needs it.

    Returns:
        int: Images that could have labels.

    Raises:
        BenchmarkError: If there are fewer images, none is left without labels, or the two sets do
            not list the same images.
    """
    sets = sources_of(cfg.train_dataloader.dataset)
    paths = image_paths(sets[0], cache)
    size = len(paths)
    total = size - len(held)
    if not 0 < num <= total:
        raise BenchmarkError(f'--labels {num}: the labeled set {annotations_of(sets[0])!r} has '
                             f'{total} images; expected a number from 1 to {total}')
    shared = len(sets) == 2 and annotations_of(sets[0]) == annotations_of(sets[1]) != ''
    if shared and num == total:
        raise BenchmarkError(
            f'--labels {num}: these are all images of {annotations_of(sets[0])!r}, nothing is left '
            'unlabeled. Give all labels to supervised configs only, in a call of their own')
    drawn = draw_labels(seed, size, num)
    if 'suggested_by' in cfg:
        first = folder.parents[1].with_name(cfg.suggested_by) / f'labels_{num // 2}' / folder.name
        choice = first / folder.parents[1].name
        command = (f'mmpose-mum suggest {first}.py {first}/iter_{cfg.train_cfg.max_iters}.pth '
                   f'--num {num - num // 2} --seed {seed} {cfg.get("suggest_options", "")} '
                   f'--unlabeled {annotations_of(sets[0])} '
                   f'--unlabeled-images {os.path.normpath(image_folder(sets[0]))} --out {choice}')
        drawn = sorted({*draw_labels(seed, size, num // 2),
                        *suggested_labels(choice / 'people.json', paths, command)})
        if len(drawn) != num:
            raise BenchmarkError(f'{choice} has {len(drawn) - num // 2} new people, expected '
                                 f'{num - num // 2}; choose them again:\n  {command} --force')
    indices = [None if num == size else drawn]
    if shared:
        others = image_paths(sets[1], cache)
        if others != paths:
            where = next((i for i, (a, b) in enumerate(zip(paths, others)) if a != b),
                         min(size, len(others)))
            raise BenchmarkError(
                f'of {annotations_of(sets[0])!r} the labeled set reads {size} images and the '
                f'unlabeled set {len(others)}, which differ from number {where} on (they leave '
                'out annotations by different rules), so that drawn numbers would mean different '
                'images. Give both a json in which every person has a box and labeled keypoints')
        chosen = {*drawn, *held}
        indices.append([i for i in range(size) if i not in chosen])
    set_indices(cfg, *indices)
    return total


def parse_methods(arguments: list) -> dict:
    """Return ``{method: path of its config}`` of ``CONFIG`` or ``NAME=CONFIG`` arguments."""
    methods = {}
    for argument in arguments:
        name, _, path = argument.rpartition('=')
        path = Path(path)
        name = name or path.stem
        if not path.is_file():
            raise BenchmarkError(f'the config {str(path)!r} does not exist; expected CONFIG or '
                                 'NAME=CONFIG, the path of a .py file')
        if name in methods:
            raise BenchmarkError(f'two methods are called {name!r}: {methods[name]} and {path}; '
                                 'give one of them another name, as NAME=CONFIG')
        if not re.fullmatch(r'[\w.-]+', name):
            raise BenchmarkError(f'{name!r} is no name of a method: a folder is called after it; '
                                 'expected letters, digits, "_", "-" and "."')
        methods[name] = path
    return methods


def plan(methods: dict, labels: list, seeds: list, work_dir: Path, options=None,
         num_held: int = 0) -> list:
    """Resolve the config of every run, seeds outermost, and check it against what is there."""
    runs, cache = [], {}
    for seed in dict.fromkeys(seeds):
        for num in dict.fromkeys(labels):
            for method, source in methods.items():
                cfg = Config.fromfile(source)
                cfg.merge_from_dict(options or {})
                cfg.randomness = dict(cfg.get('randomness') or {}, seed=seed)
                if 'max_iters' not in cfg.train_cfg:
                    raise BenchmarkError(f'{source}: its train_cfg has no max_iters; expected a '
                                         'schedule in iterations (IterBasedTrainLoop)')
                held = hold_out(cfg, num_held, seed, cache) if num_held else ()
                folder = work_dir / method / f'labels_{num}' / f'seed_{seed}'
                total = set_labels(cfg, num, seed, cache, held, folder)
                if 'first_round' in cfg:
                    cfg.model.labeler.checkpoint = str(
                        first_round_of(cfg, folder) / 'teacher.pth')
                runs.append(Run(method, source, cfg, num, total, seed, folder))
                check_same_config(runs[-1])
    return runs


def first_round_of(cfg: Config, folder: Path) -> Path:
    """Return where the run worked whose teacher labels a second round of the same labels."""
    return folder.parents[1].with_name(cfg.first_round) / folder.parent.name / folder.name


def set_indices(cfg: Config, *indices) -> None:
    """Restrict the sets of a config, in place and in their own form."""
    for config, chosen in zip(written_sources(cfg.train_dataloader.dataset), indices):
        config['indices'] = chosen


def config_text(run: Run) -> str:
    """Return a config that inherits from the run's source and sets its seed and labels.

    It is not a dump of the resolved one: there MMEngine sorts keys as text, and MMPose, which takes
    keypoints in the order of `keypoint_info`, would read 0, 1, 10, 11, … and flip the wrong ones.
    """
    sets = sources_of(run.cfg.train_dataloader.dataset)
    if len(sets) == 1:
        dataset = f'dict(indices={sets[0].get("indices")})'
    elif 'datasets' not in run.cfg.train_dataloader.dataset:
        dataset = 'dict(' + ', '.join(
            f'{name}=dict(indices={s.indices})' for name, s in zip(SOURCE_NAMES, sets)
            if 'indices' in s) + ')'
    else:
        bases = [f'_base_.train_dataloader.dataset.datasets[{i}]' for i in range(2)]
        dataset = 'dict(datasets=[\n    ' + ',\n    '.join(
            f'dict({base}, indices={s.indices})' if 'indices' in s else base
            for base, s in zip(bases, sets)) + '])'
    return (f'# Written by {Path(__file__).stem}.\n_base_ = {str(run.source.resolve())!r}\n'
            f'randomness = dict(seed={run.seed})\n'
            f'train_dataloader = dict(dataset={dataset})\n'
            + labeler_text(run.cfg) + held_text(run.cfg))


def labeler_text(cfg: Config) -> str:
    """Return what a second round's config says of the first one's teacher."""
    if 'first_round' not in cfg:
        return ''
    return f'model = dict(labeler=dict(checkpoint={cfg.model.labeler.checkpoint!r}))\n'


def held_text(cfg: Config) -> str:
    """Return what a config says of the people that it validates on if they were held out."""
    if 'held_out' not in cfg:
        return ''
    dataset = {key: cfg.val_dataloader.dataset.get(key)
               for key in ('data_root', 'ann_file', 'data_prefix', 'indices')}
    return (f'held_out = {cfg.held_out}\n'
            f'val_dataloader = dict(dataset=dict({dataset}))\n')


def planned_config(run: Run) -> str:
    """Return what a Runner takes of the resolved config as JSON, to tell whether it is the same."""
    cfg = run.cfg.to_dict()
    return json.dumps({key: cfg[key] for key in cfg if key in RUNNER_KEYS}, default=str)


def check_same_config(run: Run) -> None:
    """Refuse to go on with a run that was started with another config, or by hand."""
    planned = run.folder / 'planned.json'
    if not planned.exists() and any(run.folder.glob('*/vis_data')):
        raise BenchmarkError(f'{run}: {run.folder} holds a training that is not the benchmark\'s; '
                             'remove that folder, or use another --work-dir')
    if planned.exists():
        keys = list(differences(read_kept(planned), json.loads(planned_config(run))))
        if keys:
            raise BenchmarkError(
                f'{run}: {run.folder} was started with another config: ' + '; '.join(keys[:3])
                + (f'; and {len(keys) - 3} more' if len(keys) > 3 else '')
                + '. Remove that folder, or use another --work-dir')


def differences(old, new, key=''):
    """Yield in words where two nested dicts differ."""
    if isinstance(old, dict) and isinstance(new, dict):
        for name in sorted({*old, *new}, key=str):
            yield from differences(old.get(name, '(none)'), new.get(name, '(none)'),
                                   f'{key}.{name}' if key else str(name))
    elif old != new:
        yield f'{key} was {str(old)[:80]} and is now {str(new)[:80]}'
