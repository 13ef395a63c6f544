"""Gather what there is of one run or two, and write it as a page."""
import os
import re
import shlex
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Sequence, Union

import cv2
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from mmengine.device import get_device

from ..checkpoint.safe_load import load_checkpoint
from ..configs.plain import find_config
from ..datasets.loading import read_image
from ..export.people import People, find_labeled, find_people, find_validation, load_plain
from ..files.sizes import evenly
from ..files.whole import check_writable, write_whole
from ..version import __version__
from ..visualization import hidden_plot
from ..visualization.branches import draw_branches
from ..visualization.compare import THRESHOLD
from . import charts
from .guard import read_messages
from .images import PersonPainter, Shown, page_image
from .people import Judged, JudgedPerson, from_best_to_worst, judge, worst
from .run import Run, hook_of, panels_of, read_work_dirs
from .settings import differences, settings_of

WORST, HIDDEN, PANELS = 8, 8, 3  # people, people and panels that are shown
_ROWS = 4  # people in a panel that is drawn for the page


class Written(NamedTuple):
    """What :func:`write_report` wrote.

    Attributes:
        path: The page.
        lacks: What it lacks, and why.
    """
    path: Path
    lacks: List[str]


def write_report(work_dirs: Sequence[Union[str, Path]], out: Optional[Path] = None,
                 device: Optional[str] = None) -> Written:
    """Write the page of a run, or of two that it compares.

    The checkpoints are read safely. The configs are programs, which are run.

    Args:
        work_dirs (list[str | Path]): One or two. A run may be unfinished or lack things. The page
            then says what it does not show.
        out (Path, optional): The page. Defaults to ``report.html`` in the first work dir. It is
            replaced.
        device (str, optional): Where the models predict. Defaults to the best there is.

    Returns:
        Written: The path, and what the page lacks.

    Raises:
        FileNotFoundError: If a work dir is not there.
        ValueError: If one holds nothing of a run, or its scalars are broken.
        OSError: If the page cannot be written.
    """
    folders = [Path(folder) for folder in work_dirs]
    out = out or folders[0] / 'report.html'
    runs = read_work_dirs(folders)
    check_writable(out)  # before minutes of predictions
    content = gather(runs, device or get_device())
    write_whole(render(content), out)
    return Written(out, [f'{run.name}: {text}' if len(runs) > 1 else text
                         for run in runs for text in run.lacks])


