"""The plain model's config that lies in a semi-supervised one: read, cut out, and written."""
import os.path as osp
import re
import traceback
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Tuple, Union

import mmpose.registry
import mmpose.visualization  # it registers the visualizers
from mmengine.config import Config
from mmengine.registry import Registry

from .components import has_estimator, map_dicts, name_of
from .datasets import leaves
from .printer import assignment
from .shipped import find_shipped_config

PLUGIN = __name__.split('.')[0]
_HOST = ('mmcls', 'mmcv', 'mmdet', 'mmengine', 'mmpose', 'mmpretrain', 'torch')
# Every entry that MMEngine's Runner, its inferencer, or MMPose's configs and tools read; whether a
# plain model's config keeps it, has a plain one instead or leaves it out, and why. Others are
# variables: left out, since what they were used in holds their values. In the order of writing.
KEPT, PLAIN, LEFT_OUT = 'kept', 'plain', 'left out'
ENTRIES = dict(
    default_scope=(KEPT, 'types are looked up in it'),
    custom_imports=(PLAIN, 'those that bring what is kept'),
    dataset_type=(PLAIN, 'MMPoseInferencer asks for it'),
    data_mode=(PLAIN, 'MMPoseInferencer asks for it'),
    codec=(KEPT, 'where people look for the size of the input'),
    model=(PLAIN, 'one of the two models, without weights to start from'),
    data_preprocessor=(LEFT_OUT, 'becomes the model\'s'),
    val_cfg=(PLAIN, 'the loop of the training validates two models'),
    val_dataloader=(KEPT, 'the figures are of it'),
    val_evaluator=(PLAIN, 'the figures, without metrics of this package'),
    test_cfg=(PLAIN, 'see val_cfg'),
    test_dataloader=(KEPT, 'inference takes its pipeline'),
    test_evaluator=(PLAIN, 'see val_evaluator'),
    default_hooks=(PLAIN, 'those that MMPose\'s test tool has options for'),
    visualizer=(PLAIN, 'the training\'s may need a tracking service, and name its address'),
    # The Runner does without the following.
    train_dataloader=(LEFT_OUT, 'the training\'s data'),
    train_cfg=(LEFT_OUT, 'the training\'s loop'),
    optim_wrapper=(LEFT_OUT, 'the training\'s optimizer'),
    param_scheduler=(LEFT_OUT, 'the training\'s schedule'),
    auto_scale_lr=(LEFT_OUT, 'of the optimizer'),
    custom_hooks=(LEFT_OUT, 'they watch and change the training'),
    load_from=(LEFT_OUT, 'where the training started'),
    resume=(LEFT_OUT, 'where the training went on'),
    work_dir=(LEFT_OUT, 'a folder of the machine'),
    experiment_name=(LEFT_OUT, 'the training\'s'),
    launcher=(LEFT_OUT, 'how the processes of the training were started'),
    env_cfg=(LEFT_OUT, 'the machine\'s processes and network'),
    model_wrapper_cfg=(LEFT_OUT, 'for training on several GPUs'),
    find_unused_parameters=(LEFT_OUT, 'see model_wrapper_cfg'),
    sync_bn=(LEFT_OUT, 'see model_wrapper_cfg'),
    activation_checkpointing=(LEFT_OUT, 'saves memory in training'),
    efficient_conv_bn_eval=(LEFT_OUT, 'saves memory in training'),
    compile=(LEFT_OUT, 'a choice of the machine'),
    randomness=(LEFT_OUT, 'the training\'s seed'),
    log_processor=(LEFT_OUT, 'writes the log of the training'),
    log_level=(LEFT_OUT, 'of the training\'s log'),
    vis_backends=(LEFT_OUT, 'see visualizer'),
    backend_args=(LEFT_OUT, 'how the machine reads its files'),
)


def find_config(checkpoint: Path) -> Path:
    """Find the config that MMEngine wrote into the work dir of a checkpoint.

    Args:
        checkpoint (Path): A file in the work dir.

    Returns:
        Path: The config of the checkpoint's name, or else the only one that is not of a published
        model, or else the last run's ``vis_data/config.py``.

    Raises:
        ValueError: If there is none, or several.
    """
    own = checkpoint.with_suffix('.py')  # as of a published model
    beside = [own] if own.is_file() else sorted(
        path for path in checkpoint.parent.glob('*.py') if not _is_published(path))
    if len(beside) > 1:
        raise ValueError(f'there are several configs next to {checkpoint}, '
                         f'{", ".join(path.name for path in beside)}: choose one with --config')
    found = beside or sorted(checkpoint.parent.glob('*/vis_data/config.py'))
    if not found:
        raise ValueError(f'there is no config next to {checkpoint}, and no */vis_data/config.py: '
                         'give the one that it was trained with as --config')
    return found[-1]


