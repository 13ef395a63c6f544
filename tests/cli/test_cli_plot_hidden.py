"""The image of hidden labels: resumed runs are merged, seeds averaged, gaps drawn as gaps."""
import json

import cv2
import pytest

from mmpose_mum.cli import main
from mmpose_mum.visualization.hidden_plot import read_readouts, read_runs


def readout(step, pck, **more):
    values = {'hidden/PCK': pck, 'hidden/PCK_neck': pck + .1, 'hidden/share_0.0-0.5': .75,
              'hidden/share_0.5-1.0': .25, 'hidden/confidence_0.0-0.5': pck - .1, 'step': step}
    return {**values, **{'hidden/' + key: value for key, value in more.items()}}


def write(work_dir, folder, entries):
    path = work_dir / folder / 'vis_data' / 'scalars.json'
    path.parent.mkdir(parents=True)
    path.write_text('\n'.join(json.dumps(entry) for entry in entries) + '\n')
    return work_dir


def test_files_of_a_resumed_run_are_merged_and_the_later_one_holds(tmp_path):
    write(tmp_path, '20260102_000000', [dict(loss=.1, step=15), readout(20, .6), readout(30, .7)])
    write(tmp_path, '20260101_000000', [readout(10, .3), dict(loss=.1, step=15), readout(20, .4)])
    found = read_readouts(tmp_path)
    assert list(found) == [10, 20, 30]
    assert [r['hidden/PCK'] for r in found.values()] == [.3, .6, .7]
    assert 'step' not in found[10]


def test_seeds_are_averaged_where_all_were_read_out(tmp_path):
    first = write(tmp_path / 'a', '1', [readout(10, .2), readout(20, .4, PCK_rare=.9)])
    second = write(tmp_path / 'b', '1', [readout(20, .6), readout(30, .8)])
    found = read_runs([f'x={first}', f'y={first}', f'x={second}'])
    assert list(found) == ['x', 'y'] and list(found['x']) == [20] and list(found['y']) == [10, 20]
    assert found['x'][20]['hidden/PCK'] == pytest.approx(.5)
    assert found['x'][20]['hidden/PCK_neck'] == pytest.approx(.6)
    assert found['x'][20]['hidden/PCK_rare'] == .9


def test_it_draws_several_runs(tmp_path, capsys):
    first = write(tmp_path / 'a', '1', [readout(10, .2), readout(20, .4, PCK_rare=.9)])
    second = write(tmp_path / 'b', '1', [readout(10, .3), readout(20, .5)])
    out = tmp_path / 'new' / 'hidden.png'
    main(['plot', '--hidden', f'one={first}', f'other name={second}', '--out', str(out)])
    image = cv2.imread(str(out))
    assert image.shape[1] > 2 * image.shape[0]
    assert 'other name: 50.0% right at iteration 20' in capsys.readouterr().out


def test_what_cannot_be_drawn_is_an_error(tmp_path):
    plain = write(tmp_path / 'plain', '1', [dict(loss=.1, step=10)])
    one = write(tmp_path / 'one', '1', [readout(10, .2)])
    other = write(tmp_path / 'other', '1', [readout(11, .2)])
    for arguments, message in (
            ([str(one)], 'expected NAME=WORK_DIR'), (['=' + str(one)], 'expected NAME=WORK_DIR'),
            ([f'x={plain}'], 'trained with a HiddenLabelHook'),
            ([f'x={tmp_path}/none'], 'trained with a HiddenLabelHook'),
            ([f'x={one}', f'x={other}'], 'the runs of x have no readout at the same iteration')):
        with pytest.raises(SystemExit, match=message):
            main(['plot', '--hidden', *arguments, '--out', str(tmp_path / 'hidden.png')])
