"""One walk serves configs and built datasets, whatever wraps and combines them."""
from types import SimpleNamespace

import pytest

from mmpose_mum.configs.datasets import (
    find_owner,
    find_step,
    image_folder,
    leaves,
    map_leaves,
    parts_of,
    pipeline_of,
    walk,
    with_labeled_boxes,
    with_parts,
)

A, B, C = (dict(type='CocoDataset', ann_file=f'{name}.json') for name in 'abc')
PAIR = dict(type='CombinedDataset', datasets=[A, B], pipeline=[1])
NESTED = dict(type='ConcatDataset', datasets=[
    dict(type='RepeatDataset', times=2, dataset=PAIR), C])
PATHS = [(), ('datasets', 0), ('datasets', 0, 'dataset'), ('datasets', 0, 'dataset', 'datasets', 0),
         ('datasets', 0, 'dataset', 'datasets', 1), ('datasets', 1)]


def built(config):
    """Returns what a config would be built to, as far as the walk looks at it."""
    return SimpleNamespace(name=config.get('ann_file'), **with_parts(config, built))


def test_the_walk_goes_from_the_outermost_to_each_leaf_and_names_the_way():
    assert [path for path, _ in walk(NESTED)] == PATHS
    for path, part in walk(NESTED):
        found = NESTED
        for key in path:
            found = found[key]
        assert found is part
    assert list(leaves(NESTED)) == [A, B, C] and list(leaves(A)) == [A]


def test_what_is_built_is_walked_as_its_config_is():
    assert [path for path, _ in walk(built(NESTED))] == PATHS
    assert [leaf.name for leaf in leaves(built(NESTED))] == ['a.json', 'b.json', 'c.json']
    assert parts_of(SimpleNamespace(dataset=None)) == parts_of(object()) == {}


def test_leaves_are_rewritten_within_what_is_around_them():
    changed = map_leaves(NESTED, lambda leaf: dict(leaf, pipeline=[2]))
    assert list(leaves(changed)) == [dict(leaf, pipeline=[2]) for leaf in (A, B, C)]
    assert [path for path, _ in walk(changed)] == PATHS
    inner = changed['datasets'][0]
    assert (changed['type'], inner['times'], inner['dataset']['pipeline']) == (
        'ConcatDataset', 2, [1])
    assert 'pipeline' not in A and map_leaves(A, lambda leaf: 7) == 7


def test_a_detectors_boxes_are_left_out_wherever_they_are():
    boxed = dict(type='CombinedDataset', datasets=[dict(A, bbox_file='a.json'), B])
    assert with_labeled_boxes(boxed) == dict(type='CombinedDataset', datasets=[A, B])
    assert with_labeled_boxes(boxed['datasets'][0]) == A
    assert boxed['datasets'][0]['bbox_file'] == 'a.json'


def test_the_owner_is_the_outermost_that_says_something_down_to_the_first_leaf():
    assert find_owner(NESTED, 'pipeline') == (PATHS[2], PAIR)
    assert find_owner(NESTED, 'ann_file') == (PATHS[3], A)
    late = dict(datasets=[A, dict(B, metainfo=dict(a=1))])
    assert find_owner(late, 'metainfo') is None
    assert find_owner(dict(pipeline=[]), 'pipeline') is None


@pytest.mark.parametrize('leaf, folder', [
    (dict(data_root='coco/', data_prefix=dict(img='val/')), 'coco/val/'),
    (dict(data_root='coco', data_prefix=dict(img='val')), 'coco/val'),
    (dict(data_prefix=dict(img='/val')), '/val'), (dict(data_root='coco/'), 'coco/'),
    (dict(data_root=None, data_prefix=None), ''), ({}, '')])
def test_the_images_of_several_sets_are_the_first_ones(leaf, folder):
    assert image_folder(leaf) == folder
    assert image_folder(dict(dataset=dict(datasets=[leaf, A]))) == folder


def test_a_transform_is_found_in_the_first_pipeline():
    steps = [dict(type='LoadImage'), dict(type='mmpose.TopdownAffine', input_size=(1, 2)),
             dict(type='TopdownAffine')]
    dataset = dict(type='RepeatDataset', dataset=dict(A, pipeline=steps))
    assert pipeline_of(dataset) == steps and pipeline_of(A) == []
    assert find_step(dataset, 'TopdownAffine') is steps[1]
    assert find_step(dataset, 'GenerateTarget') == {} == find_step(A, 'LoadImage')
