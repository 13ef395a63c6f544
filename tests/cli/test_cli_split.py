"""The tool that splits COCO jsons: what it writes loads, stays, and can be checked."""
import json
import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from mmpose.datasets import CocoDataset

from mmpose_mum.cli import main
from mmpose_mum.datasets import UnlabeledPoseDataset
from mmpose_mum.datasets.split_files import write_file

ROOT = Path(__file__).parents[2]
CATEGORY = dict(id=1, name='person', keypoints=[f'keypoint {i}' for i in range(17)], skeleton=[])


def person(number, image, usable=True):
    rng = random.Random(number)
    keypoints = [v for _ in range(17) for v in (rng.randrange(1, 90), rng.randrange(1, 60), 2)]
    return dict(segmentation=[[1.5, 2, 3, 4, 5, 6]], num_keypoints=17 * usable, area=99.25,
                iscrowd=0, keypoints=keypoints if usable else [0] * 51, image_id=image,
                bbox=[1.01, 2, 50 + rng.random(), 40.3], category_id=1, id=number,
                foot_kpts=keypoints[:18])


@pytest.fixture()
def source(tmp_path):
    """A json of 40 images: every fourth empty, the others with a person and one without
    keypoints.
    """
    images = [dict(id=i, file_name=f'{i:012d}.jpg', height=64, width=96)
              for i in random.Random(0).sample(range(1000), 40)]
    annotations = [person(2 * n + k, image['id'], usable=not k)
                   for n, image in enumerate(images) if n % 4 for k in (0, 1)]
    path = tmp_path / 'people.json'
    path.write_text(json.dumps(dict(info=dict(year=2017), licenses=[], images=images,
                                    annotations=annotations, categories=[CATEGORY])))
    return path


def run(*args):
    main(['split', *map(str, args)])


