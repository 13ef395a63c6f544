"""suggest and merge as a user calls them: what is chosen, corrected, and trained with."""
import csv
import json
import re
import shutil

import cv2
import numpy as np
import pytest
from pycocotools.coco import COCO

from helpers import small_run
from mmpose_mum.cli import main


@pytest.fixture(scope='module')
def run():
    return small_run.train()


def suggest(run, out, *options):
    main(['suggest', str(run.parent / 'original.py'), str(run), '--out', str(out), '--device',
          'cpu', *map(str, options)])


def test_the_folder_goes_to_the_annotation_tool_and_comes_back(run, tmp_path, capsys):
    out = tmp_path / 'next'
    suggest(run, out, '--num', 2, '--by', 'doubt', '--random', 0)
    assert '2 of 3 people, 2 by mean, kth, peaks, flip, student, pose and 0 at random; the ' \
        'labeled set has 2 people' in capsys.readouterr().out
    coco = COCO(str(out / 'people.json'))
    assert len(coco.anns) == len(coco.imgs) == 2
    content = json.loads((out / 'people.json').read_text())
    for person in coco.anns.values():
        keypoints = np.reshape(person['keypoints'], (14, 3))
        assert person['num_keypoints'] == 14
        doubted = np.array(person['keypoint_scores']) < .3
        assert ((keypoints[:, 2] == 1) >= doubted).all() and (keypoints[:, 2] >= 1).all()
        image = cv2.imread(str(out / 'images' / coco.imgs[person['image_id']]['file_name']))
        assert (keypoints[:, :2] <= np.array(image.shape[1::-1]) - 1).all()
    rows = list(csv.DictReader((out / 'ranking.csv').open()))
    assert len(rows) == 3 and [row['chosen'] for row in rows].count('doubt') == 2
    assert [float(row['doubt']) for row in rows] == sorted(
        (float(row['doubt']) for row in rows), reverse=True)
    assert cv2.imread(str(out / 'sheet.png')).shape[1] > 0
    with pytest.raises(SystemExit, match='people.json exists already; --force'):
        suggest(run, out)

    root = run.parents[1]
    labels = json.loads((root / 'labels.json').read_text())
    labels['categories'] = [dict(labels['categories'][0], **{
        key: content['categories'][0][key] for key in ('keypoints', 'skeleton')})]
    (tmp_path / 'labels.json').write_text(json.dumps(labels))
    unlabeled = small_run.write_people(tmp_path / 'unused', ['c.png', 'd.png', 'e.png'])
    for person in unlabeled['annotations']:
        person['bbox'] = [0, 0, 90, 120]  # as suggest found them in a folder
    (tmp_path / 'unlabeled.json').write_text(json.dumps(unlabeled))
    corrected = tmp_path / 'corrected.json'
    shutil.copy(str(out / 'people.json'), str(corrected))
    with pytest.raises(SystemExit, match='corrected.json. is what was suggested'):
        main(['merge', str(corrected), '--images', str(out / 'images'), '--labels', 'a.json',
              '--suggested', str(out / 'people.json'), '--label-images', str(tmp_path), '--out',
              str(tmp_path)])
    content['annotations'][0]['keypoints'][:2] = [3, 4]
    corrected.write_text(json.dumps(content))
    arguments = ['merge', corrected, '--images', out / 'images', '--labels',
                 tmp_path / 'labels.json', '--label-images', root / 'labeled', '--unlabeled',
                 tmp_path / 'unlabeled.json', '--suggested', out / 'people.json', '--out',
                 tmp_path / 'round2']
    main([*map(str, arguments)])
    said = capsys.readouterr().out
    assert '1 of 2 people have exactly the keypoints that the model suggested' in said
    assert '2 old people and 2 new ones' in said and '1 people remain, 2 have' in said
    # The next round reads the same folder, with what merge says, and suggests nobody twice.
    place = re.search(r'labeled=dict\((ann_file=.*, )(data_prefix=.*), indices=None\)\n', said)
    config = (root / 'original.py').read_text().replace(
        "ann_file=root + 'labels.json', ", place[1]).replace(
        "data_prefix=dict(img=root + 'labeled/')", place[2])
    (tmp_path / 'round2.py').write_text(config)
    main(['suggest', str(tmp_path / 'round2.py'), str(run), '--num', '2', '--out',
          str(tmp_path / 'next2'), '--device', 'cpu'])
    second = capsys.readouterr().out
    assert '1 of 1 people' in second and 'left out 2 people who have labels already' in second
    assert {image['file_name'] for image in json.loads(
        (tmp_path / 'next2/people.json').read_text())['images']}.isdisjoint(
        image['file_name'] for image in content['images'])
    with pytest.raises(SystemExit, match='labeled.json exists already; --force'):
        main([*map(str, arguments)])


def test_what_it_writes_does_not_become_unlabeled_people(run, tmp_path):
    inside = run.parents[1] / 'unlabeled/next'
    with pytest.raises(SystemExit, match='unlabeled/next. lies in .*give a folder outside'):
        suggest(run, inside)
    assert not inside.exists()
    # A json lists its people, whatever else lies beside their images.
    unlabeled = small_run.write_people(tmp_path, ['x.png', 'y.png'])
    (tmp_path / 'people.json').write_text(json.dumps(unlabeled))
    suggest(run, tmp_path / 'next', '--unlabeled', tmp_path / 'people.json', '--unlabeled-images',
            tmp_path)


def test_images_of_an_earlier_choice_stay_and_are_counted(run, tmp_path, capsys):
    suggest(run, tmp_path, '--num', 3)
    assert 'other images' not in capsys.readouterr().out
    suggest(run, tmp_path, '--num', 1, '--force')
    assert f'{tmp_path}/images has 2 other images' in capsys.readouterr().out
    assert len(list((tmp_path / 'images').iterdir())) == 3


def test_the_same_seed_chooses_the_same(run, tmp_path):
    for name in 'ab':
        suggest(run, tmp_path / name, '--num', 2, '--by', 'flip', '--random', .5, '--seed', 3)
    for name in ('people.json', 'ranking.csv', 'sheet.png'):
        assert (tmp_path / 'a' / name).read_bytes() == (tmp_path / 'b' / name).read_bytes()


def test_typical_people_and_fewer_than_asked(run, tmp_path, capsys):
    suggest(run, tmp_path, '--num', 9)
    said = capsys.readouterr().out
    assert '3 of 3 people, typical ones' in said and 'were asked for' not in said


def test_mistakes_have_names(run, tmp_path):
    (tmp_path / 'empty').mkdir()
    for message, options in (
            ('no unlabeled image or video', ('--unlabeled', tmp_path / 'empty')),
            ('typical goes with no other', ('--by', 'typical', 'flip')),
            ('2', ('--random', 1.5)), ('2', ('--by', 'mood'))):
        with pytest.raises(SystemExit, match=message):
            suggest(run, tmp_path / 'out', *options)
    assert not (tmp_path / 'out' / 'people.json').exists()


def test_who_is_doubted_most_comes_first(run, tmp_path):
    suggest(run, tmp_path, '--num', 1, '--by', 'flip', '--random', 0)
    flips = [float(row['flip']) for row in csv.DictReader((tmp_path / 'ranking.csv').open())]
    assert flips == sorted(flips, reverse=True) and flips[0] > flips[-1]
