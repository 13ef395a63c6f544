"""Whom the labeled set has: by image and box, whatever the copies are called."""
import shutil
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from mmpose_mum.files.video import read_frame
from mmpose_mum.suggest.known import have_labels, is_copy

SIZE = (100, 80)


class Labeled:
    """A data set of boxes in images."""

    def __init__(self, *people):
        self.people = people

    def __len__(self):
        return len(self.people)

    def get_data_info(self, index):
        """Return a person as MMPose does."""
        path, box = self.people[index]
        return dict(img_path=str(path), bbox=np.array([box], np.float32))


def ask(people, *labeled):
    found = [person and dict(path=str(person[0]), box=np.array(person[1]), size=SIZE)
             for person in people]
    return have_labels(found, SimpleNamespace(datasets=[Labeled(*labeled)]))


@pytest.fixture
def root(tmp_path):
    for name in ('people/one/0.jpg', 'people/two/0.jpg', 'people/1.jpg'):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    shutil.copytree(tmp_path / 'people', tmp_path / 'next/images')
    return tmp_path / 'people'


def test_of_one_image_those_whose_box_overlaps(root):
    path, left, right = root / '1.jpg', (0, 0, 40, 80), (50, 0, 90, 80)
    assert ask([(path, left), None, (path, right), (root / 'one/0.jpg', left)],
               (path, (2, 0, 42, 78))) == [True, False, False, False]


def test_a_folder_has_one_person_an_image(root):
    whole = (0, 0, *SIZE)
    assert ask([(root / '1.jpg', whole), (root / 'one/0.jpg', whole)],
               (root / '1.jpg', (10, 10, 20, 20))) == [True, False]


def test_copies_count_and_other_images_of_the_same_name_do_not(root):
    box = (0, 0, 40, 80)
    people = [(root / 'one/0.jpg', box), (root / 'two/0.jpg', box), (root / '1.jpg', box)]
    copies = root.parent / 'next/images'
    assert ask(people, (copies / 'one/0.jpg', box)) == [True, False, False]
    assert ask(people, (copies / 'gone/1.jpg', box)) == [False] * 3


def test_two_people_of_an_image_one_labeled_in_place_and_one_in_a_copy(root):
    path, copy = root / '1.jpg', root.parent / 'next/images/1.jpg'
    left, right, middle = (0, 0, 40, 80), (60, 0, 100, 80), (42, 0, 58, 80)
    assert ask([(path, left), (path, right), (path, middle)],
               (path, left), (copy, right)) == [True, True, False]


def test_a_set_with_the_same_names_in_every_folder_takes_no_comparison_of_all(root, monkeypatch):
    compared = []
    monkeypatch.setattr('mmpose_mum.suggest.known.same_image',
                        lambda path, other: compared.append(path) or path == other)
    people = []
    for number in range(20):
        path = root / str(number) / '0.jpg'
        path.parent.mkdir()
        path.write_text('.' * number)
        people.append((path, (0, 0, 40, 80)))
    copies = [(root.parent / 'next/images' / str(i) / '0.jpg', box) for i, (_, box) in
              enumerate(people)]
    for (path, _), (copy, _) in zip(people, copies):
        copy.parent.mkdir()
        shutil.copyfile(path, copy)
    ask(people, *copies)
    assert len(compared) == 20


def test_frames_of_videos_by_the_files_that_were_written_of_them(root):
    box, copies = (0, 0, *SIZE), root.parent / 'next/images'
    for number, folder in enumerate(('one', 'two')):
        writer = cv2.VideoWriter(str(root / folder / 'clip.avi'),
                                 cv2.VideoWriter_fourcc(*'MJPG'), 5, SIZE)
        for i in range(9):
            writer.write(np.full((*SIZE[::-1], 3), 100 * number + 10 * i, np.uint8))
        writer.release()
    cv2.imwrite(str(copies / 'clip.avi_000008.png'), read_frame(str(root / 'one/clip.avi'), 8))
    frames = [(f'{root}/{folder}/clip.avi#{number:06d}', box)
              for folder, number in (('one', 7), ('one', 8), ('two', 8))]
    saved = copies / 'clip.avi_000008.png'
    assert ask(frames, (saved, box)) == [False, True, False]
    assert [is_copy(frame, str(saved)) for frame, _ in frames] == [False, True, False]
    assert ask(frames, (copies / 'gone/clip.avi_000008.png', box)) == [False] * 3