def _is_published(config: Path) -> bool:
    """Tell whether a config is named as one that was published beside its checkpoint."""
    return bool(re.search('-[0-9a-f]{8}$', config.stem)) and config.with_suffix('.pth').exists()


def run_config(path: str) -> Config:
    """Read a config as MMEngine does, and tell what is wrong with one that it cannot read.

    Args:
        path (str): The config. It is a program, which is run.

    Raises:
        ImportError: If it imports what is not there.
        OSError: If it, or one that it inherits from, cannot be read.
        ValueError: If it is wrong otherwise, with the line.
    """
    try:
        return Config.fromfile(path)
    except (ImportError, OSError):
        raise
    except Exception as error:  # a program may raise anything
        lines = [frame for frame in traceback.extract_tb(error.__traceback__)
                 if frame.name == '<module>']  # the config's own, or one's that it inherits from
        place = f' ({lines[-1].filename}, line {lines[-1].lineno})' if lines else ''
        raise ValueError(f'the config {path!r} cannot be read: {type(error).__name__}: {error}'
                         f'{place}') from error


def read_config(path: Union[str, Path]) -> Config:
    """Read a config, and list its keypoints by their ids again.

    MMEngine's dump sorts the keys of dicts as text (0, 1, 10, …, 2), while MMPose takes the
    keypoints of a ``metainfo`` in the order of the dict: it would flip the wrong ones, and say
    nothing.

    Args:
        path (str | Path): The config. It is a program, which is run.

    Returns:
        Config: The config, in which dicts with numbers as keys are sorted by them.

    Raises:
        FileNotFoundError: If there is no such file.
        ImportError, OSError, ValueError: As for :func:`run_config`.
    """
    cfg = run_config(find_shipped_config(str(path)))
    return Config(_by_id(cfg.to_dict()), filename=cfg.filename)


def plain_config(cfg: Config) -> Tuple[Dict[str, Any], List[str]]:
    """Make the config of the plain model: what ``ENTRIES`` says, without ``_base_`` and plugin.

    Args:
        cfg (Config): That of the semi-supervised training, or a plain one.

    Returns:
        tuple[dict, list[str]]: Name → value of builtin types, and the types of metrics that are
        left out since they need the plugin.

    Raises:
        ValueError: If there are no data to test with, or they need the plugin.
    """
    full = cfg.to_dict()
    if not full.get('model'):
        raise ValueError(f'the config {cfg.filename} has no model')
    if not full.get('test_dataloader'):
        full.update(test_dataloader=full.get('val_dataloader'),
                    test_evaluator=full.get('val_evaluator'))
    if not full['test_dataloader']:
        raise ValueError(f'the config {cfg.filename} has no test_dataloader and no val_dataloader, '
                         'whose pipeline inference needs')
    left_out: List[str] = []
    plain: Dict[str, Any] = dict(
        model=plain_model(full),
        dataset_type=str(next(leaves(full['test_dataloader']['dataset']))['type']),
        data_mode='topdown',
        default_hooks=dict(
            visualization=dict(type='PoseVisualizationHook', enable=False),
            badcase=dict(type='BadCaseAnalysisHook', enable=False, out_dir='badcase')),
        visualizer=_plain_visualizer(full.get('visualizer')))
    for name in ('val', 'test'):  # the Runner wants all three, or none
        evaluator = _without_plugin(full.get(f'{name}_evaluator'), left_out) or None
        plain.update({f'{name}_evaluator': evaluator, f'{name}_cfg': {} if evaluator else None})
    if not plain['val_evaluator']:
        full['val_dataloader'] = None
    full.update(plain)
    found = {name: _inline_metainfo(full[name]) for name, (what, _) in ENTRIES.items()
             if what != LEFT_OUT and name != 'custom_imports' and full.get(name) is not None}
    for name, value in found.items():
        ours = sorted(_types(value) & _types_below(PLUGIN))
        if ours:
            raise ValueError(f"{name} of the config has {', '.join(ours)} of {PLUGIN}, and a plain "
                             "config must not need it: put MMPose's own there")
    found['custom_imports'] = _other_imports(full.get('custom_imports') or {}, _types(found))
    entries = {name: found[name] for name in ENTRIES if found.get(name) is not None}
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
        lines.append(f'{name} = {same}' if same else assignment(name, _type_first(value)))
    return '\n'.join(lines) + '\n'


