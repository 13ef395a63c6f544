"""Splits of COCO jsons: exact, complete, the benchmark's, and told from others."""
import hashlib
import json
import math
import re
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmpose_mum.datasets.splits import (
    Source,
    check_split,
    draw_percent,
    draw_split,
    read_ids,
    scan_json,
    split_text,
)

PERCENT = dict(protocol='percent', percent='50', fold='1', seed='0')


def person(number, image, **changes):
    return dict(dict(id=number, image_id=image, category_id=1, iscrowd=0, area=50.5,
                     bbox=[1, 2, 10.25, 20], keypoints=[3, 4, 2, 0, 0, 0], num_keypoints=1,
                     segmentation=[[1, 2, 3, 4, 5, 6]]), **changes)


def coco(images, annotations):
    return dict(info=dict(description='Bäume "[{'), images=[
        dict(id=i, file_name=f'{i}.jpg', height=64, width=48) for i in images],
        annotations=annotations, categories=[dict(id=1, name='person')])


# Someone of every kind: usable, a crowd, flat, without a keypoint, and several at once.
PEOPLE = st.fixed_dictionaries(dict(
    iscrowd=st.sampled_from([0, 0, 0, 1]), area=st.sampled_from([50.5, 9, 0]),
    keypoints=st.sampled_from([[3, 4, 2, 0, 0, 0], [0, 0, 0, 5, 6, 1], [0] * 6, []])))


@st.composite
def contents(draw):
    images = draw(st.lists(st.integers(0, 10**12), unique=True, min_size=1, max_size=12))
    people = draw(st.lists(st.tuples(st.sampled_from(images), PEOPLE), max_size=25))
    numbers = draw(st.permutations(range(1, len(people) + 2)))
    people = [person(n, image, **more) for n, (image, more) in zip(numbers[1:], people)]
    return coco(images, [*people, person(numbers[0], draw(st.sampled_from(images)))])


@pytest.fixture(scope='module')
def read(tmp_path_factory):
    """Write a json and read it as a source."""
    def _read(content, indent=None, **options):
        path = tmp_path_factory.mktemp('source') / 'people.json'
        text = content if isinstance(content, str) else json.dumps(
            content, indent=indent, ensure_ascii=bool(indent))
        path.write_text(text, encoding='utf-8')
        return Source(path, **options)
    return _read


@given(ids=st.lists(st.integers(), unique=True, min_size=1), fold=st.integers(1, 5),
       hundredths=st.integers(1, 10000), seed=st.integers())
def test_the_share_is_exact_whatever_the_order(ids, hundredths, fold, seed):
    percent = f'{hundredths // 100}.{hundredths % 100:02d}'
    drawn = draw_percent(ids, percent, fold, seed)
    exact = len(ids) * Fraction(percent) / 100
    assert len(drawn) == max(1, math.floor(exact + Fraction(1, 2)))
    assert drawn == sorted(set(drawn)) and set(drawn) <= set(ids)
    assert drawn == draw_percent(ids[::-1], percent, fold, seed)
    assert set(drawn) <= set(draw_percent(ids, '100', fold, seed)) == set(ids)


def test_a_half_is_rounded_up():
    assert [len(draw_percent(range(n), '10', 1, 0)) for n in (4, 5, 14, 15, 25)] == [1, 1, 1, 2, 3]
    assert len(draw_percent(range(118287), '10', 1, 0)) == 11829


def test_the_order_is_that_of_a_hash_so_that_a_published_split_stays():
    order = sorted(range(40), key=lambda i: hashlib.sha256(f'7 2 {i}'.encode()).hexdigest())
    assert draw_percent(range(40), '25', 2, 7) == sorted(order[:10])


def test_folds_and_seeds_differ_and_percentages_are_nested():
    draws = [set(draw_percent(range(1000), '10', fold, seed)) for fold in (1, 2) for seed in (0, 1)]
    for i, one in enumerate(draws):
        assert all(len(one & other) < 40 for other in draws[:i])  # 10 by chance
    assert draws[0] < set(draw_percent(range(1000), '20', 1, 0))


@pytest.mark.parametrize('percent', ['0', '0.0', '101', '-5', 'nan', '1/3', '1e1', ''])
def test_a_percentage_that_is_none_is_refused(percent):
    with pytest.raises(ValueError, match='above 0 and at most 100'):
        draw_percent(range(9), percent, 1, 0)


@given(content=contents(), indent=st.sampled_from([None, 1]))
def test_what_is_scanned_is_what_json_reads(content, indent):
    text = json.dumps(content, indent=indent)
    found = {}
    for key, entry, start, end in scan_json(text, ('images', 'annotations')):
        if entry is None:
            found[key] = json.loads(text[start:end] or '[]')
        else:
            assert json.loads(text[start:end]) == entry
            found[key].append(entry)
    assert found == content


