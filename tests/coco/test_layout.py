"""Jsons in COCO's layout are read whole, or the error names file, entry, field and need."""
import json

import pytest

from mmpose_mum.coco.layout import (
    Field,
    as_json,
    category_counts,
    category_name,
    is_list,
    is_number,
    is_whole,
    load_json,
    read_coco,
    require,
)


def written(tmp_path, content, encoding='utf-8'):
    path = tmp_path / 'people.json'
    text = content if isinstance(content, str) else json.dumps(content)
    path.write_bytes(text.encode(encoding))
    return str(path)


def test_a_json_is_read_by_id(tmp_path):
    coco = read_coco(written(tmp_path, dict(
        images=[dict(id=1, file_name='a.png'), dict(id='b', file_name='b.png'),
                dict(id=1, file_name='a.png')],
        annotations=[dict(category_id=3), dict(category_id=[1]), {}],
        categories=[dict(id=3, name='dog'), dict(id='x')])))
    assert list(coco.images) == [1, 'b'] and len(coco.annotations) == 3
    assert category_counts(coco) == {3: 1, None: 2}
    assert category_name(coco, 3) == "3 'dog'" and category_name(coco, 4) == '4'


@pytest.mark.parametrize('key', ['annotations', 'categories'])
def test_lists_may_be_missing_and_no_more(tmp_path, key):
    assert not getattr(read_coco(written(tmp_path, dict(images=[]))), key)
    for value in (None, {}, 'none'):
        with pytest.raises(ValueError, match=f'people.json.*"{key}" must be a list .* and is'):
            read_coco(written(tmp_path, dict(images=[], **{key: value})))


@pytest.mark.parametrize('encoding, right', [
    ('utf-8', True), ('utf-8-sig', True), ('utf-16', False), ('latin-1', False)])
def test_text_of_other_encodings(tmp_path, encoding, right):
    path = written(tmp_path, '["é"]', encoding)
    if right:
        assert load_json(path) == ['é'] and is_list(path)
    else:
        with pytest.raises(ValueError, match='people.json.*UTF-8'):
            load_json(path)


@pytest.mark.parametrize('content, words', [
    ('{"images": [], }', 'people.json.*comma before a closing bracket'),
    ('{"images": [', 'people.json.*ends in the middle'),
    ('[' * 100000, 'people.json.*nested too deeply'),
    ("{'images': []}", 'people.json.*double quotes')])
def test_a_broken_json_says_where_and_why(tmp_path, content, words):
    with pytest.raises(ValueError, match=words):
        load_json(written(tmp_path, content))


def test_what_begins_with_a_list_is_a_detectors(tmp_path):
    assert is_list(written(tmp_path, '\n  [{}]'))
    assert not is_list(written(tmp_path, '{"images": []}'))
    assert not is_list(str(tmp_path / 'none.json')) and not is_list(str(tmp_path))


def test_a_wrong_field_is_named_counted_and_shown_shortened():
    entries = [dict(id=7, bbox=[1]), dict(id=8), dict(bbox='x' * 500, file_name='a.png')]
    for start, words in ((0, r"`bbox` of the box with the id 7 is \[1\], but must be four "
                          r'\(3 of 3 are like that\)'),
                         (1, '`bbox` of the box with the id 8 is missing'),
                         (2, r"`bbox` of the box number 0 \(from 0\), 'a.png', is 'xxx.*\.\.\.")):
        with pytest.raises(ValueError, match=f"'f.json': {words}") as error:
            require('f.json', 'box', entries[start:], [
                Field('id', 'anything', lambda value: True),
                Field('bbox', 'four', lambda value: False)])
        assert len(str(error.value)) < 250


@pytest.mark.parametrize('values, words', [
    ([1] * 8, r'is \[1, 1, 1, 1, 1, 1, \.\.\.\] \(8 entries\), but must be nine'),
    ([1] * 6 + [float('nan')] * 3, r'\(9 entries, number 6 \(from 0\) is nan\), but must be nine')])
def test_of_a_long_list_the_length_and_the_odd_one_are_told(values, words):
    with pytest.raises(ValueError, match=words):
        require('f.json', 'annotation', [dict(keypoints=values)], [
            Field('keypoints', 'nine', lambda value: False)])


def test_what_is_a_number():
    assert all(map(is_number, (0, -1.5, 10**30)))
    assert not any(map(is_number, (True, None, '1', float('nan'), float('inf'), [1], 10**400)))
    assert all(map(is_whole, (0, 1., -3))) and not any(map(is_whole, (1.5, True, '1', None)))


def test_an_entry_that_a_json_cannot_hold_is_named():
    content = dict(images=[dict(id=1, file_name='NaN')], annotations=[
        dict(id=4, area=1.), dict(id=7, area=2., bbox=[1, float('nan')])])
    with pytest.raises(ValueError, match=r'`bbox` of the annotation with the id 7 is \[1, nan\]'):
        as_json(content)
    content['annotations'].pop()
    assert json.loads(as_json(content)) == content
