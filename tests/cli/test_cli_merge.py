"""merge as a user calls it, with what annotation tools make of a json."""
import json

import cv2
import numpy as np
import pytest

from mmpose_mum.cli import main

NAMES = ['head', 'left_hand', 'right_hand']
WHOLE = [0, 0, 100, 80]


def person(number, image, box=WHOLE, points=((40, 30), (45, 50), (60, 40)), visible=2):
    keypoints = [value for x, y in points for value in (x, y, visible)]
    return dict(id=number, image_id=image, category_id=1, iscrowd=0, bbox=list(box), area=8000,
                keypoints=keypoints, num_keypoints=3, score=.5, keypoint_scores=[.5] * 3)


def content(images, people):
    return dict(
        images=[dict(id=number, file_name=name, width=100, height=80)
                for number, name in images.items()], annotations=people,
        categories=[dict(id=1, name='person', keypoints=NAMES, skeleton=[[1, 2]])])


def exported(suggested, name=lambda name: name):
    """Makes what CVAT exports: other ids, tight boxes, other categories and an empty image."""
    images = {entry['id']: entry for entry in suggested['images']}
    order = {number: 500 - i for i, number in enumerate(images)}
    people = []
    for number, entry in enumerate(suggested['annotations']):
        points = np.reshape(entry['keypoints'], (-1, 3))
        points = points[points[:, 2] > 0, :2]
        least = points.min(0).tolist() if len(points) else [0, 0]
        sides = np.ptp(points, axis=0).tolist() if len(points) else [0, 0]
        people.append(dict(
            id=70 + number, image_id=order[entry['image_id']], category_id=2, segmentation=[],
            bbox=[*least, *sides], area=0, iscrowd=0, keypoints=entry['keypoints'],
            num_keypoints=len(points), attributes=dict(occluded=False, track_id=3, keyframe=True)))
    return dict(
        licenses=[dict(name='', id=0, url='')], info=dict(contributor=''),
        categories=[dict(id=1, name='car', supercategory='', keypoints=[], skeleton=[]),
                    dict(suggested['categories'][0], id=2, supercategory='')],
        images=[*(dict(id=order[number], file_name=name(entry['file_name']), width=100, height=80,
                       license=0, flickr_url='', coco_url='', date_captured=0)
                  for number, entry in images.items()),
                dict(id=900, file_name='empty.jpg', width=100, height=80)],
        annotations=people)


class Project:
    """A folder with old labels, suggested people and all images of them."""

    def __init__(self, root):
        self.root = root
        self.suggested = content({1: 'one/0.jpg', 2: 'two/0.jpg', 3: 'two/1.jpg'}, [
            person(1, 1), person(2, 2), person(3, 3, (0, 0, 60, 80)),
            person(4, 3, (50, 0, 50, 80), ((70, 30), (75, 50), (90, 40)))])
        self.write('suggested.json', self.suggested, 'next/images')
        self.write('labels.json', content({1: '0.jpg'}, [person(1, 1)]), 'images')
        self.write('corrected.json', exported(self.suggested))

    def write(self, name, made, images=''):
        """Write a json and, if there is a folder, its images."""
        (self.root / name).write_text(json.dumps(made))
        for entry in made['images'] if images else ():
            path = self.root / images / entry['file_name']
            path.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(path), np.full((80, 100, 3), len(list(self.root.rglob('*'))), np.uint8))

    def merge(self, *options, out='round2', labels='labels.json', label_images='images'):
        """Call the verb, and return what it wrote."""
        main(['merge', str(self.root / 'corrected.json'), '--images',
              str(self.root / 'next/images'), '--labels', str(self.root / labels),
              '--label-images', str(self.root / label_images), '--out', str(self.root / out),
              *map(str, options)])
        return {name: json.loads((self.root / out / f'{name}.json').read_text())
                for name in ('labeled', 'unlabeled') if (self.root / out / f'{name}.json').exists()}


@pytest.fixture
def project(tmp_path):
    return Project(tmp_path)


def test_people_get_the_boxes_back_that_cvat_does_not_keep(project, capsys):
    made = project.merge('--suggested', project.root / 'suggested.json')['labeled']
    assert 'gave 4 people their suggested boxes back' in capsys.readouterr().out
    files = {image['id']: image['file_name'] for image in made['images']}
    assert [(files[found['image_id']], found['bbox']) for found in made['annotations']] == [
        ('images/0.jpg', WHOLE), ('next/images/one/0.jpg', WHOLE),
        ('next/images/two/0.jpg', WHOLE), ('next/images/two/1.jpg', [0, 0, 60, 80]),
        ('next/images/two/1.jpg', [50, 0, 50, 80])]
    assert {found['area'] for found in made['annotations']} == {8000}
    assert len(made['images']) == 4 and len(made['categories']) == 1


