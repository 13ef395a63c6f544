"""The image of a run: resumed parts are merged, and what is not there is told."""
import json

import cv2
import numpy as np
import pytest

from mmpose_mum.cli import main
from mmpose_mum.visualization import run_plot


def trained(step, **scalars):
    return dict(lr=.1, data_time=.2, loss=1., sup_loss_kpt=.9, **scalars, time=.3, iter=step,
                step=step)


def validated(step, **scalars):
    return {**scalars, 'data_time': .1, 'time': .2, 'step': step}


def write(work_dir, folder, entries):
    path = work_dir / folder / 'vis_data/scalars.json'
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text('\n'.join(json.dumps(entry) for entry in entries) + '\n')
    return path


def unlabeled(prefix=''):
    return {prefix + key: .1 for key in (
        'unsup_loss', 'unsup_weight', 'teacher_confidence', 'keypoints_used', 'keypoint_distance')}


def by_hook(step, prefix=''):
    keys = ('share_0.0-0.5', 'share_0.5-1.0', 'used_nose', 'agreement_nose', 'agreement')
    return {**{f'{prefix}unsup/{key}': .5 for key in keys}, 'step': step}


def test_training_and_validations_are_told_apart(tmp_path):
    write(tmp_path, '1', [
        trained(10, unsup_loss=.1), validated(10, **{'teacher/PCK': .2, 'student/PCK': .3}),
        by_hook(20)])
    series, metrics = run_plot.read_run(tmp_path)
    assert series['loss'] == {10: 1.} and series['unsup/agreement'] == {20: .5}
    assert metrics == {'PCK': dict(teacher={10: .2}, student={10: .3})}


def test_epochs_of_validations_are_drawn_at_their_iterations(tmp_path):
    write(tmp_path, '1', [trained(10, epoch=1), validated(1, PCK=.2),
                          trained(20, epoch=2), validated(2, PCK=.3)])
    assert run_plot.read_run(tmp_path)[1] == dict(PCK={'': {10: .2, 20: .3}})


def test_validations_of_no_epoch_are_drawn_where_they_were(tmp_path):
    write(tmp_path, '1', [trained(10), validated(0, PCK=.2), trained(20), validated(0, PCK=.3)])
    assert run_plot.read_run(tmp_path)[1] == dict(PCK={'': {10: .2, 20: .3}})


def titles(work_dir, metric=None):
    """Returns the titles of the plots that are drawn, and of those that are not."""
    series, metrics = run_plot.read_run(work_dir)
    plots = list(run_plot.plots(series, metrics, metric or next(iter(metrics), '')))
    return [title for title, _, draw in plots if draw], [t for t, _, draw in plots if not draw]


def test_metrics_with_and_without_a_teacher(tmp_path):
    write(tmp_path / 'semi', '1', [validated(5, **{
        'teacher/coco/AP': .2, 'student/coco/AP': .1, 'teacher/coco/AR': .3})])
    write(tmp_path / 'plain', '1', [trained(5), validated(5, **{'coco/AP': .2})])
    assert run_plot.read_run(tmp_path / 'semi')[1] == {
        'coco/AP': dict(teacher={5: .2}, student={5: .1}), 'coco/AR': dict(teacher={5: .3})}
    assert run_plot.read_run(tmp_path / 'plain')[1] == {'coco/AP': {'': {5: .2}}}
    assert titles(tmp_path / 'plain')[0] == ['losses', 'coco/AP']


@pytest.mark.parametrize('prefix, extra', [('', 0), ('second_', 3)])
def test_everything_that_was_logged_is_drawn(tmp_path, prefix, extra, capsys):
    entries = []
    for step in (10, 20, 30):
        entries += [trained(step, **unlabeled(), **(unlabeled(prefix) if prefix else {})),
                    by_hook(step), *([by_hook(step, prefix)] if prefix else []),
                    validated(step, **{'teacher/PCK': .2, 'student/PCK': .1, 'teacher/AUC': .1})]
    write(tmp_path, '1', entries)
    drawn, missing = titles(tmp_path)
    assert len(drawn) == 8 + extra and missing == []
    out = tmp_path / 'new' / 'run.png'
    main(['plot', str(tmp_path), '-o', str(out)])
    assert cv2.imread(str(out)).std() > 10
    main(['plot', str(tmp_path), '-o', str(out.with_suffix(''))])
    assert out.with_suffix('').read_bytes() == out.read_bytes()  # where it says that it wrote
    said = capsys.readouterr().out
    assert 'not logged' not in said and 'for others use --metric: AUC' in said


def test_what_a_run_has_not_logged_is_told(tmp_path, capsys):
    write(tmp_path, '1', [trained(10, **unlabeled()), trained(20, **unlabeled())])
    main(['plot', str(tmp_path), '-o', str(tmp_path / 'run.png')])
    said = capsys.readouterr().out
    assert 'not logged: teacher and student (was it validated?' in said
    assert "agree on (add dict(type='PseudoLabelVisualizationHook')" in said
    assert 'losses' not in said


def test_keypoints_are_rows_and_readouts_columns():
    values, steps = run_plot.table(dict(nose={10: .1, 20: .2}, hand={20: .4}))
    assert steps == [10, 20]
    np.testing.assert_array_equal(values, [[.1, .2], [np.nan, .4]])


def test_what_is_no_run_is_an_error(tmp_path):
    with pytest.raises(SystemExit, match='is it the work dir of a run'):
        main(['plot', str(tmp_path / 'none')])
    path = write(tmp_path, '1', [trained(10), dict(loss=1.)])
    with pytest.raises(SystemExit, match='scalars.json, line 2: expected a JSON object with a ste'):
        main(['plot', str(tmp_path)])
    path.write_text(json.dumps(trained(10)))
    with pytest.raises(SystemExit, match="no metric 'AR'; it has none"):
        main(['plot', str(tmp_path), '--metric', 'AR'])