def contents(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_the_splits_load_as_labeled_and_unlabeled(source, tmp_path, capsys):
    out = tmp_path / 'annotations' / 'semi_anns'
    run(source, '--out', out, '--percent', '10', '50', '--folds', '2')
    stems = [f'people.{fold}@{percent}' for fold in (1, 2) for percent in (10, 50)]
    assert set(contents(out)) == {stem + end for stem in stems
                                  for end in ('.json', '-unlabeled.json', '.txt')}
    printed = capsys.readouterr().out.splitlines()
    content = json.loads(source.read_text())
    boxes = {a['id']: a['bbox'] for a in content['annotations']}
    for stem, line in zip(stems, printed):
        labeled = json.loads((out / f'{stem}.json').read_text())
        unlabeled = json.loads((out / f'{stem}-unlabeled.json').read_text())
        number = 4 if stem.endswith('@10') else 20
        assert (len(labeled['images']), len(unlabeled['images'])) == (number, 40 - number)
        assert line.startswith(f'{stem}: {number} images with ')
        for part in (labeled, unlabeled):
            assert list(part) == list(content)  # in the same order
            assert part['categories'] == [CATEGORY] and part['info'] == dict(year=2017)
            assert {a['id']: a['bbox'] for a in part['annotations']}.items() <= boxes.items()
        for annotation in unlabeled['annotations']:
            assert set(annotation) == {
                'id', 'image_id', 'category_id', 'bbox', 'area', 'iscrowd'}
        people = CocoDataset(ann_file=str(out / f'{stem}.json'), data_prefix=dict(img='i/'))
        assert len(people) == len(labeled['annotations']) // 2
        others = UnlabeledPoseDataset(
            ann_file=str(out / f'{stem}-unlabeled.json'), data_prefix=dict(img='i/'))
        assert len(others) == len(unlabeled['annotations'])
        assert not ({people[i]['img_id'] for i in range(len(people))}
                    & {others[i]['img_id'] for i in range(len(others))})


def test_the_coco_config_reads_such_names(source, tmp_path):
    config = (ROOT / 'configs/pose_mum/hrnet_w32_coco_10pct.py').read_text()
    coco = source.rename(tmp_path / 'person_keypoints_train2017.json')
    run(coco, '--out', tmp_path / 'annotations/semi_anns', '--percent', '10')
    stem = 'annotations/semi_anns/person_keypoints_train2017.1@10'
    assert f"'{stem}'" in config
    assert (tmp_path / f'{stem}.json').exists() and (tmp_path / f'{stem}-unlabeled.json').exists()


def test_the_benchmarks_split_has_all_people_unlabeled(source, tmp_path):
    out = tmp_path / 'out'
    run(source, '--out', out, '--protocol', 'sshpe', '--num', 1, 7)
    assert len(contents(out)) == 6
    labeled = CocoDataset(ann_file=str(out / 'people.sshpe@7.json'))
    everyone = CocoDataset(ann_file=str(source))
    assert [labeled[i]['id'] for i in range(7)] == [everyone[i]['id'] for i in range(7)]
    unlabeled = UnlabeledPoseDataset(ann_file=str(out / 'people.sshpe@7-unlabeled.json'))
    assert len(labeled) == 7 and len(unlabeled) == len(everyone) == 30


def test_one_makes_the_same_files_again_and_keeps_other_ones(source, tmp_path):
    args = [source, '--percent', '20', '--folds', 2, '--out']
    run(*args, tmp_path / 'one')
    made = contents(tmp_path / 'one')
    command = [sys.executable, '-m', 'mmpose_mum', 'split', *map(str, args)]
    subprocess.run([*command, str(tmp_path / 'two')], check=True, env=dict(
        os.environ, PYTHONHASHSEED='5', PYTHONPATH=str(ROOT)))
    assert contents(tmp_path / 'two') == made
    run(*args, tmp_path / 'one')
    assert contents(tmp_path / 'one') == made
    with pytest.raises(SystemExit, match='mmpose-mum split: .*exists with other content'):
        run(*args, tmp_path / 'one', '--seed', 1)
    assert contents(tmp_path / 'one') == made
    run(*args, tmp_path / 'one', '--seed', 1, '--force')
    changed = contents(tmp_path / 'one')
    assert list(changed) == list(made) and not set(changed.values()) & set(made.values())


def test_a_write_that_breaks_leaves_what_was_there(tmp_path):
    path = tmp_path / 'file.txt'
    path.write_text('before')

    def broken():
        yield 'half'
        raise OSError('disk full')

    with pytest.raises(OSError, match='disk full'):
        write_file(path, broken(), force=True)
    assert contents(tmp_path) == {'file.txt': b'before'}


def test_hidden_keypoints_stay_only_if_asked_for(source, tmp_path):
    args = [source, '--percent', '50', '--out']
    run(*args, tmp_path / 'without')
    run(*args, tmp_path / 'with', '--keep-hidden')
    without, kept = contents(tmp_path / 'without'), contents(tmp_path / 'with')
    differ = [name for name in without if without[name] != kept[name]]
    assert differ == ['people.1@50-unlabeled.json']
    truth = {a['id']: a['keypoints'] for a in json.loads(source.read_text())['annotations']}
    for annotation in json.loads(kept[differ[0]])['annotations']:
        assert annotation['keypoints'] == truth[annotation['id']]
        # A class of its own, as that of whole bodies, reads more than COCO's fields.
        assert 'segmentation' not in annotation and 'foot_kpts' in annotation
    assert b'keypoints' not in without[differ[0]].replace(b'"keypoints": ["keypoint', b'')


def test_a_published_split_can_be_checked_and_used_as_a_list(source, tmp_path, capsys):
    run(source, '--out', tmp_path / 'one', '--percent', '10')
    text = tmp_path / 'one' / 'people.1@10.txt'
    run(source, '--check', text)
    assert f'{source} gives this split' in capsys.readouterr().out
    run(source, '--out', tmp_path / 'two', '--image-ids', text)
    one, two = contents(tmp_path / 'one'), contents(tmp_path / 'two')
    assert list(one) == list(two)
    assert [name for name in one if one[name] != two[name]] == ['people.1@10.txt']
    run(source, '--check', tmp_path / 'two' / 'people.1@10.txt')
    source.write_text(source.read_text().replace('"area": 99.25', '"area": 98'))
    with pytest.raises(SystemExit, match='gives the same ids. It says source-sha256'):
        run(source, '--check', text)


def test_a_list_of_ones_own_names_the_split(source, tmp_path):
    images = [image['id'] for image in json.loads(source.read_text())['images']]
    (tmp_path / 'mine.txt').write_text(f'# chosen by eye\n{images[3]}  # a good one\n{images[1]}\n')
    run(source, '--out', tmp_path / 'out', '--image-ids', tmp_path / 'mine.txt')
    labeled = json.loads((tmp_path / 'out' / 'people.mine.json').read_text())
    assert [image['id'] for image in labeled['images']] == [images[1], images[3]]


def test_several_jsons_of_the_same_images_are_split_alike(source, tmp_path):
    content = json.loads(source.read_text())
    content['images'].reverse()
    (tmp_path / 'others.json').write_text(json.dumps(content))
    run(source, tmp_path / 'others.json', '--out', tmp_path / 'out', '--percent', '20')
    one, two = [{image['id'] for image in json.loads(
        (tmp_path / 'out' / f'{stem}.1@20.json').read_text())['images']}
        for stem in ('people', 'others')]
    assert one == two


@pytest.mark.parametrize('args, message', [
    (['--percent', '10', '101'], 'above 0 and at most 100'),
    (['--protocol', 'sshpe'], 'at most 30, as many as .* has; got 1000'),
    (['--image-ids', 'none.txt'], 'No such file.*none.txt'),
])
def test_an_error_comes_in_a_sentence_and_before_any_file(source, tmp_path, args, message):
    with pytest.raises(SystemExit, match=f'mmpose-mum split: .*{message}'):
        run(source, '--out', tmp_path / 'out', *args)
    assert not (tmp_path / 'out').exists()


def test_a_list_of_people_is_no_list_of_images(source, tmp_path):
    run(source, '--out', tmp_path, '--protocol', 'sshpe', '--num', 3)
    text = tmp_path / 'people.sshpe@3.txt'
    for end in (b'\n', b'\r\n'):  # as Git may write it on Windows
        text.write_bytes(text.read_bytes().replace(b'\n', end))
        run(source, '--check', text)
        with pytest.raises(SystemExit, match='lists ids of annotations, not of images'):
            run(source, '--out', tmp_path, '--image-ids', text)


def test_a_json_that_is_missing_is_named(tmp_path):
    with pytest.raises(SystemExit, match='mmpose-mum split: .*No such file.*nowhere.json'):
        run(tmp_path / 'nowhere.json', '--out', tmp_path, '--percent', 5)


@pytest.mark.parametrize('args, message', [
    (['a.json', '--percent', '5'], '--out is missing'),
    (['a.json', '--out', 'o'], 'one of the arguments'),
    (['a.json', '--out', 'o', '--percent', '5', '--folds', '0'],
     '--folds: expected an integer of at least 1'),
    (['a.json', '--out', 'o', '--protocol', 'sshpe', '--seed', '0'], 'need --percent'),
    (['a.json', '--out', 'o', '--percent', '5', '--num', '9'], 'needs --protocol sshpe'),
    (['a.json', 'b/a.json', '--out', 'o', '--percent', '5'], 'have the same name'),
])
def test_arguments_that_do_not_go_together_are_refused(args, message, capsys):
    with pytest.raises(SystemExit):
        run(*args)
    assert message in capsys.readouterr().err


def write_big(path):
    """Write a json of train2017's size: 118,287 images, 262,465 people, about 240 MB."""
    rng = random.Random(0)
    url = 'http://images.cocodataset.org/train2017/'
    images = [dict(license=3, file_name=f'{i:012d}.jpg', coco_url=f'{url}{i:012d}.jpg', height=480,
                   width=640, date_captured='2013-11-14 16:28:13', id=i,
                   flickr_url='http://farm4.staticflickr.com/3153/2970773875_164f0c0b83_z.jpg')
              for i in rng.sample(range(600000), 118287)]
    with_people = rng.sample(images, 64115)
    with open(path, 'w') as file:
        file.write(f'{{"info": {{}}, "licenses": [], "images": {json.dumps(images)}, '
                   '"annotations": [')
        for number in range(262465):
            annotation = person(number, rng.choice(with_people)['id'], rng.random() < .57)
            del annotation['foot_kpts']
            annotation['segmentation'] = [[round(rng.random() * 640, 2) for _ in range(58)]]
            file.write(', ' * (number > 0) + json.dumps(annotation))
        file.write(f'], "categories": {json.dumps([CATEGORY])}}}')


@pytest.mark.slow
def test_a_json_of_train2017s_size_takes_seconds_and_little_memory(tmp_path):
    import resource
    source = tmp_path / 'person_keypoints_train2017.json'
    write_big(source)
    command = [sys.executable, '-m', 'mmpose_mum', 'split', str(source), '--out',
               str(tmp_path / 'out')]
    environment = dict(os.environ, PYTHONPATH=str(ROOT))
    for options in (['--percent', '1', '5', '10', '20', '--folds', '5'], ['--protocol', 'sshpe']):
        started = time.time()
        subprocess.run([*command, *options], check=True, env=environment)
        seconds = time.time() - started
        memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
        size = sum(path.stat().st_size for path in (tmp_path / 'out').iterdir()) / 2**30
        print(f'{options}: {seconds:.0f} s, {memory:.2f} GiB at most, {size:.2f} GiB written, from '
              f'{source.stat().st_size / 1e6:.0f} MB')
        assert seconds < 60 and memory < 3
    shutil.rmtree(tmp_path)  # pytest would keep these gigabytes for a while
