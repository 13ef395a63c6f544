"""The plain model's config that lies in a semi-supervised one: read, cut out, and written."""
import os.path as osp
from keyword import iskeyword
from math import inf, isfinite
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple, Union

import mmpose.registry
from mmengine.config import Config
from mmengine.registry import Registry

PLUGIN = __name__.split('.')[0]
# What is written of a config: what testing and inference need. All else is about the training.
KEPT = ('default_scope', 'custom_imports', 'dataset_type', 'data_mode', 'codec', 'model', 'val_cfg',
        'val_dataloader', 'val_evaluator', 'test_cfg', 'test_dataloader', 'test_evaluator',
        'default_hooks', 'visualizer', 'env_cfg', 'log_processor', 'log_level')
WIDTH = 100


def find_config(checkpoint: Path) -> Path:
    """Find the config that MMEngine wrote into the work dir of a checkpoint.

    Args:
        checkpoint (Path): A file in the work dir.

    Returns:
        Path: The work dir's only config, or else the last run's ``vis_data/config.py``.

    Raises:
        ValueError: If there is none, or several.
    """
    beside = sorted(checkpoint.parent.glob('*.py'))
    if len(beside) > 1:
        raise ValueError(f'there are several configs beside {checkpoint}, '
                         f'{", ".join(path.name for path in beside)}: say which by --config')
    found = beside or sorted(checkpoint.parent.glob('*/vis_data/config.py'))
    if not found:
        raise ValueError(f'there is no config beside {checkpoint}, and no */vis_data/config.py: '
                         'give the one that it was trained with by --config')
    return found[-1]


def read_config(path: Union[str, Path]) -> Config:
    """Read a config, and list its joints by their ids again.

    MMEngine's dump sorts the keys of dicts as text (0, 1, 10, …, 2), while MMPose takes the joints
    of a ``metainfo`` in the order of the dict: it would flip the wrong ones, and say nothing.

    Args:
        path (str | Path): The config. It is a program, which is run.

    Returns:
        Config: The config, in which dicts with numbers as keys are sorted by them.

    Raises:
        FileNotFoundError: If there is no such file.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f'there is no config {str(path)!r}')
    cfg = Config.fromfile(str(path))
    return Config(_by_id(cfg.to_dict()), filename=cfg.filename)


def plain_config(cfg: Config) -> Tuple[Dict[str, Any], List[str]]:
    """Make the config of the plain model: its parts for testing, without ``_base_`` and plugin.

    Args:
        cfg (Config): That of the semi-supervised training, or a plain one.

    Returns:
        tuple[dict, list[str]]: Name → value of builtin types, and the types of metrics and hooks
        that are left out since they need the plugin.

    Raises:
        ValueError: If there are no data to test with, or they need the plugin.
    """
    full = cfg.to_dict()
    if not full.get('model'):
        raise ValueError(f'the config {cfg.filename} has no model')
    if not full.get('test_dataloader'):
        full.update(test_dataloader=full.get('val_dataloader'),
                    test_evaluator=full.get('val_evaluator'), test_cfg={})
    if not full['test_dataloader']:
        raise ValueError(f'the config {cfg.filename} has no test_dataloader and no val_dataloader, '
                         'whose pipeline inference needs')
    full['model'] = _without_pretrained(_plain_model(full['model']))
    # MMPoseInferencer asks for these three, which not every config has.
    full.setdefault('visualizer', dict(
        type='PoseLocalVisualizer', vis_backends=[dict(type='LocalVisBackend')],
        name='visualizer'))
    full['dataset_type'] = _first_type(full['test_dataloader']['dataset'])
    full['data_mode'] = 'topdown'
    full['custom_imports'] = _other_imports(full.get('custom_imports') or {})
    # As it is for the training alone, and may wait for figures of a teacher.
    full['default_hooks'] = {name: hook for name, hook in (full.get('default_hooks') or {}).items()
                             if name != 'checkpoint'}
    left_out = []
    for name in ('val_evaluator', 'test_evaluator', 'default_hooks'):
        full[name] = _without_plugin(full.get(name), left_out)
    for name in ('val', 'test'):  # the Runner wants all three, or none
        full[f'{name}_evaluator'] = full[f'{name}_evaluator'] or None
        # The loop is the default one: the semi-supervised one validates two models.
        full[f'{name}_cfg'] = {} if full[f'{name}_evaluator'] else None
    if not full['val_evaluator']:
        full['val_dataloader'] = None
    entries = {name: _inline_metainfo(full[name]) for name in KEPT if full.get(name) is not None}
    for name, value in entries.items():
        ours = sorted(_types(value) & _plugin_types())
        if ours:
            raise ValueError(f'{name} of the config needs {PLUGIN}: it has {", ".join(ours)}')
    return entries, sorted(set(left_out))


def config_text(entries: Dict[str, Any], title: str) -> str:
    """Write a config, with its dicts in the order that they have.

    Args:
        entries (dict): Name → value of builtin types.
        title (str): A comment for the first line.

    Returns:
        str: The text of a Python file.

    Raises:
        ValueError: If a value cannot be written as a literal.
    """
    lines, names = [f'# {title}'], list(entries)
    for i, (name, value) in enumerate(entries.items()):
        same = next((other for other in names[:i] if value and entries[other] == value), None)
        lines.append(f'{name} = {same or _literal(name, value, 0, len(name) + 3)}')
    return '\n'.join(lines) + '\n'


def _plain_model(model: Dict[str, Any]) -> Dict[str, Any]:
    if 'estimator' not in model:
        return model
    plain, branches = dict(model['estimator']), model.get('data_preprocessor')
    # As SemiSupervisedPoseEstimator chooses it.
    own = plain.get('data_preprocessor') or dict(type='PoseDataPreprocessor')
    plain['data_preprocessor'] = branches['data_preprocessor'] if branches else own
    return plain


def _without_pretrained(node: Any) -> Any:
    """Leave out the weights that a part would start from: they would be downloaded for nothing."""
    def starts(init: Any) -> bool:
        return isinstance(init, dict) and str(init.get('type')).endswith('Pretrained')

    if isinstance(node, dict):
        node = {key: _without_pretrained(value) for key, value in node.items()
                if not (key == 'init_cfg' and starts(value))}
    elif isinstance(node, (list, tuple)):
        node = type(node)(_without_pretrained(item) for item in node if not starts(item))
    return node


def _other_imports(custom: Dict[str, Any]) -> Optional[Dict[str, Any]]:
    names = custom.get('imports') or []
    names = [names] if isinstance(names, str) else names
    kept = [name for name in names if name.split('.')[0] != PLUGIN]
    return dict(custom, imports=kept) if kept else None


def _plugin_types() -> set:
    registries = [value for value in vars(mmpose.registry).values() if isinstance(value, Registry)]
    return {name for registry in registries for name, found in registry.module_dict.items()
            if found.__module__.split('.')[0] == PLUGIN}


def _type(node: Any) -> str:
    return str(node.get('type')).rpartition('.')[2] if isinstance(node, dict) else ''


def _first_type(dataset: Dict[str, Any]) -> str:
    """Return the type of a dataset, of one that is wrapped, or of the first of several."""
    inner = dataset.get('dataset') or (dataset.get('datasets') or [None])[0]
    return _first_type(inner) if inner else str(dataset['type'])


def _types(node: Any) -> set:
    items = node.values() if isinstance(node, dict) else node
    found = {_type(node)}
    return found.union(*map(_types, items)) if isinstance(node, (dict, list, tuple)) else found


def _without_plugin(node: Any, left_out: List[str]) -> Any:
    """Leave out the components, here or among the items, that need the plugin, and note them."""
    def ours(item: Any) -> bool:
        found = _type(item) in _plugin_types()
        left_out.extend([_type(item)] if found else [])
        return found

    if ours(node):
        return None
    if isinstance(node, (list, tuple)):
        return [item for item in node if not ours(item)]
    if isinstance(node, dict):
        return {key: value for key, value in node.items() if not ours(value)}
    return node


def _inline_metainfo(node: Any) -> Any:
    """Put what a ``metainfo`` reads from a file in its place; MMPose's own it finds everywhere."""
    if isinstance(node, dict):
        node = {key: _inline_metainfo(value) for key, value in node.items()}
        file = node.get('from_file')
        if isinstance(file, str) and osp.isfile(file):
            return _by_id(Config.fromfile(file).to_dict())['dataset_info']
    elif isinstance(node, (list, tuple)):
        node = type(node)(_inline_metainfo(item) for item in node)
    return node


