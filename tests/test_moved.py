"""Old import paths and names work for one release, and say where things are now."""
import importlib
import sys
import uuid
import warnings
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner
from mmpose.models.heads import HeatmapHead
from mmpose.registry import HOOKS, MODELS

import mmpose_mum
from helpers import small_run
from helpers.tiny_estimators import build
from mmpose_mum import _moved
from mmpose_mum.engine import LabeledPipelineSwitchHook
from mmpose_mum.export.publish import publish
from mmpose_mum.functional import keypoint_cutout
from mmpose_mum.models.targets import base
from mmpose_mum.models.targets.heatmap import HeatmapTargetMaker
from mmpose_mum.testing import tiny_batch, tiny_config

CONFIGS = Path(__file__).parents[1] / 'configs'


def forget(name):
    """Import the module as if it were for the first time."""
    for known in [known for known in sys.modules if known == name]:
        del sys.modules[known]


@pytest.mark.parametrize('old', _moved.MODULES)
def test_an_old_path_holds_what_its_successors_hold(old):
    name = f'mmpose_mum.{old}'
    forget(name)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter('always')
        module = importlib.import_module(name)
    said = [str(warning.message) for warning in caught
            if warning.category is DeprecationWarning and 'has moved' in str(warning.message)]
    assert any(text.startswith(f'{name} has moved to') for text in said)
    for successor in _moved.MODULES[old]:
        new = importlib.import_module(f'mmpose_mum.{successor}')
        assert module is not new and f'mmpose_mum.{successor}' in ' '.join(said)
        for key, value in vars(new).items():
            if not key.startswith('__'):
                assert getattr(module, key) is not None or value is None


def test_the_warning_is_about_the_line_that_imports():
    forget('mmpose_mum.publish')
    with pytest.warns(DeprecationWarning, match='moved to mmpose_mum.export.publish') as caught:
        from mmpose_mum.publish import publish
    assert caught[0].filename == __file__
    assert publish is mmpose_mum.export.publish.publish


def test_a_split_module_has_both_parts_and_old_names():
    with warnings.catch_warnings():
        warnings.simplefilter('ignore', DeprecationWarning)
        from mmpose_mum.datasets.transforms import LoadUnlabeledImage, WeakView
        from mmpose_mum.models.unlabelled_step import UnlabelledStep
    from mmpose_mum.datasets import loading, views
    from mmpose_mum.models.step import UnlabeledStep
    assert LoadUnlabeledImage is loading.LoadUnlabeledImage and WeakView is views.WeakView
    assert UnlabelledStep is UnlabeledStep


def test_makers_of_targets_have_old_names_at_the_old_path():
    with warnings.catch_warnings():
        warnings.simplefilter('ignore', DeprecationWarning)
        from mmpose_mum.engine.eman_hook import EMANHook, paired_tensors
        from mmpose_mum.models.hybrid_targets import HandTargets, VisibilityTargets
        from mmpose_mum.models.pseudo_targets import PoseTargets, PseudoTargets, targets_of
    from mmpose_mum import engine, functional
    from mmpose_mum.models import targets
    assert targets_of is targets.target_maker_for and PoseTargets is targets.TargetMaker
    assert PseudoTargets is targets.PseudoTargets
    assert HandTargets is targets.heatmap.HandTargetMaker
    assert VisibilityTargets is targets.visibility.VisibilityTargetMaker
    assert EMANHook is engine.EMANHook and paired_tensors is functional.paired_tensors


def test_new_paths_do_not_warn():
    with warnings.catch_warnings():
        warnings.simplefilter('error', DeprecationWarning)
        for names in _moved.MODULES.values():
            for name in names:
                importlib.import_module(f'mmpose_mum.{name}')


def test_what_never_was_is_still_missing():
    with pytest.raises(ModuleNotFoundError, match='mmpose_mum.never'):
        importlib.import_module('mmpose_mum.never')


def test_the_old_name_of_the_hook_builds_the_new_one():
    with pytest.warns(FutureWarning, match='LabeledPipelineSwitchHook; mmpose_mum 0.2 removes'):
        hook = HOOKS.build(
            dict(type='LabelledPipelineSwitchHook', switch_iter=3, switch_pipeline=[]))
    assert isinstance(hook, LabeledPipelineSwitchHook) and hook.switch_iter == 3


@pytest.mark.parametrize('module, old, new', [
    ('functional', 'joint_cutout', 'keypoint_cutout'),
    ('functional.cutout', 'joint_cutout', 'keypoint_cutout'),
    ('configs.metainfo', 'joints_of', 'keypoints_of'),
    ('export.publish', 'joints_of', 'keypoints_of'),
    ('export.publish', 'check_joints', 'check_keypoints'),
    ('visualization.compare', 'check_joints', 'check_keypoints'),
    ('visualization.run_plot', 'by_joint', 'by_keypoint'),
    ('engine.hooks.hidden_label_hook', 'count_right', 'tally'),
    ('engine.hooks.hidden_label_hook', 'hidden_joints', 'hidden_keypoints'),
    ('engine.hooks.hidden_label_hook', 'joint_names', 'keypoint_names'),
    ('engine.hooks.visualization_hook', 'count_joints', 'count_keypoints'),
    ('demo.poses', 'JOINT_NAMES', 'KEYPOINT_NAMES'),
    ('demo.poses', 'facing_joints', 'facing_keypoints')])
def test_a_module_has_its_contents_old_names(module, old, new):
    found = importlib.import_module(f'mmpose_mum.{module}')
    said = f'{module}.{old} is now {new}; mmpose_mum 0.2 removes the old name'
    with pytest.warns(DeprecationWarning, match=said) as caught:
        assert getattr(found, old) is getattr(found, new)
    assert caught[0].filename == __file__ and len(caught) == 1
    with pytest.raises(AttributeError, match=f"{module}' has no attribute 'never'"):
        found.never  # noqa: B018


