"""The settings of a run: those that matter, in words, and all those that differ from another's."""
import os.path as osp
from typing import Any, Callable, Dict, Iterator, List, Optional, Tuple

from mmengine.config import Config

from ..configs.components import has_estimator
from ..configs.plain import ENTRIES, plain_model
from ..datasets.short_form import SOURCE_NAMES, written_sources
from .run import Run, hook_of

# Where a run was and how it was shown, not what it was.
_BESIDE = ('work_dir', 'log_level', 'visualizer', 'vis_backends')


def settings_of(run: Run, counts: Dict[str, int]) -> Dict[str, str]:
    """Put the settings that matter into words.

    Args:
        run (Run): With a config.
        counts (dict[str, int]): Settings that name people → how many there are.

    Returns:
        dict[str, str]: By name, in the order to show them; those that do not apply are missing.
    """
    assert run.cfg is not None
    full = run.cfg.to_dict()
    found: Dict[str, str] = {}
    for name, tell in _ROWS.items():
        try:
            text = tell(full)
        except (AttributeError, IndexError, KeyError, TypeError):  # foreign configs are free
            continue
        if text:
            found[name] = f'{counts[name]:,} people, {text}' if name in counts else text
    seconds = list(run.series.get('time', {}).values())
    if seconds:
        found['Time'] = f'{sum(seconds) / len(seconds):.2f} s per iteration'
    return found


def _model(full: Dict[str, Any]) -> Dict[str, Any]:
    return full['model'].get('estimator', full['model'])


def _wrapper(full: Dict[str, Any]) -> Dict[str, Any]:
    """Return what wraps the estimator; a plain model raises KeyError."""
    if not has_estimator(full['model']):
        raise KeyError('estimator')
    return full['model']


def _hook(full: Dict[str, Any], name: str) -> Dict[str, Any]:
    found = hook_of(full, name)
    if found is None:
        raise KeyError(name)
    return found


def _method(full: Dict[str, Any]) -> str:
    kind = 'semi-supervised' if has_estimator(full['model']) else 'supervised'
    return f'{kind}, {full["model"]["type"]}'


def _network(full: Dict[str, Any]) -> str:
    backbone = _model(full)['backbone']
    size = backbone.get('depth') or backbone.get('arch')
    return ' '.join(str(part) for part in (backbone['type'], size, 'with', _head(full)) if part)


def _head(full: Dict[str, Any]) -> str:
    return str(_model(full)['head']['type'])


def _input(full: Dict[str, Any]) -> str:
    codec = _model(full)['head']['decoder']
    codec = codec[-1] if isinstance(codec, (list, tuple)) else codec
    return '{} × {} pixels'.format(*codec['input_size'])


def _start(full: Dict[str, Any]) -> str:
    init = _model(full)['backbone'].get('init_cfg') or []
    inits = [init] if isinstance(init, dict) else init
    found = next((one['checkpoint'] for one in inits if one.get('checkpoint')), None)
    return str(full.get('load_from') or found or 'random weights')


def _sources(full: Dict[str, Any]) -> List[Dict[str, Any]]:
    return written_sources(full['train_dataloader']['dataset'])


def _place(dataset: Any) -> str:
    if isinstance(dataset, (list, tuple)):
        return ', '.join(map(_place, dataset))
    if not isinstance(dataset, dict):
        return str(dataset)
    if dataset.get('datasets'):
        return ', '.join(map(_place, dataset['datasets']))
    root, file = dataset.get('data_root') or '', dataset.get('ann_file') or ''
    place = file or (dataset.get('data_prefix') or {}).get('img') or ''
    indices = dataset.get('indices')
    few = f' ({_number(indices)})' if indices else ''
    path = osp.join(root, place)
    return (path and osp.normpath(path)) + few


def _number(indices: Any) -> str:
    if isinstance(indices, int):
        return f'the {"first" if indices > 0 else "last"} {abs(indices):,}'
    return f'{len(indices):,} chosen'


def _batch(full: Dict[str, Any]) -> str:
    loader = full['train_dataloader']
    ratio = (loader.get('sampler') or {}).get('source_ratio')
    if not ratio:
        return f'{loader["batch_size"]} people'
    labeled = loader['batch_size'] * ratio[0] / sum(ratio)
    return (f'{loader["batch_size"]} people, {labeled:.0f} of them labeled'
            if labeled == int(labeled) else f'{loader["batch_size"]} people, labeled to unlabeled '
            + ' : '.join(map(str, ratio)))


def _length(full: Dict[str, Any]) -> str:
    loop = full['train_cfg']
    return f'{loop["max_iters"]:,} iterations' if loop.get('max_iters') else (
        f'{loop["max_epochs"]:,} epochs')


def _optimizer(full: Dict[str, Any]) -> str:
    optimizer = full['optim_wrapper']['optimizer']
    schedule = full.get('param_scheduler') or []
    schedule = [schedule] if isinstance(schedule, dict) else schedule
    steps = ', then '.join(str(part['type']) for part in schedule)
    return f'{optimizer["type"]}, learning rate {optimizer["lr"]:g}' + (
        f'; {steps}' if steps else '')


