"""report as a user calls it: where the page lands, and what is said of it."""
import pytest

from helpers import small_run
from mmpose_mum.cli import main


def test_the_page_lands_where_it_is_asked_for(tmp_path, capsys):
    out = tmp_path / 'new/page.html'
    main(['report', str(small_run.train().parent), '--out', str(out), '--device', 'cpu'])
    assert out.read_text('utf-8').startswith('<!DOCTYPE html>')
    said = capsys.readouterr().out
    assert said.endswith(f'wrote {out}\n') and 'not on the page' not in said


def test_what_a_page_lacks_is_said(tmp_path, capsys):
    scalars = tmp_path / 'run/1/vis_data/scalars.json'
    scalars.parent.mkdir(parents=True)
    scalars.write_text('{"loss": 1.0, "iter": 1, "step": 1}\n')
    main(['report', str(tmp_path / 'run')])
    said = capsys.readouterr().out
    assert said.count('not on the page: ') == 2 and 'There is no last_checkpoint' in said
    assert f'wrote {tmp_path / "run/report.html"}' in said


def test_what_is_no_work_dir_is_an_error(tmp_path):
    with pytest.raises(SystemExit, match="there is no folder .*nowhere"):
        main(['report', str(tmp_path / 'nowhere')])
    with pytest.raises(SystemExit, match='nothing of a run .*no curves. Is it the work dir'):
        main(['report', str(tmp_path)])
    with pytest.raises(SystemExit, match='is given twice'):
        main(['report', str(tmp_path), str(tmp_path)])


def test_a_page_that_cannot_be_written_is_told_before_the_predictions(tmp_path):
    (tmp_path / 'run').mkdir()
    (tmp_path / 'run/my.py').write_text("model = dict(type='A')\n")
    (tmp_path / 'file').touch()
    with pytest.raises(SystemExit, match='cannot write to .*file: .*Name another place'):
        main(['report', str(tmp_path / 'run'), '-o', str(tmp_path / 'file/page.html')])


def test_a_folder_is_no_page(tmp_path):
    with pytest.raises(SystemExit, match='is a folder, and a file is to be written'):
        main(['report', str(tmp_path / 'not-looked-for'), '--out', str(tmp_path)])


def test_three_work_dirs_are_too_many(capsys):
    with pytest.raises(SystemExit) as exit_:
        main(['report', 'a', 'b', 'c'])
    assert exit_.value.code == 2 and 'one or two work dirs' in capsys.readouterr().err
