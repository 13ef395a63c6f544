"""What a folder holds: images by name, and videos that cannot be read are told of."""
import os

import pytest

from mmpose_mum.files import images
from mmpose_mum.files.images import folder_of, image_finder, list_images, missing_images


@pytest.fixture
def folder(tmp_path):
    for name in ('b.jpg', 'a.PNG', 'deep/er/c.webp', 'notes.txt', 'empty.mp4'):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path


def test_images_are_named_from_the_folder_in_order_whatever_their_case(folder):
    assert list_images(str(folder), 1.) == ['a.PNG', 'b.jpg', 'deep/er/c.webp']


def test_linked_folders_count_once_and_cycles_end(folder, tmp_path_factory):
    disk = tmp_path_factory.mktemp('disk')
    for path in (disk / 'z.jpg', disk / 'inner' / 'y.jpg'):
        path.parent.mkdir(exist_ok=True)
        path.touch()
    for link, target in (('disk', disk), ('disk_2', disk), ('a_inner', disk / 'inner'),
                         ('above', folder.parent / folder.name), ('deep/a', folder / 'deep/er')):
        (folder / link).symlink_to(target)
    (disk / 'back').symlink_to(folder)
    assert list_images(str(folder), 1.) == [
        'a.PNG', 'a_inner/y.jpg', 'b.jpg', 'deep/er/c.webp', 'disk/z.jpg']


@pytest.fixture
def said(monkeypatch):
    texts = []
    monkeypatch.setattr(images, 'print_log', lambda text, *_: texts.append(text))
    return texts


def test_files_that_are_no_images_are_counted_in_the_log(folder, said):
    for name in ('c.LRV', 'deep/d.lrv', 'LICENSE', '1.a', '2.b', '3.c'):
        (folder / name).touch()
    list_images(str(folder), 1.)
    assert f'ignored 7 files in {str(folder)!r}: 2 .lrv, 1 .a, 1 .b, 1 .c, 1 without a suffix, …' \
        in said
    assert len(said) == 2 and 'broken' in said[0] and 'ffmpeg -i' in said[0]


def test_images_that_cannot_be_read_are_named_with_what_to_do(folder, said):
    for name in ('c.HEIC', 'deep/d.heic', 'e.gif', 'f.txt'):
        (folder / name).touch()
    list_images(str(folder), 1.)
    found, = [text for text in said if 'convert images' in text]
    assert '3 files' in found and '.gif, .heic: convert images to JPEG or PNG' in found


HIDDEN = ['._b.jpg', '._clip.mov', '.secret.png', '__MACOSX/deep/._b.jpg', '__MACOSX/x.jpg',
          '.ipynb_checkpoints/a-checkpoint.png', 'deep/@eaDir/b.jpg/SYNOFILE_THUMB_M.jpg',
          'deep/.thumbnails/b.jpg', '#recycle/old.jpg', '$RECYCLE.BIN/old.mp4']


def test_what_is_hidden_is_left_out_and_counted(folder, said):
    for name in [*HIDDEN, '.DS_Store', 'Thumbs.db', '__MACOSX/notes.txt']:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    assert list_images(str(folder), 1.) == ['a.PNG', 'b.jpg', 'deep/er/c.webp']
    assert f'left out 10 hidden images and videos in {str(folder)!r}' in said[-1]
    # What is asked for by its name is not hidden, nor what a link leads to.
    assert list_images(str(folder / '__MACOSX'), 1.) == ['x.jpg']
    (folder / 'link').symlink_to(folder / '#recycle')
    assert 'link/old.jpg' in list_images(str(folder), 1.)


def test_a_folder_with_nothing_but_hidden_images_says_so(tmp_path):
    (tmp_path / '._a.jpg').touch()
    with pytest.raises(ValueError, match=r'looked for.*left out 1 hidden images.*\._a\.jpg'):
        list_images(str(tmp_path), 1.)


def test_a_single_file_is_named_from_its_folder(folder):
    path = str(folder / 'deep/er/c.webp')
    assert list_images(path, 1.) == ['c.webp'] and folder_of(path) == str(folder / 'deep/er')


def test_nothing_to_look_at_is_an_error_that_tells_what_was_looked_for(folder):
    for name in ('a.PNG', 'b.jpg', 'deep/er/c.webp'):
        (folder / name).unlink()
    with pytest.raises(ValueError, match=r'\.jpg.*\.mp4.*1 videos .* broken.*empty\.mp4.*1 \.txt'):
        list_images(str(folder), 1.)
    with pytest.raises(FileNotFoundError, match="nowhere' does not exist"):
        list_images(str(folder / 'nowhere'), 1.)


def test_the_finder_knows_files_and_no_frames_of_broken_videos(folder):
    exists = image_finder(str(folder))
    assert exists('deep/er/c.webp') and not exists('c.webp')
    assert not exists('empty.mp4#000000') and not exists('missing.mp4#000000')


@pytest.mark.parametrize('length', [1, 2, 7, 19, 20, 21, 100])
@pytest.mark.parametrize('place', [0, -1])
def test_the_look_for_missing_images_reaches_from_the_first_to_the_last(folder, length, place):
    paths = [str(folder / 'b.jpg')] * length
    assert missing_images(paths, 'a set') == ('', False)
    paths[place] = 'gone.jpg'
    assert missing_images(paths, 'a set') == (
        f"1 of {min(length, 20)} images of a set do not exist, such as 'gone.jpg'", length == 1)


def test_folders_that_cannot_be_read_are_told(folder, said, monkeypatch):
    scan = os.scandir

    def closed(path):
        if str(path).endswith('deep'):
            raise PermissionError(13, 'Permission denied', str(path))
        return scan(path)

    monkeypatch.setattr(os, 'scandir', closed)
    assert list_images(str(folder), 1.) == ['a.PNG', 'b.jpg']
    assert any(f"1 folders in '{folder}' cannot be read, the first '{folder}/deep'" in text
               for text in said)