@given(content=contents(), cut=st.floats(0, 1, exclude_max=True))
def test_a_json_that_ends_early_is_an_error(content, cut):
    text = json.dumps(content)
    with pytest.raises(json.JSONDecodeError):
        list(scan_json(text[:int(cut * len(text))], ('images', 'annotations')))


@given(content=contents(), percent=st.sampled_from(['1', '20', '50', '100']))
def test_by_percent_images_are_diskeypoint_and_complete(read, content, percent):
    source = read(content)
    try:
        split = draw_split(source, dict(PERCENT, percent=percent))
    except ValueError as error:
        assert 'nobody has a labeled keypoint' in str(error)
        return
    (images, labeled), (others, unlabeled) = source.labeled(split), source.unlabeled(split)
    assert not images & others and images | others == {i['id'] for i in content['images']}
    assert {a.id for a in labeled} == {
        a['id'] for a in content['annotations'] if a['image_id'] in images}
    by_id = {a['id']: a for a in content['annotations']}
    for annotation in labeled:
        assert json.loads(source.text[annotation.start:annotation.end]) == by_id[annotation.id]
    assert len(labeled) + len(unlabeled) == len(by_id)
    visible = ('id', 'image_id', 'category_id', 'bbox', 'area', 'iscrowd')
    assert [json.loads(a.unlabeled) for a in unlabeled] == [
        {key: by_id[a.id][key] for key in visible} for a in unlabeled]


def slow_benchmark(content, number):
    """Return the first people's ids as the benchmark's loop over images finds them."""
    found = []
    for image in content['images']:
        for annotation in content['annotations']:
            if annotation['image_id'] != image['id'] or annotation['iscrowd']:
                continue
            if not annotation['area'] > 0 or max(annotation['keypoints'] or [0]) == 0:
                continue
            found.append(annotation['id'])
    return found if number is None else found[:number]


@given(content=contents(), data=st.data())
def test_the_benchmarks_people_are_the_first_of_the_json(read, content, data):
    source, everyone = read(content), slow_benchmark(content, None)
    number = data.draw(st.integers(1, len(everyone)))
    split = draw_split(source, dict(protocol='sshpe', num=str(number)))
    assert split.ids == slow_benchmark(content, number)
    images, labeled = source.labeled(split)
    assert {a.id for a in labeled} == set(split.ids)
    assert images == {a.image_id for a in labeled}
    others, unlabeled = source.unlabeled(split)
    assert others == {i['id'] for i in content['images']}
    assert {a.id for a in unlabeled} == set(everyone)
    for wrong in (0, len(everyone) + 1):
        with pytest.raises(ValueError, match='at least 1 and at most'):
            draw_split(source, dict(protocol='sshpe', num=str(wrong)))


def test_an_image_that_is_partly_beyond_the_number_keeps_the_first_people(read):
    source = read(coco([5, 3], [person(1, 3), person(2, 5), person(4, 5), person(3, 5, area=0)]))
    split = draw_split(source, dict(protocol='sshpe', num='1'))
    images, labeled = source.labeled(split)
    assert (images, [a.id for a in labeled]) == ({5}, [2])
    assert draw_split(source, dict(protocol='sshpe', num='3')).ids == [2, 4, 1]


@pytest.mark.parametrize('content, message', [
    ('', 'people.json is empty'),
    ('[]', 'people.json .* is a list'),
    ('\ufeff{"images": [1]}', 'expected { or ] in line 1'),
    ('{"images": []}\n{"annotations": []}', 'JSON Lines'),
    ('{"images": [{"id": 1}, {"id"', 'ends in the middle'),
    ('{"images": [],}', 'expected "'),
    ('{"images": [{"id": 1},], "annotations": []}', 'expected {'),
    ('{"images": [1], "annotations": []}', 'expected { or ]'),
    ('{"images": {}, "annotations": []}', r'expected \['),
    ('{"images": [], "annotations": []} []', 'extra data'),
    ('{"images": []}', 'has no annotations'),
    ('{}', 'has no images and no annotations'),
    (coco([1, 1], [person(1, 1)]), '"images" has the id 1 twice'),
    (coco([1], [person(1, 1), person(1, 1)]), '"annotations" has the id 1 twice'),
    (coco(['a'], []), "entry 0 of \"images\" has the id 'a'"),
    (coco([1], []), 'nobody to label in 0 annotations'),
    (coco([1], [person(1, 1, keypoints=[0, 0, 0])]), 'nobody to label in 1 annotations'),
    (coco([1], [person(1, 2)]), 'nobody to label in 0 annotations'),
    (coco([1], [person(1, '1')]), r'The `image_id` of 1 others is no `id`.* the same as its text'),
    (coco([1], [person(1, 1, area=None)]),
     '`area` of the annotation 1 is null, but must be a number, or left out'),
    (coco([1], [person(1, 1, iscrowd='0')]),
     '`iscrowd` of the annotation 1 is "0", but must be 0 or 1, or left out'),
    (coco([1], [person(1, 1, bbox=[1, 2, 3, '4'])]),
     r'`bbox` of the annotation 1 is \[1, 2, 3, "4"\], but must be 4 numbers'),
    (coco([1], [person(1, 1, bbox=[1, 2, float('nan'), 4])]), 'holds NaN'),
])
def test_what_is_not_such_a_json_is_an_error(read, content, message):
    with pytest.raises(ValueError, match=message):
        read(content)


