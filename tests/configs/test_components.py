"""A component's name, however its type is written."""
import pytest
from mmengine.config import ConfigDict

from mmpose_mum.configs.components import name_of


@pytest.mark.parametrize('component, name', [
    (dict(type='CocoMetric'), 'CocoMetric'), (dict(type='mmpose.CocoMetric'), 'CocoMetric'),
    (ConfigDict(type='mmdet.PipelineSwitchHook', priority=1), 'PipelineSwitchHook'),
    (dict(priority=1), ''), (dict(type=None), ''), ([dict(type='A')], ''), ('A', ''), (None, '')])
def test_the_scope_is_left_out_and_what_is_no_component_has_no_name(component, name):
    assert name_of(component) == name
