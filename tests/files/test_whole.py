"""A file is written whole, by whichever of its writers; AtomicLocalBackend's tests kill them."""
import os

import pytest

from mmpose_mum.files.whole import check_writable, write_whole


@pytest.mark.parametrize('content', ['Füße', 'Füße'.encode()])
def test_folders_are_made_and_nothing_else_remains(tmp_path, content):
    path = tmp_path / 'new/folder/a.txt'
    for _ in range(2):
        write_whole(content, path)
        assert path.read_text(encoding='utf-8') == 'Füße'
        assert os.listdir(path.parent) == ['a.txt']


def test_a_name_that_is_no_utf_8_is_written(tmp_path):
    write_whole('Jos\udce9 ü', tmp_path / 'a')  # as os.fsdecode gives Latin-1
    assert (tmp_path / 'a').read_text(encoding='utf-8') == 'Jos\\udce9 ü'


def test_another_writer_of_the_same_file_is_not_disturbed(tmp_path, monkeypatch):
    path, seen = tmp_path / 'a.txt', []

    def replace(partial, to):
        if not seen:  # the second one begins and ends before the first one ends
            seen.append(partial)
            monkeypatch.setattr(os, 'getpid', lambda: -1)
            write_whole('second', path)
            assert path.read_text() == 'second'
        renamed(partial, to)

    renamed = os.replace
    monkeypatch.setattr(os, 'replace', replace)
    write_whole('first', path)
    assert path.read_text() == 'first' and os.listdir(tmp_path) == ['a.txt']


def test_a_file_that_cannot_be_written_is_told_and_nothing_is_made(tmp_path):
    check_writable(tmp_path / 'a/b.txt')
    assert not any(tmp_path.iterdir())
    (tmp_path / 'file').touch()
    check_writable(tmp_path / 'file')
    for path in ('file/b.txt', 'file/a/b.txt'):
        with pytest.raises(OSError, match='cannot write to .*file.*Name another place'):
            check_writable(tmp_path / path)
    with pytest.raises(IsADirectoryError, match='is a folder, and a file is to be written'):
        check_writable(tmp_path)
