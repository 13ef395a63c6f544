"""Old import paths and names: they work for one release, with a ``DeprecationWarning``."""
import sys
import warnings
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec

PACKAGE = __name__.split('.')[0]
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
    'pseudo_labels': ('export.pseudo_labels', ),
    'publish': ('export.publish', ),
    'safe_globals': ('checkpoint.safe_globals', ),
    'safe_load': ('checkpoint.safe_load', ),
}
# Public names that are spelled otherwise now.
NAMES = {
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
        warnings.warn(f'{module.__name__} has moved to {" and ".join(successors)}; the old path '
                      'is removed in the next release', DeprecationWarning, stacklevel=2)
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
