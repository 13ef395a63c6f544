"""Every config parses, builds its model and stays short; ours clash with no name of the host."""
import json
import subprocess
import sys
from functools import lru_cache
from pathlib import Path

import mmdet.registry
import mmengine.registry
import mmpose.registry
import pytest
import torch
from mim.commands.search import convert2df
from mmengine.config import Config, ConfigDict
from mmengine.registry import Registry
from mmpose.datasets.datasets.utils import parse_pose_metainfo
from mmpose.registry import MODELS
from modelindex.load_model_index import load as load_model_index

from mmpose_mum.datasets.short_form import sources_of

ROOT = Path(__file__).parents[1] / 'configs'
BASES = sorted(ROOT.glob('_base_/*.py'))
SEMI_SUPERVISED = ('SemiSupervisedPoseEstimator', 'DualPoseEstimator')
CONFIGS = sorted(path for path in ROOT.rglob('*.py') if path not in BASES)
INDEX = load_model_index(str(ROOT.parent / 'model-index.yml'))
INDEXED = [path for path in CONFIGS if path.relative_to(ROOT).parts[0] in ('pose_mum', 'baselines')]


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
    if 'mmpretrain.' in model:
        pytest.importorskip('mmpretrain')
    cfg = without_weights(ConfigDict(json.loads(model)))
    try:
        with torch.device('meta'):  # no memory, no time
            model = MODELS.build(cfg)
    except RuntimeError:  # RTMPose's head computes with values
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
    assert cfg.model.backbone == {}  # by which MMPose's init_model takes it
    loader = cfg.train_dataloader
    assert loader.sampler.type == 'SemiSupervisedSampler'
    assert 'batch_size' not in loader.sampler  # the loader's alone
    labeled, unlabeled = sources_of(loader.dataset)
    assert unlabeled.type == 'UnlabeledPoseDataset' and labeled.type != unlabeled.type
    assert 'metainfo' not in loader.dataset.unlabeled  # the labeled set's
    size = tuple(cfg.codec.input_size)
    load, views = unlabeled.pipeline
    assert load.get('input_size', size) == size
    assert views.unsup_teacher[-1].input_size == views.unsup_student[-1].input_size == size

    hooks = {hook.type: hook for hook in cfg.custom_hooks}
    assert 'SyncBuffersHook' in hooks and 'EMAHook' not in hooks
    if cfg.model.type == 'DualPoseEstimator':  # both networks learn
        assert 'EMANHook' not in hooks
        assert cfg.optim_wrapper.constructor == 'DefaultOptimWrapperConstructor'
    else:
        assert 'burn_in' not in hooks['EMANHook']  # the model's alone
        assert cfg.optim_wrapper.constructor == 'StudentOptimWrapperConstructor'
    # MMPose's 512 counts labeled images only.
    assert cfg.get('auto_scale_lr', {}).get('base_batch_size') != 512
    assert cfg.train_cfg.type == 'ResumableTrainLoop' and 'by_epoch' not in cfg.train_cfg
    assert cfg.val_cfg.type == 'TeacherStudentOnePassValLoop'
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




def test_mim_can_read_the_model_index():
    table = convert2df(INDEX)  # what `mim search` does
    assert not INDEX.check(silent=True)
    assert len(table) == len(INDEXED)
    assert list(table.index) == [name.lower() for name in table.index]  # or mim finds none
    assert set(table['model']) == {
        'pose-mum', 'supervised', 'mean teacher', 'posecons', 'posedual'}


def test_the_installed_package_has_the_models_too(tmp_path):
    found = subprocess.run([sys.executable, '-m', 'mim', 'search', 'mmpose_mum'], cwd=tmp_path,
                           capture_output=True, text=True)
    assert all(model.name.lower() in found.stdout.lower() for model in INDEX.models), (
        f'install again, by pip install -e . or make setup: {found}')


def test_every_config_is_in_the_model_index_once():
    listed = [model.config for model in INDEX.models]
    assert sorted(listed) == sorted(f'configs/{name_of(path)}' for path in INDEXED)


@pytest.mark.parametrize('model', list(INDEX.models), ids=lambda model: model.name)
def test_model_index_says_what_the_config_does(model):
    cfg = parsed(ROOT.parent / model.config)
    assert model.metadata.data['Iterations'] == cfg.train_cfg.max_iters
    assert model.metadata.batch_size == cfg.train_dataloader.batch_size
    # Nothing has been measured.
    assert not model.results and not model.weights
    method = model.name.split('_')[0].replace('-', '_')
    assert model.config == f'configs/{"" if method == "pose_mum" else "baselines/"}' \
                           f'{method}/{model.name.split("_", 1)[1]}.py'


