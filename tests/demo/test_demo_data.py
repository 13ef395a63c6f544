"""The demo's data set is deterministic, a valid COCO keypoint set, and never half written."""
import hashlib
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from mmpose_mum.demo import data as demo
from mmpose_mum.demo.data import generate_demo
from mmpose_mum.demo.scene import MIN_KEYPOINTS, SPLITS, render_demo_sample

NUMBERS = dict(num_train=24, num_val=8, labeled_percent=12.5, seed=3)


def digest(folder):
    """Returns {relative path: hash} of every file but the stamp."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(Path(folder).rglob('*')) if path.is_file() and path.name != demo.STAMP
    }


def read(paths, name):
    return json.loads(Path(paths[name]).read_text())


@pytest.fixture(scope='module')
def paths(tmp_path_factory):
    return generate_demo(tmp_path_factory.mktemp('demo'), **NUMBERS)


def test_same_seed_gives_same_bytes(paths, tmp_path):
    again = generate_demo(tmp_path / 'again', **NUMBERS)
    assert digest(again['data_root']) == digest(paths['data_root'])


def test_another_seed_gives_other_images_and_another_split(paths, tmp_path):
    other = generate_demo(tmp_path, **dict(NUMBERS, seed=4))
    mine, theirs = digest(paths['data_root']), digest(other['data_root'])
    assert mine.keys() == theirs.keys()
    assert all(mine[name] != theirs[name] for name in mine)
    mine, theirs = (read(p, 'train_labeled')['images'] for p in (paths, other))
    assert [image['id'] for image in mine] != [image['id'] for image in theirs]


def test_an_image_does_not_depend_on_how_many_there_are(paths, tmp_path):
    fewer = generate_demo(tmp_path, **dict(NUMBERS, num_train=8, num_val=2))
    mine, theirs = digest(paths['data_root']), digest(fewer['data_root'])
    images = [name for name in theirs if name.startswith('images')]
    assert len(images) == 10
    assert all(mine[name] == theirs[name] for name in images)
    assert read(fewer, 'train')['annotations'] == read(paths, 'train')['annotations'][:8]


def test_train_and_val_differ(paths):
    hashes = [value for name, value in digest(paths['data_root']).items() if name.endswith('jpg')]
    assert len(set(hashes)) == 32


@pytest.mark.parametrize('name', ['train', 'train_labeled', 'val'])
def test_annotations_are_sound(paths, name):
    content = read(paths, name)
    sizes = {image['id']: (image['width'], image['height']) for image in content['images']}
    assert [a['image_id'] for a in content['annotations']] == list(sizes)
    for annotation in content['annotations']:
        width, height = sizes[annotation['image_id']]
        x, y, w, h = annotation['bbox']
        assert 0 <= x and 0 <= y and w > 0 and h > 0 and x + w <= width and y + h <= height
        assert 0.05 * w * h < annotation['area'] <= w * h
        keypoints = np.array(annotation['keypoints']).reshape(17, 3)
        flags = keypoints[:, 2]
        assert set(flags) <= {0, 1, 2}
        assert annotation['num_keypoints'] == (flags > 0).sum() >= MIN_KEYPOINTS
        assert (keypoints[flags == 0] == 0).all()
        seen = keypoints[flags > 0, :2]
        assert (seen >= 0).all() and (seen <= (width - 1, height - 1)).all()
        assert annotation['category_id'] == 1 and annotation['iscrowd'] == 0
    category, = content['categories']
    assert category['keypoints'][0] == 'nose' and category['keypoints'][16] == 'right_ankle'


def test_images_are_there_in_the_size_given(paths):
    for split in SPLITS:
        images = read(paths, split)['images']
        folder = Path(paths[f'{split}_images'])
        assert sorted(path.name for path in folder.iterdir()) == [i['file_name'] for i in images]
        for image in images:
            height, width = cv2.imread(str(folder / image['file_name'])).shape[:2]
            assert (width, height) == (image['width'], image['height'])


def test_split_is_exact_and_diskeypoint(paths):
    ids = {name: {image['id'] for image in read(paths, name)['images']}
           for name in ('train', 'train_labeled', 'train_unlabeled')}
    assert len(ids['train_labeled']) == 3
    assert ids['train_labeled'] | ids['train_unlabeled'] == ids['train']
    assert not ids['train_labeled'] & ids['train_unlabeled']


def test_unlabeled_part_keeps_boxes_and_hides_the_labels(paths):
    content = read(paths, 'train_unlabeled')
    full = {a['id']: a for a in read(paths, 'train')['annotations']}
    assert len(content['annotations']) == len(content['images']) == 21
    for annotation in content['annotations']:
        assert 'keypoints' not in annotation and 'num_keypoints' not in annotation
        assert annotation['bbox'] == full[annotation['id']]['bbox']


@pytest.mark.parametrize(('number', 'percent', 'labeled'),
                         [(1000, 5, 50), (1000, 0.05, 1), (10, 25, 3), (7, 100, 7), (200, 1, 2)])
def test_labeled_count(number, percent, labeled):
    assert demo._count_labeled(number, percent) == labeled


def test_larger_share_contains_the_smaller(paths, tmp_path):
    more = generate_demo(tmp_path, **dict(NUMBERS, labeled_percent=50))
    small, large = ({i['id'] for i in read(p, 'train_labeled')['images']} for p in (paths, more))
    assert small < large and len(large) == 12


def test_second_call_returns_at_once(paths, monkeypatch):
    monkeypatch.setattr(demo, 'render_demo_sample', None)
    assert generate_demo(paths['data_root'], **NUMBERS) == paths


SMALL = dict(num_train=3, num_val=1, labeled_percent=40, seed=1)


def test_other_arguments_or_another_version_are_drawn_anew(tmp_path, monkeypatch):
    generate_demo(tmp_path, **SMALL)
    paths = generate_demo(tmp_path, **dict(SMALL, num_train=2, labeled_percent=50))
    assert len(list(Path(paths['train_images']).iterdir())) == 2
    image = Path(paths['train_images'], '000001.jpg')
    image.write_bytes(b'')
    monkeypatch.setattr(demo, 'VERSION', demo.VERSION + 1)
    generate_demo(tmp_path, **dict(SMALL, num_train=2, labeled_percent=50))
    assert image.stat().st_size > 0


@pytest.mark.parametrize('step', ['draw', 'replace'])
def test_interrupted_call_is_made_good(tmp_path, monkeypatch, step):
    whole = digest(generate_demo(tmp_path / 'whole', **SMALL)['data_root'])
    generate_demo(tmp_path / 'cut', **dict(SMALL, seed=2))
    calls = []

    def interrupt(function, at):
        def wrapped(*args, **kwargs):
            calls.append(args)
            if len(calls) == at:
                raise KeyboardInterrupt
            return function(*args, **kwargs)
        return wrapped

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        if step == 'draw':
            patch.setattr(demo, 'render_demo_sample', interrupt(render_demo_sample, 3))
        else:  # the stamp, the images, and then not the annotations
            patch.setattr(demo.os, 'replace', interrupt(demo.os.replace, 3))
        generate_demo(tmp_path / 'cut', **SMALL)
    assert digest(generate_demo(tmp_path / 'cut', **SMALL)['data_root']) == whole


def test_leaves_the_folders_of_others_alone(tmp_path):
    (tmp_path / 'images').mkdir()
    (tmp_path / 'images' / 'mine.jpg').write_text('mine')
    with pytest.raises(FileExistsError, match='Choose another out_dir'):
        generate_demo(tmp_path, **SMALL)
    assert (tmp_path / 'images' / 'mine.jpg').read_text() == 'mine'


@pytest.mark.parametrize(('change', 'message'), [
    (dict(labeled_percent=0), 'above 0 and at most 100'),
    (dict(labeled_percent=101), 'above 0 and at most 100'),
    (dict(labeled_percent=float('nan')), 'above 0 and at most 100'),
    (dict(labeled_percent=1), 'no labeled image: raise labeled_percent to 33.3'),
    (dict(num_train=0), 'num_train must be a whole number of at least 1'),
    (dict(num_val=0), 'num_val must be a whole number of at least 1'),
    (dict(num_train=2.5), 'num_train must be a whole number'),
    (dict(seed=-1), 'seed must be a whole number of at least 0'),
    (dict(image_size=(16, 200)), 'image_size must be'),
])
def test_bad_arguments(tmp_path, change, message):
    with pytest.raises(ValueError, match=message):
        generate_demo(tmp_path / 'out', **dict(SMALL, **change))
    assert not (tmp_path / 'out').exists()


@pytest.mark.parametrize('module', ['pycocotools.coco', 'xtcocotools.coco'])
def test_coco_api_reads_it(paths, module):
    coco = pytest.importorskip(module).COCO(paths['val'])
    assert len(coco.getImgIds()) == len(coco.getAnnIds(catIds=[1], iscrowd=False)) == 8


def test_mmpose_reads_it_and_the_truth_scores_one(paths):
    pytest.importorskip('mmpose')
    from mmpose.datasets import CocoDataset
    from mmpose.evaluation import CocoMetric

    train = CocoDataset(data_root=paths['data_root'], ann_file='annotations/train_labeled.json',
                        data_prefix=dict(img='images/train/'))
    assert len(train) == 3 and Path(train[0]['img_path']).exists()
    val = CocoDataset(data_root=paths['data_root'], ann_file='annotations/val.json',
                      data_prefix=dict(img='images/val/'), test_mode=True)
    assert len(val) == 8
    metric = CocoMetric(ann_file=paths['val'])
    metric.dataset_meta = val.metainfo
    for sample in val:
        metric.process({}, [dict(
            id=sample['id'], img_id=sample['img_id'], category_id=1,
            gt_instances=dict(bbox_scales=np.ones((1, 2)), bbox_scores=np.ones(1)),
            raw_ann_info=sample['raw_ann_info'],
            pred_instances=dict(keypoints=sample['keypoints'],
                                keypoint_scores=np.ones((1, 17), np.float32),
                                bbox_scores=np.ones(1), bboxes=sample['bbox'],
                                areas=sample['area']))])
    assert metric.evaluate(8)['coco/AP'] == pytest.approx(1.0)