def test_boxes_that_were_drawn_stay_and_missing_ones_come_back(project):
    corrected = exported(project.suggested)
    corrected['annotations'][0]['bbox'] = [20, 10, 60, 60]
    del corrected['annotations'][1]['bbox']
    project.write('corrected.json', corrected)
    made = project.merge('--suggested', project.root / 'suggested.json')['labeled']
    assert [found['bbox'] for found in made['annotations'][1:3]] == [[20, 10, 60, 60], WHOLE]
    with pytest.raises(SystemExit, match='`bbox` of the annotation with the id 71 is missing'):
        project.merge(out='other')


def test_boxes_without_an_area_come_back(project):
    # CVAT's box of one keypoint, or of keypoints on a line. A training leaves such people out.
    corrected = exported(project.suggested)
    for found, box in zip(corrected['annotations'], ([0, 0, 0, 0], [20, 20, 0, 30])):
        found['bbox'] = box
    project.write('corrected.json', corrected)
    made = project.merge('--suggested', project.root / 'suggested.json')['labeled']
    assert [found['bbox'] for found in made['annotations'][1:3]] == [WHOLE, WHOLE]
    with pytest.raises(SystemExit, match=(
            r'`bbox` of the annotation with the id 70 is \[0, 0, 0, 0\], but must be of a width '
            r'and height above 0; --suggested gives such boxes back \(2 of 4 are like that\)')):
        project.merge(out='other')


def test_labels_that_a_training_would_leave_out_have_names(project):
    corrected = exported(project.suggested)
    corrected['annotations'][1]['iscrowd'] = 1
    project.write('corrected.json', corrected)
    with pytest.raises(SystemExit, match='`iscrowd` of the annotation with the id 71 is 1, but'):
        project.merge('--suggested', project.root / 'suggested.json')
    corrected['annotations'][1]['keypoints'] = [0] * 9  # nobody's: she stays unlabeled
    project.write('corrected.json', corrected)
    made = project.merge('--suggested', project.root / 'suggested.json')['labeled']
    assert len(made['annotations']) == 4


def test_nested_keypoints_have_a_name(project):
    corrected = exported(project.suggested)
    corrected['annotations'][2]['keypoints'] = [[1, 2, 2], [3, 4, 2], [5, 6, 2]]
    project.write('corrected.json', corrected)
    with pytest.raises(SystemExit, match='`keypoints` of the annotation with the id 72 is .*but '
                                         'must be a list of 9 numbers'):
        project.merge('--suggested', project.root / 'suggested.json')


def test_a_folder_too_deep_does_not_put_two_images_at_one_place(project):
    project.write('corrected.json', content({1: 'one/0.jpg', 2: 'two/0.jpg'}, [
        person(1, 1), person(2, 2)]))
    with pytest.raises(SystemExit, match=r"has the images '\w+/0.jpg' and '\w+/0.jpg', and below "
                                         ".*/next/images/one' both lead to '0.jpg'"):
        main(['merge', str(project.root / 'corrected.json'), '--images',
              str(project.root / 'next/images/one'), '--labels', str(project.root / 'labels.json'),
              '--label-images', str(project.root / 'images'), '--out', str(project.root / 'out')])


def test_a_person_who_is_missing_beside_another_has_a_name(project, capsys):
    corrected = exported(project.suggested)
    del corrected['annotations'][2]
    project.write('corrected.json', corrected)
    options = '--suggested', project.root / 'suggested.json'
    with pytest.raises(SystemExit, match=r'1 of the suggested.* two/1.jpg \[0, 0, 60, 80\]'):
        project.merge(*options)
    made = project.merge(*options, '--allow-missing')['labeled']
    assert [found['bbox'] for found in made['annotations']][-1] == [50, 0, 50, 80]


@pytest.mark.parametrize('name', ['images/{}'.format, 'job/images/{}'.format,
                                  lambda name: name.replace('two/1.jpg', '1.jpg')])
def test_images_are_found_with_other_folders_in_front_or_without(name, project):
    project.write('corrected.json', exported(project.suggested, name))
    made = project.merge('--suggested', project.root / 'suggested.json')['labeled']
    for image in made['images']:
        assert (project.root / image['file_name']).is_file()


def test_images_that_are_not_there_or_not_clear_have_names(project):
    project.write('corrected.json', exported(project.suggested, lambda name: name[4:]))
    with pytest.raises(SystemExit, match=r"the image '0.jpg' may be any of \['one/0.jpg', 'tw"):
        project.merge()
    (project.root / 'next/images/one/0.jpg').unlink()
    (project.root / 'next/images/two/0.jpg').rename(project.root / 'next/images/two/2.jpg')
    with pytest.raises(SystemExit, match="the image '0.jpg' is not there below"):
        project.merge()


