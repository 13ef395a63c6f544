"""What a choice of people is written and shown as."""
import json

import cv2
import numpy as np
import pytest

from mmpose_mum.export.people import People
from mmpose_mum.suggest.measure import Measured
from mmpose_mum.suggest.write import contact_sheet, write_choice


def test_images_of_one_name_are_told_apart_by_their_folders(tmp_path):
    meta = dict(skeleton_links=[], keypoint_colors=np.zeros((1, 3)), skeleton_link_colors=[])
    people, sheets = People([], str(tmp_path), meta, [], {}), []
    for name in ('a/1.png', 'b/1.png'):
        (tmp_path / name).parent.mkdir()
        cv2.imwrite(str(tmp_path / name), np.zeros((60, 50, 3), np.uint8))
        person = dict(path=str(tmp_path / name), box=np.array([0, 0, 50., 60.]),
                      keypoints=np.full((1, 2), 20.), scores=np.ones(1))
        sheets.append(contact_sheet([person], ['doubt'], people, .3))
    difference = (sheets[0] != sheets[1]).any((1, 2))
    assert difference.any() and not difference[:-50].any()  # below the image


def image(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full((60, 50, 3), value, np.uint8))


def choice(root, names, out):
    """Writes a choice of people, one in each image, and returns the json."""
    meta = dict(skeleton_links=[], keypoint_colors=np.zeros((1, 3)), skeleton_link_colors=[],
                keypoint_id2name={0: 'nose'}, num_keypoints=1)
    people = People([], str(root), meta, [], {})
    found = [dict(path=str((root / name).resolve()), img_id=number, size=(50, 60),
                  box=np.array([0, 0, 50., 60.]), keypoints=np.full((1, 2), 20.),
                  scores=np.ones(1), category=dict(id=1, name='person'))
             for number, name in enumerate(names)]
    measured = Measured(found, {}, np.zeros((len(found), 1)), np.zeros((0, 1)), 0, [])
    out.mkdir(exist_ok=True)
    write_choice(out, measured, np.zeros(len(found)), [(i, 'doubt') for i in range(len(found))],
                 people, .3)
    return json.loads((out / 'people.json').read_text())


def test_an_image_of_that_name_stays_what_it_is(tmp_path):
    image(tmp_path / 'unlabeled/1.png', 1)
    image(tmp_path / 'unlabeled/2.png', 2)
    image(tmp_path / 'data/images/1.png', 9)
    before = (tmp_path / 'data/images/1.png').read_bytes()
    with pytest.raises(FileExistsError, match='choose an --out whose images/ is empty'):
        choice(tmp_path / 'unlabeled', ['2.png', '1.png'], tmp_path / 'data')
    assert (tmp_path / 'data/images/1.png').read_bytes() == before
    assert [path.name for path in sorted(tmp_path.rglob('data/**/*.*'))] == ['1.png']
    for _ in range(2):  # again, by --force
        choice(tmp_path / 'unlabeled', ['1.png', '2.png'], tmp_path / 'next')


def test_all_images_lie_in_the_folder_whatever_they_are_called(tmp_path):
    image(tmp_path / 'a/1.png', 1)
    image(tmp_path / 'raw/b/2.png', 2)
    found = choice(tmp_path / 'a', ['1.png', '../raw/b/2.png'], tmp_path / 'next')
    assert [entry['file_name'] for entry in found['images']] == ['1.png', 'raw/b/2.png']
    for entry, value in zip(found['images'], (1, 2)):
        assert (cv2.imread(str(tmp_path / 'next/images' / entry['file_name'])) == value).all()
    image(tmp_path / 'a/raw/b/2.png', 3)
    with pytest.raises(FileExistsError, match='and another image, .*, would both become'):
        choice(tmp_path / 'a', ['raw/b/2.png', '../raw/b/2.png'], tmp_path / 'other')
