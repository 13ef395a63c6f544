"""Every config parses, builds its model and stays short; ours clash with no name of the host."""
import json
from functools import lru_cache
from pathlib import Path

import mmdet.registry
import mmengine.registry
import mmpose.registry
import pytest
import torch
from mmengine.config import Config, ConfigDict
from mmengine.registry import Registry
from mmpose.registry import MODELS

import mmpose_mum  # noqa: F401 - registers

ROOT = Path(__file__).parents[1] / 'configs'
BASES = sorted(ROOT.glob('_base_/*.py'))
SEMI_SUPERVISED = ('SemiSupervisedPoseEstimator', 'DualPoseEstimator')
CONFIGS = sorted(path for path in ROOT.rglob('*.py') if path not in BASES)


def name_of(path):
    return str(path.relative_to(ROOT))


def content_lines(path):
    lines = (line.strip() for line in path.read_text(encoding='utf-8').splitlines())
    return [line for line in lines if line and not line.startswith('#')]


def inherits_from_ours(path):
    """Whether one of a config's bases is itself a config that can be trained."""
    bases = Config._get_base_files(str(path))
    return any(not base.startswith('mmpose::') and (path.parent / base).resolve() in CONFIGS
               for base in bases)


def without_weights(node):
    """Returns a config in which nothing is downloaded."""
    if isinstance(node, dict):
        return type(node)({
            key: None if key == 'init_cfg' else without_weights(value)
            for key, value in node.items()})
    if isinstance(node, (list, tuple)):
        return type(node)(without_weights(value) for value in node)
    return node


@lru_cache(None)
def parsed(path):
    """Returns what a config says, read once; not to be changed."""
    return Config.fromfile(str(path))


@lru_cache(None)
def check_model(model):
    """Builds the model that a json describes, which several configs may share."""
    cfg = without_weights(ConfigDict(json.loads(model)))
    with torch.device('meta'):  # no memory, no time
        model = MODELS.build(cfg)
    if cfg.type in SEMI_SUPERVISED:
        teacher, student = model.teacher.state_dict(), model.student.state_dict()
        assert teacher.keys() == student.keys()


def test_there_are_configs():
    assert len(CONFIGS) >= 4 and BASES


@pytest.mark.parametrize('path', CONFIGS, ids=name_of)
def test_config_parses_and_names_the_package(path):
    cfg = parsed(path)
    assert cfg.custom_imports['imports'] == ['mmpose_mum']
    assert cfg.default_scope == 'mmpose'
    # Nothing of the merging is left over, which a Runner would take for an argument.
    assert not any('_delete_' in section for key, section in cfg.items()
                   if isinstance(section, dict) and not key.startswith('semi_'))


@pytest.mark.parametrize('path', CONFIGS, ids=name_of)
def test_model_builds(path):
    check_model(json.dumps(parsed(path).model.to_dict()))


@pytest.mark.parametrize('path', CONFIGS, ids=name_of)
def test_semi_supervised_config_fits_together(path):
    cfg = parsed(path)
    if cfg.model.type not in SEMI_SUPERVISED:
        return
    loader = cfg.train_dataloader
    assert loader.sampler.type == 'SemiSupervisedSampler'
    assert loader.sampler.batch_size == loader.batch_size
    labelled, unlabelled = loader.dataset.datasets
    assert unlabelled.type == 'UnlabeledPoseDataset' and labelled.type != unlabelled.type
    assert labelled.get('metainfo') == unlabelled.get('metainfo')
    size = tuple(cfg.codec.input_size)
    views = unlabelled.pipeline[-1]
    assert views.unsup_teacher[-1].input_size == views.unsup_student[-1].input_size == size

    hooks = {hook.type: hook for hook in cfg.custom_hooks}
    assert 'SyncBuffersHook' in hooks and 'EMAHook' not in hooks
    if cfg.model.type == 'DualPoseEstimator':  # both networks learn
        assert 'EMANHook' not in hooks
        assert cfg.optim_wrapper.constructor == 'DefaultOptimWrapperConstructor'
    else:
        assert hooks['EMANHook'].get('burn_in', 0) == cfg.model.get('burn_in', 0)
        assert cfg.optim_wrapper.constructor == 'StudentOptimWrapperConstructor'
    assert cfg.train_cfg.type == 'IterBasedTrainLoop' and 'by_epoch' not in cfg.train_cfg
    assert cfg.val_cfg.type == 'mmdet.TeacherStudentValLoop'
    assert cfg.log_processor.by_epoch is False and cfg.default_hooks.checkpoint.by_epoch is False
    # The metric's name has a prefix now: an inherited 'coco/AP' would not be found.
    assert cfg.default_hooks.checkpoint.get('save_best', 'teacher/').startswith('teacher/')
    assert not any(scheduler.get('by_epoch', True) for scheduler in cfg.param_scheduler)
    assert (cfg.model.get('burn_in', 0) + cfg.model.get('ramp_up', 0)) < cfg.train_cfg.max_iters


@pytest.mark.parametrize('path', CONFIGS, ids=name_of)
def test_config_is_short(path):
    most = 25 if inherits_from_ours(path) else 40
    assert len(content_lines(path)) <= most


def registries(module):
    return {name: registry for name, registry in vars(module).items()
            if isinstance(registry, Registry)}


def test_no_name_of_ours_is_taken_in_the_host():
    """A name that two scopes hold means another thing in another config."""
    ours = {}
    for name, registry in registries(mmpose.registry).items():
        registry.import_from_location()
        for key, cls in registry.module_dict.items():
            if cls.__module__.startswith('mmpose_mum'):
                ours.setdefault(name, set()).add(key)
    assert {'SemiSupervisedPoseEstimator', 'MixUnMix'} <= ours['MODELS']
    assert 'EMANHook' in ours['HOOKS']
    for module in (mmengine.registry, mmdet.registry):
        others = registries(module)
        for name, keys in ours.items():
            others[name].import_from_location()
            assert not keys & set(others[name].module_dict), name
