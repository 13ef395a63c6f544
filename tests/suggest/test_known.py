"""Whom the labeled set has: by image and box, whatever the copies are called."""
import shutil
from types import SimpleNamespace

import numpy as np
import pytest

from mmpose_mum.suggest.known import have_labels

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


def ask(root, people, *labeled):
    found = [person and dict(path=str(person[0]), box=np.array(person[1]), size=SIZE)
             for person in people]
    return have_labels(found, str(root), SimpleNamespace(datasets=[Labeled(*labeled)]))


@pytest.fixture
def root(tmp_path):
    for name in ('people/one/0.jpg', 'people/two/0.jpg', 'people/1.jpg'):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    shutil.copytree(tmp_path / 'people', tmp_path / 'next/images')
    return tmp_path / 'people'


def test_of_one_image_those_whose_box_overlaps(root):
    path, left, right = root / '1.jpg', (0, 0, 40, 80), (50, 0, 90, 80)
    assert ask(root, [(path, left), None, (path, right), (root / 'one/0.jpg', left)],
               (path, (2, 0, 42, 78))) == [True, False, False, False]


def test_a_folder_has_one_person_an_image(root):
    whole = (0, 0, *SIZE)
    assert ask(root, [(root / '1.jpg', whole), (root / 'one/0.jpg', whole)],
               (root / '1.jpg', (10, 10, 20, 20))) == [True, False]


def test_copies_count_and_other_images_of_the_same_name_do_not(root):
    box = (0, 0, 40, 80)
    people = [(root / 'one/0.jpg', box), (root / 'two/0.jpg', box), (root / '1.jpg', box)]
    copies = root.parent / 'next/images'
    assert ask(root, people, (copies / 'one/0.jpg', box)) == [True, False, False]
    # The set is the subfolder itself, so that the names end alike.
    assert ask(root / 'two', [(root / 'two/0.jpg', box)], (copies / 'one/0.jpg', box)) == [False]
    assert ask(root, people, (copies / 'gone/1.jpg', box)) == [False] * 3
    # The unlabeled set has become part of a larger one since, so that the names got longer.
    assert ask(root.parent, people, (copies / 'one/0.jpg', box)) == [True, False, False]


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
    ask(root, people, *copies)
    assert len(compared) == 20


def test_frames_of_videos_by_the_names_of_their_files(root):
    box = (0, 0, *SIZE)
    frames = [(f'{root}/clip.mp4#{number:06d}', box) for number in (7, 8)]
    assert ask(root, frames, (root.parent / 'next/images/clip.mp4_000008.png', box)) == [
        False, True]