def render(content: Dict[str, Any]) -> str:
    """Fill the page with what :func:`gather` found; all texts are escaped."""
    environment = Environment(
        loader=FileSystemLoader(str(Path(__file__).parent)), autoescape=True,
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.get_template('page.html').render(content)


@contextmanager
def _or_lack(run: Run, what: str) -> Iterator[None]:
    """Note what a part of the page lacks; the others do not depend on it."""
    try:
        yield
    except Exception as error:  # datasets and models, a user's own too, raise what they like
        text = (' '.join(str(error).split()) or repr(error))[:500]
        if isinstance(error, FileNotFoundError):
            text += '. If the path is relative, run the command where the training ran'
        run.lacks.append(f'{what}: {text}')


def gather(runs: List[Run], device: str) -> Dict[str, Any]:
    """Find out everything that the page says.

    Args:
        runs (list[Run]): One or two. Their ``lacks`` get what cannot be found out.
        device (str): Where the models predict.

    Returns:
        dict: What the template needs, by name.
    """
    judged: Dict[str, Judged] = {}
    hidden: Dict[str, Judged] = {}
    counts: Dict[str, Dict[str, int]] = {run.name: {} for run in runs}
    for run in runs:
        _look(run, device, judged, hidden, counts[run.name])
    names = [run.name for run in runs]
    metric = next((run.metric for run in runs if run.metric), '')
    return dict(
        title=' and '.join(run.name for run in runs), version=__version__,
        date=time.strftime('%Y-%m-%d'), runs=[_summary(run, judged) for run in runs],
        settings=_settings(runs, counts), differences=_differences(runs), metrics=_metrics(runs),
        metric=metric, curves=list(charts.curves(runs, metric)),
        watched={run.name: found for run in runs for found in [list(charts.watched(run))] if found},
        panels={run.name: found for run in runs for found in [_panels(run)] if found},
        threshold=f'{THRESHOLD:.0%}', accuracy=charts.accuracy(judged, names),
        judged=judged, models={run.name: run.model for run in runs},
        worst=_worst(runs, judged), hidden=hidden,
        hidden_charts=_hidden_charts(runs, names), hidden_people={
            run.name: _hidden_people(run, hidden[run.name]) for run in runs if run.name in hidden},
        guards={run.name: _guard(run) for run in runs if run.semi},
        publish=[_publish(run) for run in runs if run.checkpoint],
        lacks={run.name: run.lacks for run in runs if run.lacks})


def _look(run: Run, device: str, judged: Dict[str, Judged], hidden: Dict[str, Judged],
          counts: Dict[str, int]) -> None:
    """Count a run's people, and let its last checkpoint predict those that have labels."""
    if run.cfg is None:
        return
    unlabeled = validation = model = None
    with _or_lack(run, 'The labeled people are not counted'):
        counts['Labels'] = _size(find_labeled(run.cfg))
    if run.semi:
        with _or_lack(run, 'The unlabeled people are not counted'):
            unlabeled = find_people(run.cfg)
            counts['Unlabeled people'] = _size(unlabeled)
    with _or_lack(run, 'No accuracy by keypoint and no worst people'):
        validation = find_validation(run.cfg)
        counts['Validation'] = _size(validation)
    if run.checkpoint is None:
        return
    with _or_lack(run, f'{run.checkpoint.name} cannot be used'):
        model = load_plain(run.cfg, str(run.checkpoint)).to(device)
    if model and validation:
        with _or_lack(run, 'No accuracy by keypoint and no worst people'):
            judged[run.name] = judge(model, validation)
    if model and unlabeled and all(
            'hidden_keypoints' in dataset.get_data_info(0) for dataset in unlabeled.datasets):
        with _or_lack(run, 'No pseudo-labels beside the hidden labels'):
            hidden[run.name] = judge(model, unlabeled)


def _size(people: People) -> int:
    return sum(map(len, people.datasets))


def _summary(run: Run, judged: Dict[str, Judged]) -> Dict[str, Any]:
    """Say what a run is at a glance."""
    figures = []
    for metric, models in run.metrics.items():
        for model in ('teacher', 'student', ''):
            if models.get(model):
                step = max(models[model])
                figures.append((_number(models[model][step]),
                                f'{metric}{" of the " if model else ""}{model}, '
                                f'iteration {step:,}'))
        break
    if run.name in judged:
        found = judged[run.name]
        figures.append((f'{found.share:.0%}', f'of the keypoints of {len(found.people):,} '
                        'validation people are right'))
    loop = (run.cfg.get('train_cfg') or {}) if run.cfg is not None else {}
    planned, epochs = loop.get('max_iters'), run.series.get('epoch')
    state = f'{run.iterations:,} iterations'
    if epochs and loop.get('max_epochs'):
        state = f'epoch {max(epochs.values()):g} of {loop["max_epochs"]}, {state}'
    if planned and run.iterations:
        state = (f'finished, {planned:,} iterations' if run.iterations >= planned
                 else f'stopped or still running at iteration {run.iterations:,} of {planned:,}')
    return dict(name=run.name, folder=str(run.folder), state=state, figures=figures,
                checkpoint=run.checkpoint.name if run.checkpoint else None)


def _number(value: float) -> str:
    """Write shares with three digits, and distances in pixels with four."""
    if value == -1:  # COCO's metrics of a size that no person has
        return '–'
    return f'{value:.3f}' if abs(value) < 10 else f'{value:.4g}'


def _settings(runs: List[Run], counts: Dict[str, Dict[str, int]]) -> List[Dict[str, Any]]:
    """Arrange the settings that matter: a row each, a value for each run."""
    found = [settings_of(run, counts[run.name]) if run.cfg else {} for run in runs]
    names = dict.fromkeys(name for settings in found for name in settings)
    rows = [dict(name=name, values=[settings.get(name, '–') for settings in found])
            for name in names]
    return [dict(row, differs=len(set(row['values'])) > 1) for row in rows]


def _differences(runs: List[Run]) -> List[Any]:
    cfgs = [run.cfg for run in runs if run.cfg is not None]
    return differences(*cfgs) if len(cfgs) == 2 else []


def _metrics(runs: List[Run]) -> Dict[str, Any]:
    """Arrange the last validation's metrics: a row each, a column for each run's models."""
    columns = [(run, model) for run in runs for model in ('teacher', 'student', '')
               if any(models.get(model) for models in run.metrics.values())]
    names = dict.fromkeys(name for run in runs for name in run.metrics)

    def last(run, model, name):
        points = run.metrics.get(name, {}).get(model)
        return _number(points[max(points)]) if points else '–'

    return dict(
        columns=[' '.join(filter(None, [run.name if len(runs) > 1 else '', model])) or 'model'
                 for run, model in columns],
        rows=[(name, [last(run, model, name) for run, model in columns]) for name in names])


def _panels(run: Run) -> List[Any]:
    """Show panels of the training, or draw one of the last checkpoint."""
    if not run.semi:
        return []
    found: List[Any] = []
    for step, paths in evenly(list(panels_of(run).items()), PANELS):
        for path in paths:
            with _or_lack(run, f'No panel of iteration {step:,}'):
                found.append((f'Iteration {step:,}', page_image(
                    read_image(str(path)), f'unlabeled people of iteration {step:,}')))
    if found or run.checkpoint is None:
        return found
    with _or_lack(run, 'No mixing panel'):
        image = draw_branches(run.cfg, load_checkpoint(run.checkpoint), _ROWS)
        found.append(('Drawn now, with the last checkpoint', page_image(
            cv2.cvtColor(image, cv2.COLOR_RGB2BGR), 'unlabeled people in all their views')))
    return found


def _worst(runs: List[Run], judged: Dict[str, Judged]) -> List[Shown]:
    """Show the first run's worst people, as each run with the same keypoints sees them."""
    first = next((run for run in runs if run.name in judged), None)
    if first is None:
        return []
    same = {name: {_key(person): person for person in found.people}
            for name, found in judged.items() if found.names == judged[first.name].names}
    for run in runs:
        if run.name in judged and run.name not in same:
            run.lacks.append(f'No worst people: {first.name}, whose people are shown, has other '
                             'keypoints')
    called = {run.name: run.name if len(runs) > 1 else run.model for run in runs}
    found: List[Shown] = []
    with _or_lack(first, 'No worst people'):
        painter = PersonPainter(judged[first.name].metainfo, judged[first.name].folder)
        found += [painter.show('labels', {
            called[name]: people[_key(person)] for name, people in same.items()
            if _key(person) in people}) for person in worst(judged[first.name], WORST)]
    return found


def _key(person: JudgedPerson) -> Any:
    return person.path, person.box.tobytes()


def _hidden_people(run: Run, judged: Judged) -> List[Shown]:
    found: List[Shown] = []
    with _or_lack(run, 'No people with hidden labels'):
        painter = PersonPainter(judged.metainfo, judged.folder)
        found += [painter.show('hidden labels', {'pseudo-labels': person})
                  for person in from_best_to_worst(judged, HIDDEN)]
    return found


def _hidden_charts(runs: List[Run], names: List[str]) -> List[charts.Chart]:
    readouts = {run.name: hidden_plot.read_readouts(run.folder)
                for run in runs if hidden_plot.PCK in run.series}
    return list(charts.hidden(readouts, names)) if readouts else []


def _guard(run: Run) -> Dict[str, Any]:
    """Say what watched the run, and what it told."""
    assert run.cfg is not None
    hooks = {name: hook_of(run.cfg, name) for name in ('PseudoLabelMonitorHook', 'LossGuardHook')}
    return dict(watched=[name for name, hook in hooks.items() if hook is not None],
                messages=read_messages(run.folder, run.starts), log=any(run.folder.glob('*/*.log')))


def _publish(run: Run) -> Dict[str, Any]:
    """Say how to get a plain model out of the run."""
    checkpoint = run.checkpoint
    assert checkpoint is not None
    best = sorted(run.folder.glob('best_*.pth'), key=os.path.getmtime)
    command: List[str] = []
    if run.semi:
        stem = re.sub(r'[^\w.-]+', '_', run.name).strip('_.-') or 'model'
        command = ['mmpose-mum', 'publish', str(checkpoint), f'{stem}.pth']
        try:
            find_config(checkpoint)
        except ValueError:  # there are several beside the checkpoint
            assert run.cfg is not None
            command += ['--config', str(run.cfg.filename)]
    return dict(name=run.name, checkpoint=checkpoint.name, command=shlex.join(command),
                best=best[-1].name if best and best[-1] != checkpoint else None)
