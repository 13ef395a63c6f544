"""A run's scalars: resumed parts are merged, a cut-off line is told, nonsense is an error."""
import json

import pytest

from mmpose_mum.visualization.scalars import read_scalars  # noqa: E402


def write(work_dir, folder, entries):
    path = work_dir / folder / 'vis_data/scalars.json'
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text('\n'.join(json.dumps(entry) for entry in entries) + '\n')
    return path


def trained(step, **scalars):
    return dict(iter=step, step=step, **scalars)


def test_a_part_counts_up_to_where_the_resumed_one_begins(tmp_path):
    write(tmp_path, '20260102_000000', [dict(step=10, ap=.3), trained(15, loss=2.)])
    write(tmp_path, '20260101_000000', [
        trained(10, loss=1.), dict(step=10, ap=.2), trained(20, loss=3.), dict(step=20, ap=.4)])
    assert read_scalars(tmp_path) == [
        trained(10, loss=1.), dict(step=10, ap=.2), dict(step=10, ap=.3), trained(15, loss=2.)]


def test_a_part_that_only_validates_ends_no_earlier_one(tmp_path):
    write(tmp_path, '1', [trained(10), trained(20)])
    write(tmp_path, '2', [dict(step=0, ap=.1)])
    assert [entry['step'] for entry in read_scalars(tmp_path)] == [10, 20, 0]


def test_validations_that_count_epochs_go_with_the_iterations_before_them(tmp_path):
    write(tmp_path, '1', [trained(20), dict(step=1, ap=.1), trained(40), dict(step=2, ap=.2)])
    write(tmp_path, '2', [trained(30), dict(step=2, ap=.3)])  # resumed after the first epoch
    assert read_scalars(tmp_path) == [
        trained(20), dict(step=1, ap=.1), trained(30), dict(step=2, ap=.3)]
    write(tmp_path, '3', [trained(10)])  # from scratch
    assert read_scalars(tmp_path) == [trained(10)]


def test_a_training_that_begins_anew_ends_the_earlier_ones_whole(tmp_path):
    write(tmp_path, '1', [trained(50, loss=9.), dict(step=100, ap=.9)])
    path = write(tmp_path, '2', [dict(step=100, ap=.1), trained(200, loss=1.)])
    assert len(read_scalars(tmp_path)) == 4
    path.with_name('config.py').write_text('max_iters = 400\nresume = False\n')
    assert read_scalars(tmp_path) == [dict(step=100, ap=.1), trained(200, loss=1.)]
    path.with_name('config.py').write_text('resume = True\n')
    assert len(read_scalars(tmp_path)) == 4


def test_a_line_that_was_cut_off_is_told(tmp_path, capsys):
    path = write(tmp_path, '1', [trained(10)])
    path.write_text(path.read_text() + '{"loss": 0.')
    assert read_scalars(tmp_path) == [trained(10)]
    assert 'scalars.json: the last line is truncated' in capsys.readouterr().out


def test_a_byte_order_mark_is_read_and_another_encoding_named(tmp_path):
    path = write(tmp_path, '1', [trained(10)])
    text = path.read_text()
    path.write_text(text, encoding='utf-8-sig')  # as an editor on Windows saves it
    assert read_scalars(tmp_path) == [trained(10)]
    path.write_text(text, encoding='utf-16')
    with pytest.raises(ValueError, match='scalars.json is UTF-16'):
        read_scalars(tmp_path)


def test_what_is_no_entry_is_an_error_and_nothing_is_nothing(tmp_path):
    assert read_scalars(tmp_path / 'none') == []
    path = write(tmp_path, '1', [trained(10), dict(loss=1.)])
    with pytest.raises(ValueError, match='scalars.json, line 2: expected a JSON object with a ste'):
        read_scalars(tmp_path)
    path.write_text('nonsense\n' + json.dumps(trained(10)))
    with pytest.raises(ValueError, match="line 1: expected.*got 'nonsense'"):
        read_scalars(tmp_path)


def test_scalars_of_older_runs_have_todays_names(tmp_path):
    write(tmp_path, '1', [dict(step=1, iter=1, joints_used=.5, second_joint_distance=2.)])
    assert read_scalars(tmp_path) == [
        dict(step=1, iter=1, keypoints_used=.5, second_keypoint_distance=2.)]
