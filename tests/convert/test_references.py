"""Parts of the original are named as Python writes them, and looked up without being changed."""
import pytest
from mmengine.config import Config

from mmpose_mum.convert.references import Base, Changed, is_name, resolve, shortest, unscoped


@pytest.fixture
def cfg():
    return Config({
        'pipeline': [dict(type='LoadImage'), dict(type='Pad', size=(2, 3))],
        'model': {'backbone': dict(type='ResNet', depth=50), 'a-b': 1, 'lambda': 2},
        'loaders': [dict(_scope_='mmpose', dataset=dict(
            pipeline=[dict(type='LoadImage', _scope_='mmpose'), dict(type='Pad', size=(2, 3))]))],
    })


@pytest.mark.parametrize('path, text', [
    (('model', 'backbone', 'depth'), '_base_.model.backbone.depth'),
    (('pipeline', 1, 'size'), '_base_.pipeline[1].size'),
    (('model', 'a-b'), "_base_.model['a-b']"),
    (('model', 'lambda'), "_base_.model['lambda']"),
    ((), '_base_'),
])
def test_a_part_is_written_as_python_that_finds_it(path, text, cfg):
    assert repr(Base(*path)) == text
    assert eval(text, dict(_base_=cfg)) is Base(*path).of(cfg)


def test_a_part_of_a_part_leaves_the_part_as_it_was(cfg):
    loader = Base('loaders') / 0
    dataset = loader / 'dataset'
    assert dataset.path == ('loaders', 0, 'dataset') and loader.path == ('loaders', 0)
    assert dataset.of(cfg) is cfg.loaders[0].dataset


def test_references_become_what_they_refer_to_wherever_they_stand(cfg):
    tree = dict(
        _delete_=True, plain=None, listed=[Base('model', 'lambda'), (Base('model', 'a-b'), 'x')],
        changed=Changed(Base('model', 'backbone'), depth=18, steps=[Base('pipeline', 1)]))
    assert resolve(tree, cfg) == dict(
        _delete_=True, plain=None, listed=[2, (1, 'x')],
        changed=dict(type='ResNet', depth=18, steps=[dict(type='Pad', size=(2, 3))]))


def test_what_was_looked_up_is_a_copy(cfg):
    before = cfg.to_dict()
    found = resolve([Base('model'), Changed(Base('loaders', 0), more=Base('pipeline'))], cfg)
    found[0]['backbone']['depth'] = 18
    found[1]['dataset']['pipeline'].clear()
    found[1]['more'][0]['type'] = 'other'
    assert cfg.to_dict() == before


def test_the_variable_that_holds_the_same_stands_for_a_part(cfg):
    assert shortest(Base('loaders', 0, 'dataset', 'pipeline'), cfg).path == ('pipeline', )
    cfg.loaders[0].dataset.pipeline[1].size = (2, 4)
    part = Base('loaders', 0, 'dataset', 'pipeline')
    assert shortest(part, cfg) is part


def test_mmposes_scope_is_dropped_and_others_stay():
    value = dict(_scope_='mmpose', a=[dict(_scope_='mmdet', b=({'_scope_': 'mmpose', 1: 2}, ))])
    assert unscoped(value) == dict(a=[dict(_scope_='mmdet', b=({1: 2}, ))])
    assert value['_scope_'] == 'mmpose'


@pytest.mark.parametrize('key, expected', [
    ('head', True), ('_delete_', True), ('für', True), ('a-b', False), ('lambda', False),
    ('None', False), ('', False), ('1a', False), (1, False)])
def test_names_are_what_an_argument_can_be_called(key, expected):
    assert is_name(key) is expected
