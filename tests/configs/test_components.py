"""A component's name, however its type is written; each dict of a config, changed; our models."""
import pytest
from mmengine.config import ConfigDict

from mmpose_mum.configs.components import has_estimator, map_dicts, name_of


@pytest.mark.parametrize('component, name', [
    (dict(type='CocoMetric'), 'CocoMetric'), (dict(type='mmpose.CocoMetric'), 'CocoMetric'),
    (ConfigDict(type='mmdet.PipelineSwitchHook', priority=1), 'PipelineSwitchHook'),
    (dict(priority=1), ''), (dict(type=None), ''), ([dict(type='A')], ''), ('A', ''), (None, '')])
def test_the_scope_is_left_out_and_what_is_no_component_has_no_name(component, name):
    assert name_of(component) == name


def test_each_dict_is_changed_the_inner_ones_first_and_the_config_stays():
    config = ConfigDict(a=dict(n=1, b=[dict(n=2), (dict(n=3), 'x')]), c=4)
    seen = []

    def change(node):
        assert type(node) is dict
        seen.append(node.get('n'))
        return dict(node, n=0) if node.get('n') == 3 else node

    assert map_dicts(change, config) == dict(a=dict(n=1, b=[dict(n=2), (dict(n=0), 'x')]), c=4)
    assert seen == [2, 3, 1, None] and config.a.b[1][0].n == 3


@pytest.mark.parametrize('model, semi', [
    (dict(type='SelfTaughtEstimator', estimator=dict(type='TopdownPoseEstimator')), True),
    (ConfigDict(type='DualPoseEstimator', estimator=dict()), True),
    (dict(type='TopdownPoseEstimator'), False), (None, False), ('estimator', False)])
def test_a_model_is_semi_supervised_if_it_has_an_estimator_inside(model, semi):
    assert has_estimator(model) == semi