def plain_model(full: Dict[str, Any]) -> Dict[str, Any]:
    """Return the config of the plain model in a config, without weights to start from.

    Args:
        full (dict): Entries of a plain config, or of a semi-supervised training's.

    Returns:
        dict: The model's, preprocessor included.
    """
    model = dict(full['model'])
    if full.get('data_preprocessor'):  # as the Runner does
        model.setdefault('data_preprocessor', full['data_preprocessor'])
    if has_estimator(model):
        plain, branches = dict(model['estimator']), model.get('data_preprocessor')
        # As SemiSupervisedPoseEstimator chooses it.
        own = plain.get('data_preprocessor') or dict(type='PoseDataPreprocessor')
        plain['data_preprocessor'] = branches['data_preprocessor'] if branches else own
        model = plain
    model.pop('train_cfg', None)
    return _without_pretrained(model)


def _plain_visualizer(training: Optional[Dict[str, Any]]) -> Dict[str, Any]:
    """Draw as the training did, in 2D or 3D, if by a visualizer of MMPose's, and into files."""
    mmposes = name_of(training) in _types_below('mmpose.visualization')
    return dict(type=name_of(training) if mmposes else 'PoseLocalVisualizer',
                vis_backends=[dict(type='LocalVisBackend')], name='visualizer')


def _without_pretrained(node: Any) -> Any:
    """Leave out the weights that a part would start from: they would be downloaded for nothing."""
    def starts(init: Any) -> bool:
        return isinstance(init, dict) and str(init.get('type')).endswith('Pretrained')

    if isinstance(node, dict):
        node = {key: _without_pretrained(value) for key, value in node.items()
                if not (key == 'init_cfg' and starts(value))
                and not (key == 'pretrained' and isinstance(value, str))}
    elif isinstance(node, (list, tuple)):
        node = type(node)(_without_pretrained(item) for item in node if not starts(item))
    return node


def _other_imports(custom: Dict[str, Any], used: set) -> Optional[Dict[str, Any]]:
    """Leave out this package, and modules that register something, but nothing that is used.

    If a used part comes from none of the modules that stay, one of the others imports its module.
    Nobody knows which one, so all of them stay.
    """
    names = custom.get('imports') or []
    names = [name for name in ([names] if isinstance(names, str) else names)
             if name.split('.')[0] != PLUGIN]
    brought = {name: _types_below(name) for name in names}
    kept = [name for name in names if not brought[name] or brought[name] & used]
    roots = (*_HOST, PLUGIN, *kept)
    if any(name in used and not any(_is_below(module, root) for root in roots)
           for name, module in _registered()):
        kept = names
    return dict(custom, imports=kept) if kept else None


def _registered() -> Iterator[Tuple[str, str]]:
    """Yield the name of each component that is registered, and its module's."""
    registries = [value for value in vars(mmpose.registry).values() if isinstance(value, Registry)]
    registries += [registry.parent for registry in registries if registry.parent]
    for registry in registries:
        for name, found in registry.module_dict.items():
            yield name, found.__module__


def _is_below(module: str, package: str) -> bool:
    return f'{module}.'.startswith(f'{package}.')


def _types_below(module: str) -> set:
    """Return what a module or package, and those in it, have registered."""
    return {name for name, found in _registered() if _is_below(found, module)}


def _types(node: Any) -> set:
    items = node.values() if isinstance(node, dict) else node
    found = {name_of(node)}
    return found.union(*map(_types, items)) if isinstance(node, (dict, list, tuple)) else found


def _without_plugin(node: Any, left_out: List[str]) -> Any:
    """Leave out the components, here or among the items, that need the plugin, and note them."""
    def ours(item: Any) -> bool:
        found = name_of(item) in _types_below(PLUGIN)
        left_out.extend([name_of(item)] if found else [])
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
    def inlined(entries: Dict[Any, Any]) -> Any:
        file = entries.get('from_file')
        if isinstance(file, str) and osp.isfile(file):
            return _by_id(Config.fromfile(file).to_dict())['dataset_info']
        return entries

    return map_dicts(inlined, node)


def _by_id(node: Any) -> Any:
    """Sort dicts with numbers as keys, such as a metainfo's keypoints, by these."""
    return map_dicts(lambda entries: dict(sorted(entries.items())) if all(
        isinstance(key, int) for key in entries) else entries, node)


def _type_first(node: Any) -> Any:
    """Put the types of components before their arguments; everything else stays in its order."""
    return map_dicts(
        lambda entries: dict(sorted(entries.items(), key=lambda entry: entry[0] != 'type')), node)
