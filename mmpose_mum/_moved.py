"""Old import paths and names: they work for one release, and warn.

Old names of code warn with a ``DeprecationWarning``, which Python shows to developers; those of
configs with a ``FutureWarning``, which everybody sees. Every folder of the package may import this
module, which needs the standard library alone.
"""
import sys
import warnings
from functools import wraps
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from typing import Any, Callable, Dict, Mapping, Type, TypeVar

PACKAGE = __name__.split('.')[0]
REMOVED_IN = f'{PACKAGE} 0.2'  # the release that removes what this module knows
Function = TypeVar('Function', bound=Callable[..., Any])
# Where a module of the package has gone; to several if it was split.
MODULES = {
    'conversion': ('convert', ),
    'conversion.convert': ('convert.convert', ),
    'conversion.data': ('convert.data', ),
    'conversion.model': ('convert.model', ),
    'conversion.options': ('convert.options', ),
    'conversion.references': ('convert.references', ),
    'conversion.schedule': ('convert.schedule', ),
    'conversion.validation': ('convert.validation', ),
    'conversion.writer': ('convert.writer', ),
    'datasets.decoding': ('files.decoding', ),
    'datasets.demo': ('demo.data', ),
    'datasets.demo_painting': ('demo.painting', ),
    'datasets.demo_people': ('demo.people', ),
    'datasets.demo_poses': ('demo.poses', ),
    'datasets.demo_scene': ('demo.scene', ),
    'datasets.faster': ('datasets.views', ),
    'datasets.json_text': ('files.json_text', ),
    'datasets.pictures': ('files.images', ),
    'datasets.samplers': ('datasets.sampler', ),
    'datasets.sources': ('datasets.dataset', ),
    'datasets.transforms': ('datasets.views', 'datasets.loading'),
    'datasets.video': ('files.video', ),
    'engine.atomic_backend': ('checkpoint.atomic_backend', ),
    'engine.autocast': ('engine.optim.autocast', ),
    'engine.channels_last_hook': ('engine.hooks.channels_last_hook', ),
    'engine.checkpoint_hook': ('engine.hooks.checkpoint_hook', ),
    'engine.checkpoint_keypoints': ('checkpoint.keypoints', ),
    'engine.eman_hook': ('engine.hooks.eman_hook', 'functional.ema'),
    'engine.hidden_label_hook': ('engine.hooks.hidden_label_hook', ),
    'engine.loss_guard_hook': ('engine.hooks.loss_guard_hook', ),
    'engine.monitor_hook': ('engine.hooks.monitor_hook', ),
    'engine.pipeline_switch_hook': ('engine.hooks.pipeline_switch_hook', ),
    'engine.student_optim': ('engine.optim.student_optim', ),
    'engine.train_loop': ('engine.loops.train_loop', ),
    'engine.val_loop': ('engine.loops.val_loop', ),
    'engine.visualization_hook': ('engine.hooks.visualization_hook', ),
    'engine.work_dir_lock': ('checkpoint.work_dir_lock', ),
    'models.coordinate_targets': ('models.targets.coordinate', ),
    'models.default_sites': ('models.mixing.default_sites', ),
    'models.heatmap_targets': ('models.targets.heatmap', ),
    'models.hybrid_targets': ('models.targets.visibility', 'models.targets.heatmap'),
    'models.mix_unmix': ('models.mixing.neck', ),
    'models.mixing_sites': ('models.mixing.sites', 'functional.nested'),
    'models.pseudo_targets': ('models.targets.base', ),
    'models.semi_supervised': ('models.estimator', ),
    'models.tokens': ('models.mixing.tokens', ),
    'models.unlabelled_step': ('models.step', ),
    'plain_config': ('configs.plain', ),
    'portable_config': ('configs.portable', ),
    'pseudo_labels': ('export.pseudo_labels', 'export.people'),
    'publish': ('export.publish', ),
    'safe_globals': ('checkpoint.safe_globals', ),
    'safe_load': ('checkpoint.safe_load', ),
}
# Public names that are spelled otherwise now: of functions, classes, methods and arguments.
NAMES = {
    'JOINT_NAMES': 'KEYPOINT_NAMES',
    '_joints': '_keypoints',
    'by_joint': 'by_keypoint',
    'check_joints': 'check_keypoints',
    'count_joints': 'count_keypoints',
    'count_right': 'tally',
    'facing_joints': 'facing_keypoints',
    'hidden_joints': 'hidden_keypoints',
    'joint_cutout': 'keypoint_cutout',
    'joint_names': 'keypoint_names',
    'joints': 'keypoints',
    'joints_of': 'keypoints_of',
    'num_joints': 'num_keypoints',
    'student_joints': 'student_keypoints',
    'teacher_joints': 'teacher_keypoints',
    'DSNTTargets': 'DSNTTargetMaker',
    'HandTargets': 'HandTargetMaker',
    'HeatmapTargets': 'HeatmapTargetMaker',
    'IntegralTargets': 'IntegralTargetMaker',
    'LabelledPipelineSwitchHook': 'LabeledPipelineSwitchHook',
    'LevelTargets': 'LevelTargetMaker',
    'OffsetTargets': 'OffsetTargetMaker',
    'PoseTargets': 'TargetMaker',
    'RLETargets': 'RLETargetMaker',
    'RegressionTargets': 'RegressionTargetMaker',
    'SimCCTargets': 'SimCCTargetMaker',
    'StagedTargets': 'StagedTargetMaker',
    'UnlabelledStep': 'UnlabeledStep',
    'VisibilityTargets': 'VisibilityTargetMaker',
    'list_pictures': 'list_images',
    'missing_pictures': 'missing_images',
    'picture_finder': 'image_finder',
    'plain_model': 'unwrapped',
    'processor_has_bfloat16': 'cpu_has_bfloat16',
    'sample_colour': 'sample_color',
    'targets_of': 'target_maker_for',
}
# Scalars in the logs of older runs.
SCALARS = {'joint_distance': 'keypoint_distance', 'joints_used': 'keypoints_used'}
# The command's verb that a script of ``tools/`` has become, and how its flags are spelled now.
SCRIPTS = {
    'browse_branches': ['preview'],
    'compare_predictions': ['compare'],
    'detect_people': ['detect'],
    'export_pseudo_labels': ['export'],
    'make_semi_config': ['convert'],
    'plot_hidden_labels': ['plot', '--hidden'],
    'plot_run': ['plot'],
    'publish_model': ['publish'],
    'split_labels': ['split'],
}
SCRIPT_FLAGS = {'--out-dir': '--out', '--overwrite': '--force'}