def _by_id(node: Any) -> Any:
    if isinstance(node, dict):
        keys = sorted(node) if all(isinstance(key, int) for key in node) else node
        return {key: _by_id(node[key]) for key in keys}
    return type(node)(_by_id(item) for item in node) if isinstance(node, (list, tuple)) else node


def _literal(name: str, node: Any, indent: int, lead: int) -> str:
    """Write a value: in a line if it fits behind ``lead`` characters, else an item a line."""
    if not isinstance(node, (dict, list, tuple)):
        if not isinstance(node, (str, int, float, type(None))) or (
                isinstance(node, float) and not isfinite(node)):
            raise ValueError(f'{name} of the config holds {node!r}, which cannot be written down')
        return repr(node)
    if isinstance(node, dict):
        words = all(isinstance(key, str) and key.isidentifier() and not iskeyword(key)
                    for key in node)
        opening, closing = ('dict(', ')') if words else ('{', '}')
        # Its type before its arguments; everything else in its order.
        keys = sorted(node, key=lambda key: key != 'type') if words else node
        items = [(f'{key}=' if words else f'{key!r}: ', node[key]) for key in keys]
    else:
        opening, closing = '[]' if isinstance(node, list) else '()'
        items = [('', item) for item in node]
        closing = ',)' if len(items) == 1 and closing == ')' else closing
    flat = opening + ', '.join(
        key + _literal(name, item, 0, -inf) for key, item in items) + closing
    if indent + lead + len(flat) <= WIDTH:
        return flat
    inner = indent + 4
    lines = [' ' * inner + key + _literal(name, item, inner, len(key) + 1) for key, item in items]
    return opening + '\n' + ',\n'.join(lines) + closing
