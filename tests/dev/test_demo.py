"""The demo: it exits with an error when a training breaks, and its whole runs through."""
import json
import sys
from pathlib import Path

import cv2
import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / 'dev'))

import demo  # noqa: E402

GOOD = [
    {'loss': 0.1, 'loss_kpt': 0.1, 'step': 5},
    {'coco/AP': 0.2, 'coco/AP .5': 0.4, 'step': 5},
    {'loss': 0.05, 'loss_kpt': 0.05, 'step': 10},
    {'coco/AP': 0.3, 'coco/AP .5': 0.6, 'step': 10},
]


def test_the_last_validation_counts():
    assert demo.final_metrics('supervised', GOOD) == {'supervised': (0.3, 0.6)}


@pytest.mark.parametrize('scalars, message', [
    ([*GOOD, {'loss': float('nan'), 'step': 11}], 'infinite or NaN'),
    (GOOD[::2], 'never validated'),
])
def test_a_broken_run_is_an_error(scalars, message):
    with pytest.raises(SystemExit, match=message):
        demo.final_metrics('supervised', scalars)


def test_a_training_that_stops_shows_the_end_of_its_log(tmp_path):
    data = tmp_path / 'no, such data'  # a path that --cfg-options would change
    with pytest.raises(SystemExit, match=f'(?s){data}/annotations/.*does not exist.*the training '
                       'of supervised broke'):
        demo.train('supervised', tmp_path / 'my work/supervised', data)


def test_a_folder_that_holds_something_else_is_told_by_its_option(tmp_path):
    (tmp_path / 'images').mkdir()
    with pytest.raises(SystemExit, match=f'--data-dir, now {tmp_path}'):
        demo.main(['--data-dir', str(tmp_path), '--work-dir', str(tmp_path / 'work')])


@pytest.mark.slow
def test_the_whole_demo_runs(tmp_path, capsys):
    work = tmp_path / 'work'
    demo.main(['--work-dir', str(work), '--data-dir', str(tmp_path / 'data'), '--iters', '4'])
    results = json.loads((work / 'results.json').read_text())
    assert set(results) == {'supervised', 'Pose-MUM, student', 'Pose-MUM, teacher'}
    assert 'Pose-MUM against supervised' in capsys.readouterr().out
    page = (work / 'report.html').read_text('utf-8')
    assert 'pose_mum and supervised' in page and 'id="lacks"' not in page
    for name in ('curves.png', 'predictions.png'):
        assert cv2.imread(str(work / name)).std() > 10