@pytest.mark.parametrize('encoding', ['utf-8-sig', 'utf-8'])
def test_a_byte_order_mark_changes_nothing(tmp_path, encoding):
    path, listed = tmp_path / 'people.json', tmp_path / 'list.txt'
    path.write_text(json.dumps(coco([1, 2], [person(1, 1)])), encoding=encoding)
    source = Source(path)
    assert (list(source.images), source.people) == ([1, 2], 1)
    split = draw_split(source, PERCENT)
    listed.write_text(split_text(source, split), encoding=encoding)
    assert read_ids(listed)[1] == split.ids
    check_split(listed, source)


def test_a_list_in_another_encoding_is_named(tmp_path):
    (tmp_path / 'list.txt').write_text('1\n', encoding='utf-16')
    with pytest.raises(ValueError, match='list.txt is UTF-16'):
        read_ids(tmp_path / 'list.txt')


def test_a_draw_without_anyone_to_label_is_an_error(read):
    source = read(coco(range(300), [person(1, 0)]))
    with pytest.raises(ValueError, match='1@1 labels 3 images in which nobody'):
        draw_split(source, dict(PERCENT, percent='1'))


def test_an_annotation_without_an_image_is_counted_and_left_out(read):
    source = read(coco([1], [person(1, 1), person(2, 9)]))
    assert (source.strays, [a.id for a in source.annotations]) == (1, [1])


@pytest.mark.parametrize('drawn', [
    PERCENT, dict(protocol='sshpe', num='2'), dict(protocol='image-ids', list='mine')])
def test_a_text_tells_its_split_and_no_other(read, tmp_path, drawn):
    content = coco(range(8), [person(i, i % 8) for i in range(20)])
    source, path = read(content, indent=1), tmp_path / 'split.txt'
    split = draw_split(source, drawn, [6, 1])
    path.write_text(split_text(source, split))
    check_split(path, source)
    header, ids = read_ids(path)
    assert ids == split.ids and header['protocol'] == drawn['protocol']
    lines = re.sub('(?m)^#.*\n', '', path.read_text())
    assert hashlib.sha256(lines.encode()).hexdigest() == header['ids-sha256']

    with pytest.raises(ValueError, match='gives the same ids. It says source-sha256'):
        check_split(path, read(content))  # the same, but for the blanks
    with pytest.raises(ValueError, match='to another file or split|does not have 1 of the 2'):
        check_split(path, read(dict(coco([9, 3, 2, 1], [person(40, 1), person(41, 1)]))))
    text = path.read_text()
    for old, new, message in [
            (r'(?m)^(\d+)$', r'1\1', 'its ids have another hash'),
            ('# protocol: .*', '# protocol: other', 'does not say how it was drawn'),
            ('# (seed|num|list): .*', '# none: 1', 'does not say how it was drawn'),
            ('# people: .*', '# people: 99', 'It says people 99, but'),
            ('format 1', 'format 9', 'does not say how it was drawn')]:
        path.write_text(re.sub(old, new, text))
        with pytest.raises(ValueError, match=message):
            check_split(path, source)


def test_a_changed_seed_in_a_text_gives_other_ids(read, tmp_path):
    source = read(coco(range(50), [person(i, i) for i in range(50)]))
    path = tmp_path / 'split.txt'
    path.write_text(split_text(source, draw_split(source, PERCENT)).replace('seed: 0', 'seed: 3'))
    with pytest.raises(ValueError, match='gives other ids. It says .*ids-sha256'):
        check_split(path, source)


@pytest.mark.parametrize('text, message', [
    ('# only\n\n', 'has no id'), ('1\n2 # two\n1\n', r'more than once: \[1\]'),
    ('1\nb.jpg\n', "the line 'b.jpg'"), ('1 2\n', "the line '1 2'")])
def test_a_list_that_is_none_is_refused(tmp_path, text, message):
    (tmp_path / 'list.txt').write_text(text)
    with pytest.raises(ValueError, match=message):
        read_ids(tmp_path / 'list.txt')


def test_ids_that_the_json_lacks_are_named(read):
    source = read(coco([1, 2], [person(1, 1)]))
    with pytest.raises(ValueError, match=r'does not have 2 of the 3 images listed: \[7, 8\]'):
        draw_split(source, dict(protocol='image-ids', list='mine'), [8, 1, 7])