def _precision(full: Dict[str, Any]) -> str:
    kind, dtype = full['optim_wrapper'].get('type', ''), full['optim_wrapper'].get('dtype')
    return f'{kind} {dtype or ""}'.strip() if kind not in ('', 'OptimWrapper') else ''


def _weight(full: Dict[str, Any]) -> str:
    wrapper = _wrapper(full)
    burn_in, ramp_up = (wrapper.get(name) or 0 for name in ('burn_in', 'ramp_up'))
    text = f'{wrapper.get("unsup_weight", 1):g}'
    if burn_in:
        text += f' after {burn_in:,} iterations on labels alone'
    return text + (f', ramped up over {ramp_up:,} iterations' if ramp_up else '')


def _mixing(full: Dict[str, Any]) -> str:
    mix = _wrapper(full).get('mix_unmix')
    if not mix:
        return 'none'
    grid = mix.get('grid')
    tiles = ' × '.join(map(str, grid)) if isinstance(grid, (list, tuple)) else str(grid)
    return f'{tiles} tiles at {", ".join(mix.get("sites") or ["the default sites"])}'


def _confidence(full: Dict[str, Any]) -> str:
    return _words(_wrapper(full).get('confidence'))


def _cutout(full: Dict[str, Any]) -> str:
    wrapper = _wrapper(full)
    return _words(wrapper.get('keypoint_cutout') or wrapper.get('joint_cutout'))  # the old name


def _words(options: Optional[Dict[str, Any]]) -> str:
    return ', '.join(f'{key} {value}' for key, value in (options or {}).items() if key != 'type')


def _seed(full: Dict[str, Any]) -> str:
    seed = (full.get('randomness') or {}).get('seed')
    return '' if seed is None else str(seed)


def _compile(full: Dict[str, Any]) -> str:
    return 'yes' if full.get('compile') else ''


_ROWS: Dict[str, Callable[[Dict[str, Any]], str]] = {
    'Training': _method,
    'Network': _network,
    'Input': _input,
    'Starts from': _start,
    'Labels': lambda full: _place(_sources(full)[0]),
    'Unlabeled people': lambda full: _place(_sources(full)[1]),
    'Validation': lambda full: _place(full['val_dataloader']['dataset']),
    'Batch': _batch,
    'Length': _length,
    'Optimizer': _optimizer,
    'Precision': _precision,
    'Weight of unlabeled people': _weight,
    'Mixing': _mixing,
    'Confidence': _confidence,
    'Keypoint cutout': _cutout,
    'Teacher follows by': lambda full: _words(_hook(full, 'EMANHook')),
    'Seed': _seed,
    'Compiled': _compile,
}


def differences(first: Config, second: Config) -> List[Tuple[str, str, str]]:
    """List all settings that differ, except those of the work dir and of the display.

    The plain model within a semi-supervised one is compared with a plain one.

    Args:
        first (Config): A training's.
        second (Config): Another's.

    Returns:
        list[tuple[str, str, str]]: Name, and the value in each; '–' where there is none.
    """
    one, other = (dict(_flat(_comparable(cfg))) for cfg in (first, second))
    return [(name, _short(one.get(name, '–')), _short(other.get(name, '–')))
            for name in dict.fromkeys([*one, *other]) if one.get(name) != other.get(name)]


def _short(text: str) -> str:
    """Cut the middle out of a long value, such as a list of indices, and say so."""
    return text if len(text) <= 200 else f'{text[:100]} … {text[-50:]} ({len(text):,} characters)'


def _comparable(cfg: Config) -> Dict[str, Any]:
    full = cfg.to_dict()
    entries: Dict[str, Any] = dict(model=plain_model(full))
    if has_estimator(full['model']):
        entries['semi'] = {key: value for key, value in full['model'].items()
                           if key not in ('estimator', 'data_preprocessor', 'backbone')}
    if full.get('train_dataloader'):
        entries.update(zip(SOURCE_NAMES, _sources(full)))
        full['train_dataloader'] = {
            key: value for key, value in full['train_dataloader'].items() if key != 'dataset'}
    return {**entries, **{name: full[name] for name in ENTRIES
                          if name in full and name not in (*entries, *_BESIDE)}}


def _flat(node: Any, name: str = '') -> Iterator[Tuple[str, str]]:
    """Yield the leaves of nested dicts, and lists of dicts, by dotted names."""
    items: Any = None
    if isinstance(node, dict):
        items = node.items()
    elif isinstance(node, (list, tuple)) and any(isinstance(item, dict) for item in node):
        items = enumerate(node)
    if not items:
        yield name, repr(list(node) if isinstance(node, tuple) else node)
        return
    for key, value in items:
        yield from _flat(value, f'{name}.{key}' if name else str(key))
