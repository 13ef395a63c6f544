"""The benchmark of the loader and of the validation compares what it says it compares."""
import argparse
import json
import sys
from pathlib import Path

import pytest

from helpers import small_run

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / 'dev'))

from speed import loader, validation  # noqa: E402

METAINFO = str(ROOT / 'configs/_base_/lspet.py')


@pytest.fixture(scope='module')
def people(tmp_path_factory):
    root = tmp_path_factory.mktemp('people')
    labels = small_run.write_people(root, ['a.png', 'b.png', 'c.png'])
    (root / 'labels.json').write_text(json.dumps(labels))
    return dict(ann_file=str(root / 'labels.json'), images=str(root), metainfo=METAINFO)


def arguments(**options):
    return argparse.Namespace(**dict(dict(
        people=5, workers=0, rounds=2, profile=False, device='cpu'), **options))


def test_two_seeded_views_are_compared_with_one_and_its_targets(people, tmp_path):
    args = arguments(**people)
    (name, source), = loader.sources(args, tmp_path)
    both, start = loader.build(source, (48, 64))
    assert (name, len(both), start) == ('labels.json', 6, 3)
    plain, views = both[0], both[start]
    assert plain['inputs'].shape == (3, 64, 48)
    assert plain['data_samples'].gt_fields.heatmaps.shape == (14, 16, 12)
    assert {key for key, view in views['inputs'].items() if view is not None} == {
        'unsup_teacher', 'unsup_student'}
    loaded, load = [], both.__getitems__
    both.__getitems__ = lambda indices: loaded.append(indices) or load(indices)
    for call in loader.passes(both, start, args):
        call()
    seeded, unseeded = loaded
    assert seeded == [3, 4, 5, 3, 4] and unseeded == [0, 1, 2, 0, 1]
    assert [index.place for index in seeded] == [(0, 1, i) for i in range(5)]


def test_rows_and_profile_of_the_loader(people, monkeypatch, capsys):
    monkeypatch.setattr(loader, 'INPUTS', ((48, 64), ))
    row, = loader.measure(arguments(**people))
    assert row['name'] == 'labels.json at 48×64, 0 workers' and row['goal'] == 4 / 3
    assert 0 < row['median_s'] < 1 and row['ratio'] > 0
    assert loader.measure(arguments(profile=True, **people)) == []
    assert 'warpAffine' in capsys.readouterr().out


def test_the_row_of_the_validation():
    row, = validation.measure(arguments(images=2, size=(64, 64)))
    assert row['name'] == 'validation of images of 64×64' and row['ratio'] > 0
