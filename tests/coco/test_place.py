"""Which paths lead to an image of a json, where several folders have files of one name."""
from mmpose_mum.coco.place import ImagePlace


def test_an_image_beside_the_jsons_folder_is_found(tmp_path):
    image = ImagePlace('../other/0.png', str(tmp_path / 'other/0.png'))
    assert image.is_at(str(tmp_path / 'other/0.png')) and not image.is_at(str(tmp_path / '0.png'))
    assert ImagePlace('../other/0.png', None).is_at('/moved/other/0.png')


def test_a_copy_is_the_image_and_another_file_of_its_name_is_not(tmp_path):
    for folder, text in (('one', 'a'), ('copy', 'a'), ('two', 'b')):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / '0.png').write_text(text)
    image = ImagePlace('0.png', str(tmp_path / 'one/0.png'))
    assert [image.is_at(str(tmp_path / folder / '0.png')) for folder in ('one', 'copy', 'two')] == [
        True, True, False]
    (tmp_path / 'one/0.png').unlink()  # the set was moved: its names are all there is
    assert image.is_at(str(tmp_path / 'two/0.png'))
