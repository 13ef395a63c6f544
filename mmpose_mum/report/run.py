"""What a work dir holds of a run: its config, checkpoint, scalars, panels and log."""
import re
from math import inf
from pathlib import Path
from typing import Any, Dict, List, Mapping, NamedTuple, Optional

from mmengine.config import Config

from ..checkpoint.last import find_checkpoint
from ..configs.components import has_estimator, name_of
from ..configs.plain import find_config, read_config
from ..visualization.run_plot import Series, sorted_run
from ..visualization.scalars import Start, entries_of, read_starts


class Run(NamedTuple):
    """A run, as far as its work dir tells.

    Attributes:
        name: What the page calls it.
        folder: The work dir.
        cfg: The training's config, if there is one.
        checkpoint: The last one, if there is one.
        series: The training's scalars.
        metrics: Metric → model → iteration → value, as ``visualization.run_plot`` reads it. Epochs,
            by which MMEngine logs an epoch loop's validations, are counted in iterations.
        starts: What each start of the training has logged.
        lacks: What is not there, and what follows from it.
    """
    name: str
    folder: Path
    cfg: Optional[Config]
    checkpoint: Optional[Path]
    series: Series
    metrics: Dict[str, Series]
    starts: List[Start]
    lacks: List[str]

    @property
    def semi(self) -> bool:
        """Whether it is a semi-supervised training."""
        return self.cfg is not None and has_estimator(self.cfg.get('model'))

    @property
    def model(self) -> str:
        """What the model that predicts is called."""
        return 'teacher' if self.semi else 'model'

    @property
    def iterations(self) -> int:
        """The last iteration that was logged or saved, 0 if none was."""
        saved = re.search(r'iter_(\d+)', self.checkpoint.name if self.checkpoint else '')
        points = [*self.series.values(), *(
            points for models in self.metrics.values() for points in models.values())]
        return max([step for found in points for step in found]
                   + [int(saved.group(1)) if saved else 0])

    @property
    def metric(self) -> str:
        """The first metric that was logged, '' if none was."""
        return next(iter(self.metrics), '')


def read_work_dirs(folders: List[Path]) -> List[Run]:
    """Read the work dirs of one run or several.

    Args:
        folders (list[Path]): The work dirs.

    Returns:
        list[Run]: In the same order, each with another name.

    Raises:
        FileNotFoundError: If a folder is not there.
        ValueError: If a folder holds nothing of a run, or something is broken.
    """
    return [_read(name, folder) for name, folder in zip(names_of(folders), folders)]


def names_of(folders: List[Path]) -> List[str]:
    """Name folders by the ends of their paths that tell them apart."""
    parts = [folder.resolve().parts for folder in folders]
    for number in range(1, max(map(len, parts)) + 1):
        names = ['/'.join(part[-number:]) for part in parts]
        if len(set(names)) == len(names):
            return names
    raise ValueError(f'{folders[0]} is given twice')


def _read(name: str, folder: Path) -> Run:
    if not folder.is_dir():
        raise FileNotFoundError(f'there is no folder {str(folder)!r}: expected the work dir of a '
                                'run')
    lacks: List[str] = []
    cfg = checkpoint = None
    series: Series = {}
    metrics: Dict[str, Series] = {}
    configs = _configs_of(folder)
    if configs:
        try:
            cfg = _read_config(configs)
        except Exception as error:  # it is a program, and may want what this machine lacks
            lacks.append(f'The config {configs[-1]} cannot be read: {error!r}. No settings and no '
                         'images.')
    else:
        lacks.append('The work dir has no */vis_data/config.py, and not exactly one config of its '
                     'own: no settings and no images.')
    try:
        checkpoint = find_checkpoint(folder)
    except ValueError:
        lacks.append('There is no last_checkpoint, or the checkpoint that it names is gone: no '
                     'accuracy by keypoint, and no images of people.')
    starts = read_starts(folder)
    if starts:
        series, metrics = sorted_run(folder, entries_of(starts))
    else:
        lacks.append('There is no */vis_data/scalars.json, which MMEngine writes with '
                     'LocalVisBackend: no curves.')
    if len(lacks) == 3:
        raise ValueError(f'{folder} has nothing of a run that can be shown. {" ".join(lacks)} Is '
                         'it the work dir of a run?')
    return Run(name, folder, cfg, checkpoint, series, metrics, starts, lacks)


def _configs_of(folder: Path) -> List[Path]:
    """Find the configs of the training's starts, or else the work dir's only one."""
    found = sorted(folder.glob('*/vis_data/config.py'))
    if found:  # a test writes a config, too, and no scalars
        return [path for path in found if path.with_name('scalars.json').is_file()] or found
    try:
        return [find_config(folder / 'any.pth')]
    except ValueError:
        return []


def _read_config(configs: List[Path]) -> Config:
    """Read the config of the last start, with the weights that the run began with.

    A start that resumes has no ``load_from``, or that of the checkpoint it resumes from.
    """
    cfg = first = read_config(configs[-1])
    for earlier in configs[-2::-1]:
        if not first.get('resume'):
            break
        try:
            first = read_config(earlier)
        except Exception:  # a program that no longer runs; the last start's says enough
            break
    cfg.load_from = first.get('load_from')
    return cfg


def panels_of(run: Run) -> Dict[int, List[Path]]:
    """Find the panels that PseudoLabelVisualizationHook drew, by iteration, one for each pair."""
    found: Dict[int, Dict[str, Path]] = {}
    ends = {start.folder: start.end for start in run.starts}
    for path in sorted(run.folder.glob('*/vis_data/vis_image/*.png')):  # the last start's counts
        name = re.fullmatch(r'(?:second_)?unlabeled_(\d+)', path.stem)
        if name and int(name.group(1)) < ends.get(path.parents[2], inf):
            found.setdefault(int(name.group(1)), {})[path.stem] = path
    return {step: sorted(found[step].values(), key=lambda path: path.stem[::-1])
            for step in sorted(found)}


def hook_of(cfg: Mapping[str, Any], name: str) -> Optional[Dict[str, Any]]:
    """Return the options of a config's hook, None if it has no such hook."""
    return next((hook for hook in cfg.get('custom_hooks') or ()
                 if name_of(hook) == name), None)
