"""Tests of the files in which tools keep what took long."""
import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / 'dev'))

import model_matrix  # noqa: E402
import train_all_tiny  # noqa: E402
from kept_json import read_kept, read_rows  # noqa: E402

from mmpose_mum.files.whole import write_whole  # noqa: E402


def test_what_was_written_is_read_and_what_is_empty_is_begun_anew(tmp_path):
    path = tmp_path / 'new/rows.json'
    assert read_rows(path, 'a', 'a tool') == [] and read_kept(path) is None
    rows = [dict(a=1), dict(a=2, b='ü')]
    write_whole(json.dumps(rows, ensure_ascii=False), path)
    assert read_rows(path, 'a', 'a tool') == read_kept(path) == rows
    path.write_text(json.dumps(rows), encoding='utf-8-sig')
    assert read_rows(path, 'a', 'a tool') == rows
    path.write_text(' \n')
    assert read_rows(path, 'a', 'a tool') == [] and list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize('content, words', [
    (b'[{"a": 1}', 'ends in the middle'), (b'\x1f\x8b\x08', 'gzip'), (b'{"a": 1}', 'got "{\'a'),
    (b'[1]', "got '1'"), (b'[{"b": 1}]', 'expected a list of records with a, as a tool writes')])
def test_what_is_something_else_stays_and_is_told(tmp_path, content, words):
    path = tmp_path / 'rows.json'
    path.write_bytes(content)
    with pytest.raises(ValueError, match=f'(?s)rows.json.*{words}.*It stays as it is'):
        read_rows(path, 'a', 'a tool')
    assert path.read_bytes() == content


@pytest.mark.parametrize('content', ['[{"config"', '[{"config": "a.py"}]', '[1]', '"text"'])
@pytest.mark.parametrize('tool', [model_matrix, train_all_tiny])
def test_tools_refuse_a_broken_file_before_they_begin(tool, tmp_path, content):
    path = tmp_path / 'rows.json'
    path.write_text(content)
    with pytest.raises(SystemExit, match=f'{tool.__name__}: .*rows.json.*It stays as it is'):
        tool.main(['--json', str(path)] + (['--data', str(tmp_path)] * (tool is train_all_tiny)))
    assert path.read_text() == content