def test_an_old_argument_is_the_new_one():
    images, keypoints = torch.ones(1, 1, 20, 20), torch.rand(1, 6, 2) * 20
    options = dict(half_size=(1., 1.), jitter=0.)
    torch.manual_seed(0)
    expected = keypoint_cutout(images, keypoints, num_keypoints=2, **options)
    torch.manual_seed(0)
    with pytest.warns(DeprecationWarning, match='num_joints is now num_keypoints') as caught:
        found = keypoint_cutout(images, keypoints, num_joints=2, **options)
    assert torch.equal(found, expected) and caught[0].filename == __file__
    with pytest.raises(TypeError, match="'number'"):
        keypoint_cutout(images, keypoints, number=2)


@pytest.fixture
def old_maker(monkeypatch):
    """Returns a target maker as it was written before: by the old names, for a head of its own."""
    monkeypatch.setattr(base, '_KINDS', list(base._KINDS))

    class ShiftedHead(HeatmapHead):
        """Stands for a user's."""

    with pytest.warns(DeprecationWarning, match='Targets._joints is now _keypoints') as caught:
        class ShiftedTargets(HeatmapTargetMaker):
            """Keypoints are a pixel further right."""

            heads = (ShiftedHead, )

            def _joints(self, output):
                keypoints, scores = super()._joints(output)
                return keypoints + keypoints.new_tensor([1., 0.]), scores

    assert caught[0].filename == __file__ and len(caught) == 1
    head = MODELS.build(dict(tiny_config()['estimator']['head'], type=ShiftedHead))
    maker = base.target_maker_for(head)
    assert type(maker) is ShiftedTargets
    return maker


def test_a_target_maker_from_before_works_by_either_name(old_maker):
    output = torch.rand(2, 4, 24, 16)
    plain = HeatmapTargetMaker(old_maker.head)
    with pytest.warns(DeprecationWarning, match='TargetMaker._joints is now _keypoints'):
        found = old_maker.keypoints(output)[0]
    assert torch.equal(found, plain.keypoints(output)[0] + torch.tensor([1., 0.]))
    with pytest.warns(DeprecationWarning, match='TargetMaker.joints is now keypoints') as caught:
        assert torch.equal(old_maker.joints(output)[0], found)
    assert caught[0].filename == __file__


def test_a_step_has_its_methods_old_names():
    model, steps = build(), []
    model.watchers.append(steps.append)
    model.loss(**tiny_batch(model))
    for who in ('teacher', 'student'):
        with pytest.warns(DeprecationWarning, match=f'{who}_joints is now {who}_keypoints'):
            old = getattr(steps[0], f'{who}_joints')()
        assert torch.equal(old, getattr(steps[0], f'{who}_keypoints')())


@pytest.mark.parametrize('changes, cutout', [
    (dict(), dict(num_keypoints=5, half_size=(4, 8), jitter=4.)),
    (dict(joint_cutout=dict(num_joints=2)), dict(num_keypoints=2, half_size=(4, 8), jitter=4.)),
    (dict(joint_cutout=dict(_delete_=True, num_joints=2)), dict(num_keypoints=2)),
    (dict(joint_cutout=None), None)])
def test_a_config_from_before_changes_the_one_of_ours_that_it_inherits(tmp_path, changes, cutout):
    path = tmp_path / 'mine.py'
    path.write_text(f"_base_ = {str(CONFIGS / 'lspet/pose_cons.py')!r}\nmodel = {changes!r}\n")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter('always')
        model = MODELS.build(Config.fromfile(str(path)).model)
    assert model.cutout == cutout
    said = [str(x.message) for x in caught if x.category is FutureWarning]
    names = ['joint_cutout is now keypoint_cutout', 'num_joints is now num_keypoints']
    assert said == [f'{text}; mmpose_mum 0.2 removes the old name'
                    for text in names[:len(changes) + bool(cutout and changes)]]


@pytest.mark.filterwarnings('ignore:.*keypoint:FutureWarning')
def test_a_work_dir_from_before_is_trained_resumed_and_published(tmp_path, monkeypatch):
    text = (small_run.train().parents[1] / 'original.py').read_text()
    options = dict(half_size=(3, 6), jitter=2.)
    cutouts = dict(old=dict(joint_cutout=dict(options, num_joints=2)),
                   new=dict(keypoint_cutout=dict(options, num_keypoints=2)))

    def train(name, config, iters, **changes):
        path = tmp_path / f'{name}.py'
        path.write_text(f'{text}\nmodel.update({cutouts[config]!r})\n')
        cfg = Config.fromfile(str(path))
        cfg.merge_from_dict(dict(
            work_dir=str(tmp_path / name), experiment_name=uuid.uuid4().hex, log_level='ERROR',
            train_cfg=dict(max_iters=iters), **changes))
        runner = Runner.from_cfg(cfg)
        runner.train()
        return runner.model.state_dict()

    # What MMEngine dumps is only made pretty by yapf, for a minute.
    monkeypatch.setattr('mmengine.config.config.FormatCode', lambda text, **kwargs: (text, True))
    train('old', 'old', 2)
    before = tmp_path / 'old/iter_2.pth'
    resumed = train('resumed', 'old', 4, load_from=str(before), resume=True)
    whole = train('whole', 'new', 4)
    assert all(torch.equal(value, whole[key]) for key, value in resumed.items())
    published = publish(before, tmp_path / 'out' / 'model.pth')
    state = torch.load(str(published.checkpoint), weights_only=True)['state_dict']
    assert not any(key.startswith('student.') for key in state)