def test_two_rounds(project, capsys):
    unlabeled = content({1: 'one/0.jpg', 2: 'two/0.jpg', 3: 'two/1.jpg', 4: '2.jpg'}, [
        person(1, 1), person(2, 2), person(3, 3, (0, 0, 60, 80)), person(5, 3, (50, 0, 50, 80)),
        person(6, 4)])
    project.write('unlabeled.json', unlabeled)
    made = project.merge('--suggested', project.root / 'suggested.json', '--unlabeled',
                         project.root / 'unlabeled.json', out='round 2')
    assert [image['file_name'] for image in made['unlabeled']['images']] == ['2.jpg']
    said = capsys.readouterr().out
    assert f"ann_file='{project.root}/round 2/labeled.json', data_prefix=dict(img='" \
        f"{project.root}'), indices=None)" in said
    assert f"--labels '{project.root}/round 2/labeled.json' --label-images {project.root}\n" in said
    suggested = content({8: '2.jpg'}, [person(1, 8)])
    project.write('suggested.json', suggested, 'next/images')
    project.write('corrected.json', exported(suggested))
    made = project.merge(labels='round 2/labeled.json', label_images='', out='round3')['labeled']
    assert len(made['annotations']) == 6
    assert len({found['id'] for found in made['annotations']}) == 6
    for image in made['images']:
        assert (project.root / image['file_name']).is_file()


def test_people_of_another_set_whose_images_have_the_same_names_stay(project, capsys):
    """Every camera's folder may have a 0.jpg."""
    made = content({1: '0.jpg', 2: '1.jpg'}, [person(1, 1), person(2, 2)])
    for camera in ('camera', 'next/images/one'):
        project.write('unlabeled.json', made, camera)
    project.write('corrected.json', exported(content({1: 'one/0.jpg'}, [person(1, 1)])))
    options = ('--unlabeled', project.root / 'unlabeled.json')

    def remaining(out, *more):
        written = project.merge(*options, *more, out=out)['unlabeled']
        return [image['file_name'] for image in written['images']]

    folders = {name: ('--unlabeled-images', project.root / name)
               for name in ('camera', 'next/images/one')}
    assert remaining('a', *folders['camera']) == ['0.jpg', '1.jpg']
    assert f"data_prefix=dict(img='{project.root}/camera')" in capsys.readouterr().out
    assert remaining('b', *folders['next/images/one']) == ['1.jpg']
    assert 'by the names of their images' not in capsys.readouterr().out
    assert remaining('c') == ['1.jpg']
    assert 'They were found by the names of their images.' in capsys.readouterr().out
    with pytest.raises(SystemExit, match=r"do not exist, .*\. .*/images' must be the folder"):
        remaining('d', '--unlabeled-images', project.root / 'images')
    with pytest.raises(SystemExit, match='--unlabeled-images needs --unlabeled, the json'):
        project.merge(*folders['camera'], out='e')


def test_without_suggested_people_tight_boxes_leave_the_unlabeled_too(project):
    project.write('unlabeled.json', project.suggested)
    made = project.merge('--unlabeled', project.root / 'unlabeled.json')
    assert not made['unlabeled']['annotations']


def test_an_image_of_an_old_name_is_another_image(project):
    # images/0.jpg has a label, and so have the other 0.jpg now: the boxes are whole images.
    suggested = content({1: '0.jpg'}, [person(1, 1)])
    project.write('suggested.json', suggested, 'next/images')
    project.write('corrected.json', suggested)
    assert len(project.merge()['labeled']['annotations']) == 2
    copy = (project.root / 'images/0.jpg').read_bytes()
    (project.root / 'next/images/0.jpg').write_bytes(copy)
    with pytest.raises(SystemExit, match="labeled twice.*1 of '0.jpg' is the annotation 1 of"):
        project.merge('--force')


def test_mistakes_have_names(project):
    (project.root / 'list.json').write_text('[]')
    project.write('nobody.json', content({1: 'a.jpg'}, []))
    for message, options in (
            ("COCO's layout, and .*list.json' is none. Leave it out", ('--unlabeled', 'list.json')),
            ("COCO's layout, and .*images' is none. Leave it out", ('--unlabeled', 'images')),
            ("nobody.json' has no annotation. Leave it", ('--unlabeled', 'nobody.json'))):
        with pytest.raises(SystemExit, match=message):
            project.merge(options[0], project.root / options[1])
    with pytest.raises(SystemExit, match="1 of 1 images of .*labels.json' do not exist, such"):
        project.merge(label_images='next')
    assert not (project.root / 'round2').exists()
