"""Old import paths and names work for one release, and say where things are now."""
import importlib
import sys
import warnings

import pytest
from mmpose.registry import HOOKS

import mmpose_mum
from mmpose_mum import _moved
from mmpose_mum.engine import LabeledPipelineSwitchHook


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
    with pytest.warns(DeprecationWarning, match='LabeledPipelineSwitchHook'):
        hook = HOOKS.build(
            dict(type='LabelledPipelineSwitchHook', switch_iter=3, switch_pipeline=[]))
    assert isinstance(hook, LabeledPipelineSwitchHook) and hook.switch_iter == 3
