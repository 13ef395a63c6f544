"""What a folder holds: pictures by name, and videos that cannot be read are told of."""
import pytest

from mmpose_mum.datasets.pictures import folder_of, list_pictures, picture_finder


@pytest.fixture
def folder(tmp_path):
    for name in ('b.jpg', 'a.PNG', 'deep/er/c.webp', 'notes.txt', 'empty.mp4'):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path


def test_pictures_are_named_from_the_folder_in_order_whatever_their_case(folder):
    assert list_pictures(str(folder), 1.) == ['a.PNG', 'b.jpg', 'deep/er/c.webp']


def test_a_single_file_is_named_from_its_folder(folder):
    path = str(folder / 'deep/er/c.webp')
    assert list_pictures(path, 1.) == ['c.webp'] and folder_of(path) == str(folder / 'deep/er')


def test_nothing_to_look_at_is_an_error_that_tells_what_was_looked_for(folder):
    for name in ('a.PNG', 'b.jpg', 'deep/er/c.webp'):
        (folder / name).unlink()
    with pytest.raises(ValueError, match=r'\.jpg.*\.mp4.*1 videos .* broken.*empty\.mp4'):
        list_pictures(str(folder), 1.)
    with pytest.raises(FileNotFoundError, match="nowhere' does not exist"):
        list_pictures(str(folder / 'nowhere'), 1.)


def test_the_finder_knows_files_and_no_frames_of_broken_videos(folder):
    exists = picture_finder(str(folder))
    assert exists('deep/er/c.webp') and not exists('c.webp')
    assert not exists('empty.mp4#000000') and not exists('missing.mp4#000000')