class OldPaths(MetaPathFinder, Loader):
    """Find a module by its old path: one that holds what its successors hold."""

    def find_spec(self, fullname, path=None, target=None):
        """Return how the module is made, or None if the path is no old one."""
        package, _, name = fullname.partition('.')
        if package != PACKAGE or name not in MODULES:
            return None
        is_package = any(other.startswith(name + '.') for other in MODULES)
        return ModuleSpec(fullname, self, is_package=is_package)

    def create_module(self, spec):
        """Return None: an empty module is right."""

    def exec_module(self, module):
        """Fill the module, and say where its contents are now."""
        successors = [f'{PACKAGE}.{name}' for name in MODULES[module.__name__.partition('.')[2]]]
        warnings.warn(f'{module.__name__} has moved to {" and ".join(successors)}; {REMOVED_IN} '
                      'removes the old path', DeprecationWarning, stacklevel=2)
        for successor in map(import_module, successors):
            vars(module).update({name: value for name, value in vars(successor).items()
                                 if not name.startswith('__')})
        for old, new in NAMES.items():
            if hasattr(module, new):
                setattr(module, old, getattr(module, new))


def install() -> None:
    """Let imports fall back on the old paths."""
    if not any(type(finder).__name__ == OldPaths.__name__ for finder in sys.meta_path):
        sys.meta_path.append(OldPaths())


def warn_of(old: str, new: str, kind: Type[Warning] = DeprecationWarning, above: int = 1) -> None:
    """Warn that something has a new name.

    Args:
        old (str): The old name.
        new (str): The new one, or what to do instead.
        kind (type): ``DeprecationWarning``, or ``FutureWarning`` if it stands in a config.
        above (int): How many frames above the caller the line is that has the old name.
    """
    warnings.warn(f'{old} is now {new}; {REMOVED_IN} removes the old name', kind,
                  stacklevel=above + 2)


def old_names(module: str) -> Callable[[str], Any]:
    """Return a ``__getattr__`` by which a module has its contents' old names as well."""
    def find(name: str) -> Any:
        content, new = vars(sys.modules[module]), NAMES.get(name)
        if new not in content:
            raise AttributeError(f'module {module!r} has no attribute {name!r}')
        warn_of(f'{module}.{name}', new)
        return content[new]

    return find


def old_methods(cls: type, *names: str) -> None:
    """Let methods of a class be called, and be defined in a subclass, by their old names as well.

    Args:
        cls (type): The class, or a new subclass of it.
        *names (str): The old names.
    """
    for old in names:
        own, new = vars(cls), NAMES[old]
        if old in own and new not in own:  # a subclass from before
            warn_of(f'{cls.__qualname__}.{old}', new, above=2)
            setattr(cls, new, own[old])
        elif new in own:
            setattr(cls, old, _warning(own[new], f'{cls.__qualname__}.{old}', new))


def _warning(method: Callable[..., Any], old: str, new: str) -> Callable[..., Any]:
    @wraps(method)
    def call(*args: Any, **kwargs: Any) -> Any:
        warn_of(old, new)
        return method(*args, **kwargs)

    return call


def old_arguments(*names: str, kind: Type[Warning] = DeprecationWarning
                  ) -> Callable[[Function], Function]:
    """Let a function take arguments by their old names as well.

    Args:
        *names (str): The old names.
        kind (type): See :func:`warn_of`.
    """
    def decorate(function: Function) -> Function:
        @wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            for name in names:  # in words that torch.compile can follow
                if name in kwargs:
                    kwargs = renamed(kwargs, name, kind=kind)
            return function(*args, **kwargs)

        return call  # type: ignore[return-value]

    return decorate


def renamed(options: Mapping[str, Any], *names: str,
            kind: Type[Warning] = FutureWarning) -> Dict[str, Any]:
    """Return options with new names in place of old ones.

    If there are both, the old one changes the new one, as MMEngine's inheritance would: a config
    from before may inherit one of ours, whose names are the new ones.

    Args:
        options (Mapping): Some of them by old names.
        *names (str): The old names.
        kind (type): See :func:`warn_of`.

    Returns:
        dict: All of them by new names.
    """
    found = dict(options)
    for old in names:
        if old not in found:
            continue
        new, value = NAMES[old], found.pop(old)
        warn_of(old, new, kind, above=2)
        if isinstance(value, dict):
            value = dict(value)
            inherited = {} if value.pop('_delete_', False) else found.get(new) or {}
            value = {**inherited, **value}
        found[new] = value
    return found
