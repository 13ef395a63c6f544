"""Types are looked up in the config's scope, or MMPose's, and afterwards as before."""
import pytest
from mmengine.config import Config
from mmengine.registry import DefaultScope

from mmpose_mum.configs.scope import scope_of


@pytest.mark.parametrize('config, name', [
    (dict(default_scope='mmdet'), 'mmdet'), (Config(dict(default_scope='mmdet')), 'mmdet'),
    (dict(default_scope=None), 'mmpose'), (dict(), 'mmpose')])
def test_the_scope_holds_for_as_long_as_the_context(config, name):
    with DefaultScope.overwrite_default_scope('outer'):
        with scope_of(config):
            assert DefaultScope.get_current_instance().scope_name == name
        assert DefaultScope.get_current_instance().scope_name == 'outer'