def test_the_readme_names_every_config():
    readme = (ROOT / 'pose_mum/README.md').read_text(encoding='utf-8')
    assert not [name_of(path) for path in INDEXED if f'`{name_of(path)}`' not in readme]


# Passes over the unlabeled people, at which the learning rate is divided, by the benchmark.
@pytest.mark.parametrize('name, batch, passes, steps', [
    ('res18_coco_1k', 32, 70, (50, 60)),
    ('res18_coco_5k', 32, 100, (70, 90)),
    ('res18_coco_10k', 32, 100, (70, 90)),
    ('res50_coco_wild', 32, 400, (300, 350)),
    ('res101_coco_wild', 32, 400, (300, 350)),
    ('res152_coco_wild', 32, 400, (300, 350)),
    ('hrnet_w48_coco_wild_384x288', 8, 300, (220, 260)),
])
def test_schedule_is_the_benchmarks(name, batch, passes, steps):
    cfg = parsed(ROOT / f'pose_mum/{name}.py')
    a_pass = 149800 // batch
    assert cfg.train_dataloader.batch_size == 2 * batch
    assert cfg.train_cfg.max_iters == passes * a_pass and cfg.train_cfg.val_interval == a_pass
    (scheduler, ) = cfg.param_scheduler
    assert scheduler.milestones == [step * a_pass for step in steps] and scheduler.gamma == 0.1
    assert cfg.optim_wrapper.optimizer.lr == 1e-3


@pytest.mark.parametrize('path', [p for p in INDEXED if 'k.py' in p.name or 'wild' in p.name],
                         ids=name_of)
def test_evaluation_is_the_benchmarks(path):
    cfg = parsed(path)
    for loader in (cfg.val_dataloader, cfg.test_dataloader):
        assert loader.dataset.bbox_file is None  # the true boxes
    for metric in (cfg.val_evaluator, cfg.test_evaluator):
        assert (metric.nms_mode, metric.nms_thr, metric.keypoint_score_thr) == ('oks_nms', 0.9, 0.2)
    estimator = cfg.model.get('estimator', cfg.model)
    assert estimator.test_cfg.flip_test is False
    labeled = cfg.train_dataloader.dataset.get('labeled', cfg.train_dataloader.dataset)
    steps = [step.type for step in labeled.pipeline]
    assert 'RandomHalfBody' not in steps and 'RandomBBoxTransform' in steps


@pytest.mark.parametrize('labels', ['1k', '5k', '10k'])
def test_baselines_differ_from_pose_mum_in_the_method_alone(labels):
    ours = parsed(ROOT / f'pose_mum/res18_coco_{labels}.py')
    for method in ('mean_teacher', 'pose_cons', 'pose_dual', 'supervised'):
        other = parsed(ROOT / f'baselines/{method}/res18_coco_{labels}.py')
        assert other.train_cfg == ours.train_cfg and other.param_scheduler == ours.param_scheduler
        assert other.val_dataloader == ours.val_dataloader
        if method == 'supervised':
            assert other.model.backbone == ours.model.estimator.backbone
            assert other.train_dataloader.dataset.ann_file == \
                ours.train_dataloader.dataset.labeled.ann_file
            continue
        assert other.model.estimator == ours.model.estimator
        assert other.model.mix_unmix is None
        theirs, mine = (sources_of(cfg.train_dataloader.dataset) for cfg in (other, ours))
        assert theirs[0] == mine[0] and theirs[1].ann_file == mine[1].ann_file


def test_sigma_and_flip_pairs_of_mpii_with_aic():
    for name, sigma in (('res18', 2), ('hrnet_w32', 3)):
        cfg = parsed(ROOT / f'pose_mum/{name}_mpii_aic.py')
        labeled, unlabeled = sources_of(cfg.train_dataloader.dataset)
        steps = {step.type: step for step in labeled.pipeline[0].sup}
        codecs = [cfg.codec, cfg.model.estimator.head.decoder, steps['GenerateTarget'].encoder]
        assert [codec.sigma for codec in codecs] == [sigma] * 3
        metainfo = parse_pose_metainfo(dict(unlabeled.metainfo))
        assert metainfo['num_keypoints'] == cfg.model.estimator.head.out_channels == 16
