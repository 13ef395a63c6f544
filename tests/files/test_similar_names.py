"""Tests of the hints for files that are there under nearly the same name."""
from unicodedata import normalize

import pytest

from mmpose_mum.files.similar_names import similar_name

UMLAUT = normalize('NFC', 'Füße.jpg')


@pytest.mark.parametrize('there, name, reason', [
    (normalize('NFD', UMLAUT), UMLAUT, 'Unicode form'),
    (UMLAUT, normalize('NFD', UMLAUT), 'Unicode form'),
    (normalize('NFD', 'Gärten/1.jpg'), 'Gärten/1.jpg', 'Unicode form'),
    ('1.JPG', '1.jpg', 'upper or lower case'),
    ('Train/1.jpg', 'train/1.jpg', 'upper or lower case'),
    ('1.jpeg', '1.jpg', 'another suffix'),
    ('clip.MOV', 'clip.mov#000012', 'upper or lower case'),
    ('train/1.jpg', r'train\1.jpg', 'backslashes'),
    ('train/1.jpg', r'C:\data\train\1.jpg', "backslashes, without 'C:/data' before it"),
    ('train/1.jpg', '/home/me/data/train/1.jpg', "without 'home/me/data' before it"),
    ('train/1.jpg', 'https://example.org/train/1.jpg', "without 'https:/example.org' before it"),
    ('1.jpg', 'images/1.jpg', "without 'images' before it"),
    ('train/1.jpg', '1.jpg', 'in a folder below'),
    ('my file.jpg', 'my%20file.jpg', 'escapes'),
    ('1.jpg', '1.jpg ', 'blanks'),
    ('train/1.jpg', '/data/local-files/?d=train/1.jpg', "without 'data/local-files' before it"),
    ('train/1.jpg', 'train/3f2a1b0c-1.jpg', 'Label Studio'),
    ('train/1.JPG', r'D:\train\1.jpg', "backslashes, with another upper or lower case, without"),
])
def test_a_file_of_nearly_the_same_name_is_told(tmp_path, monkeypatch, there, name, reason):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / there
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    for asked, found in ((f'{tmp_path}/{name}', str(path)), (name, there)):
        hint = similar_name(asked)
        assert hint.startswith('; there is ') and reason in hint
        assert (ascii if 'Unicode' in reason else repr)(found) in hint


def test_a_path_below_a_folder_that_exists_elsewhere_is_looked_for_there(tmp_path, monkeypatch):
    (tmp_path / 'here').mkdir()
    monkeypatch.chdir(tmp_path / 'here')
    (tmp_path / 'there/Train').mkdir(parents=True)
    (tmp_path / 'there/Train/1.jpg').touch()
    assert repr(f'{tmp_path}/there/Train/1.jpg') in similar_name(tmp_path / 'there/train/1.jpg')


@pytest.mark.parametrize('name', ['2.jpg', 'a/2.jpg', '', '/', '#', 'none/1.txt', 'x' * 300,
                                  'nul\x00.jpg'])
def test_nothing_is_said_where_no_such_file_is(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / '1.jpg').touch()
    (tmp_path / '2.txt').touch()  # of another kind
    assert similar_name(f'{tmp_path}/{name}') == similar_name(name) == ''
