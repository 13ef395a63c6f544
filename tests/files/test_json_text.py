"""Tests of what is said of a file that is no json, and of what is read for all that."""
import bz2
import gzip
import json
import lzma
import pickle
import re
import zipfile

import pytest

from mmpose_mum.files.json_text import (
    decode_json_text,
    explain_json_error,
    parse_json,
    refuse_constant,
)

TEXT = '{"images": [{"file_name": "Füße.jpg"}]}'


def _read(path, content: bytes):
    path.write_bytes(content)
    return parse_json(decode_json_text(content, path), path)


@pytest.mark.parametrize('content', [
    TEXT.encode(), TEXT.encode('utf-8-sig'), b'\n ' + TEXT.encode() + b'\r\n',
    TEXT.replace(' [{', '\r\n[\r\n{').encode()], ids=['plain', 'mark', 'blanks', 'lines'])
def test_a_json_is_read_with_and_without_a_byte_order_mark(tmp_path, content):
    assert _read(tmp_path / 'a.json', content) == json.loads(TEXT)
    assert '\ufeff' not in decode_json_text(content, 'a.json')


@pytest.mark.parametrize('content, words', [
    (b'', 'is empty'),
    (b' \n', 'is empty'),
    (b'\xef\xbb\xbf', 'byte order mark'),
    (bytes(64), 'only zero bytes, 64 of them'),
    (gzip.compress(TEXT.encode(), mtime=0), 'gzip'),
    (bz2.compress(TEXT.encode()), 'bzip2'),
    (lzma.compress(TEXT.encode()), 'xz'),
    (pickle.dumps({}), 'pickle'),
    (TEXT.encode('utf-16'), 'UTF-16'),
    (TEXT.encode('utf-16-le'), 'UTF-16'),
    (TEXT.encode('utf-32'), 'UTF-32'),
    (b'\n' + TEXT.encode('latin-1'), r"line 2 has the byte 0xfc after .*name\": \"F'.*Latin-1"),
    (b'\xef\xbb\xbf\n' + TEXT.encode('latin-1'), 'line 2 has the byte 0xfc'),
    (b'<!DOCTYPE html><html>Sign in', 'HTML or XML'),
    (b'version https://git-lfs.github.com/spec/v1\n', 'Git LFS'),
    (b'{"id": 1}\n{"id": 2}\n', 'JSON Lines'),
    (b'{"id": 1}\r\n\r\n{"id": 2}', 'JSON Lines'),
    (b'{"id": 1}{"id": 2}', 'several jsons'),
    (TEXT.encode()[:-3], 'ends in the middle, at .*e.jpg'),
    (b'{"a": [1, 2', 'ends in the middle'),
    (b"{'a': 1}", 'printed by Python'),
    (b'{"a": [1, ]}', 'comma before a closing bracket'),
    (b'{"a": 1,\n}', 'comma before a closing bracket'),
    (b'images', "line 1, column 1, at 'images'"),
])
def test_what_is_no_json_is_named(tmp_path, content, words):
    with pytest.raises(ValueError, match=f'(?s)labels.json.*{words}'):
        _read(tmp_path / 'labels.json', content)


@pytest.mark.parametrize('text, words', [
    ('{"a":\n[1, NaN]}', r'holds NaN.*line 2'), ('{"a": -Infinity}', r'holds -Infinity.*line 1')])
def test_what_is_no_number_of_json_is_read_or_refused_with_its_line(text, words):
    parse_json(text, 'labels.json')  # its readers leave such people out, counted
    with pytest.raises(ValueError) as caught:
        json.loads(text, parse_constant=refuse_constant)
    assert re.search(words, explain_json_error(caught.value, text))


def test_an_archive_named_json_is_named(tmp_path):
    with zipfile.ZipFile(tmp_path / 'labels.json', 'w') as archive:
        archive.writestr('labels.json', TEXT)
    with pytest.raises(ValueError, match='labels.json is a zip archive'):
        decode_json_text((tmp_path / 'labels.json').read_bytes(), 'labels.json')
