"""What a model makes of unlabeled people, as a COCO json that trains a model again."""
import json

import cv2
import numpy as np
import pytest
from mmengine.config import Config
from mmpose.apis import inference_topdown, init_model
from mmpose.registry import DATASETS
from PIL import Image
from pycocotools.coco import COCO
from xtcocotools.coco import COCO as XCOCO

from helpers import small_run
from mmpose_mum.configs.plain import read_config
from mmpose_mum.export.people import find_people, load_plain, predict
from mmpose_mum.export.pseudo_labels import coco_json
from mmpose_mum.export.publish import publish


@pytest.fixture(scope='module')
def model(run, cfg):
    return load_plain(cfg, str(run))


def export(model, people, score_thr=-1., batch_size=2):
    return coco_json(predict(model, people, batch_size), people, score_thr)


def test_the_json_has_the_teachers_keypoints_in_pixels_of_the_image(run, cfg, model, tmp_path):
    people = find_people(cfg)
    content, count = export(model, people)
    assert people.root == str(run.parents[1] / 'unlabeled')
    assert [image['file_name'] for image in content['images']] == ['c.png', 'd.png', 'e.png']
    assert count['people'] == 3 and count['keypoints'] == 42 and not count['skipped']
    published = publish(run, tmp_path / 'a.pth')
    plain = init_model(str(published.config), str(published.checkpoint), device='cpu')
    for image, person in zip(content['images'], content['annotations']):
        assert (image['width'], image['height']) == (90, 120)
        assert person['image_id'] == image['id'] and person['bbox'] == [0, 0, 90, 120]
        assert person['area'] == 90 * 120 and person['iscrowd'] == 0
        expected = inference_topdown(plain, f'{people.root}/{image["file_name"]}')[0].pred_instances
        keypoints = np.array(person['keypoints']).reshape(14, 3)
        inside = ((expected.keypoints[0] >= 0) & (expected.keypoints[0] < [90, 120])).all(-1)
        assert inside.any() and person['num_keypoints'] == inside.sum()
        assert np.allclose(keypoints[inside, :2], expected.keypoints[0][inside], atol=0.006)
        assert (keypoints[inside, 2] == 2).all() and not keypoints[~inside].any()
        assert np.allclose(person['keypoint_scores'], expected.keypoint_scores[0], atol=1e-4)
        assert person['score'] == pytest.approx(expected.keypoint_scores[0].mean(), abs=1e-4)
    category, = content['categories']
    assert category['keypoints'][:2] == ['right_ankle', 'right_knee']
    assert category['skeleton'][0] == [1, 2] and len(category['skeleton']) == 14


def test_unsure_keypoints_are_not_labeled_and_their_scores_are_kept(cfg, model):
    everything, _ = export(model, find_people(cfg))
    scores = np.sort([s for p in everything['annotations'] for s in p['keypoint_scores']])
    gap = np.argmax(np.diff(scores))  # the scores are rounded, so keep away from them
    threshold = scores[gap:gap + 2].mean()
    content, count = export(model, find_people(cfg), threshold)
    for person, whole in zip(content['annotations'], everything['annotations']):
        assert person['keypoint_scores'] == whole['keypoint_scores']
        sure = np.array(person['keypoint_scores']) >= threshold
        keypoints, every = (np.array(p['keypoints']).reshape(14, 3) for p in (person, whole))
        assert np.array_equal(keypoints[sure], every[sure]) and not keypoints[~sure].any()
        assert person['num_keypoints'] == (keypoints[:, 2] > 0).sum()
    assert 0 < count['labeled'] < count['keypoints']
    nobody, count = export(model, find_people(cfg), 2.)
    assert not count['labeled'] and len(nobody['annotations']) == 3


def test_the_json_trains_again(run, cfg, model, tmp_path):
    content, _ = export(model, find_people(cfg))
    path = tmp_path / 'people.json'
    path.write_text(json.dumps(content))
    for reader in (COCO, XCOCO):
        found = reader(str(path))
        assert len(found.getImgIds()) == len(found.getAnnIds()) == 3
    labeled = cfg.train_dataloader.dataset.datasets[0]
    dataset = DATASETS.build(dict(labeled, ann_file=str(path), data_prefix=dict(
        img=str(run.parents[1] / 'unlabeled'))))
    assert len(dataset) == 3
    info, person = dataset.get_data_info(1), content['annotations'][1]
    keypoints = np.array(person['keypoints']).reshape(1, 14, 3)
    assert np.allclose(info['keypoints'], keypoints[..., :2])
    assert np.array_equal(info['keypoints_visible'] > 0, keypoints[..., 2] > 0)
    assert dataset[1]['inputs']['sup'] is not None


def test_batches_and_a_plain_model_change_nothing(run, cfg, model, tmp_path):
    published = publish(run, tmp_path / 'a.pth')
    plain = read_config(published.config)
    folder = str(run.parents[1] / 'unlabeled')
    people = find_people(plain, folder)
    found, _ = export(load_plain(plain, str(published.checkpoint)), people, batch_size=3)
    expected, _ = export(model, find_people(cfg), batch_size=1)
    assert found['images'] == expected['images']
    for one, other in zip(found['annotations'], expected['annotations']):
        assert np.allclose(one['keypoint_scores'], other['keypoint_scores'], atol=2e-4)
    with pytest.raises(ValueError, match='no unlabeled people: give them with --unlabeled'):
        find_people(plain)


def test_people_of_a_json_keep_their_ids_and_boxes(run, cfg, model, tmp_path):
    folder, path = run.parents[1] / 'labeled', tmp_path / 'boxes.json'
    content = json.loads((run.parents[1] / 'labels.json').read_text())
    for annotation in content['annotations']:
        del annotation['keypoints']
    content['annotations'].append(dict(content['annotations'][1], id=5, bbox=[0, 0, 30, 40]))
    path.write_text(json.dumps(content))
    found, _ = export(model, find_people(cfg, str(path), str(folder)))
    assert found['images'] == content['images']
    assert [(p['image_id'], p['bbox']) for p in found['annotations']] == [
        (7, [5, 5, 70, 100]), (17, [5, 5, 70, 100]), (17, [0, 0, 30, 40])]
    # A detector's results, by path.
    path.write_text(json.dumps([dict(image_id='b.png', category_id=1, bbox=[5, 5, 70, 100],
                                     score=.9)]))
    again, _ = export(model, find_people(cfg, str(path), str(folder)))
    assert again['images'] == [dict(content['images'][1], id=1)]
    assert np.allclose(again['annotations'][0]['keypoint_scores'],
                       found['annotations'][1]['keypoint_scores'], atol=2e-4)
    with pytest.raises(FileNotFoundError, match='--unlabeled: there is no'):
        find_people(cfg, str(tmp_path / 'none.json'))
    with pytest.raises(FileNotFoundError, match='--unlabeled-images: there is no folder'):
        find_people(cfg, str(path), str(tmp_path / 'none'))


AP10K = [dict(id=3, name='wolf', supercategory='Canidae', keypoints=['nose'], skeleton=[]),
         dict(id=8, name='horse', supercategory='Equidae', keypoints=['nose'], skeleton=[]),
         dict(id=9, name='zebra', keypoints=['nose'], skeleton=[])]


def people_json(path, categories, annotations):
    """Write a json of the labeled images whose annotations have these images and categories."""
    path.write_text(json.dumps(dict(
        categories=categories,
        images=[dict(id=number, file_name=f'{name}.png', width=90, height=120)
                for name, number in (('a', 7), ('b', 17))],
        annotations=[dict(id=i, image_id=image, category_id=category, bbox=[5, 5 + i, 70, 100])
                     for i, (image, category) in enumerate(annotations)])))
    return str(path)


def test_each_person_keeps_the_category_of_its_json(run, cfg, model, tmp_path):
    folder = str(run.parents[1] / 'labeled')
    path = people_json(tmp_path / 'animals.json', AP10K, [(7, 8), (17, 3), (17, 8)])
    found, _ = export(model, find_people(cfg, path, folder))
    assert [person['category_id'] for person in found['annotations']] == [8, 3, 8]
    wolf, horse = found['categories']
    assert (wolf['id'], wolf['name'], wolf['supercategory']) == (3, 'wolf', 'Canidae')
    assert (horse['id'], horse['name'], horse['supercategory']) == (8, 'horse', 'Equidae')
    for category in found['categories']:  # the model's, whatever the json has
        assert len(category['keypoints']) == 14 == len(category['skeleton'])
    # It is labels of MMPose's and of COCO's tools, by these categories.
    out = tmp_path / 'found.json'
    out.write_text(json.dumps(found))
    assert COCO(str(out)).getAnnIds(catIds=[8]) == [1, 3]
    dataset = DATASETS.build(dict(
        cfg.train_dataloader.dataset.datasets[0], ann_file=str(out), data_prefix=dict(img=folder)))
    assert [int(dataset.get_data_info(i)['category_id']) for i in range(3)] == [8, 3, 8]


def test_people_without_a_category_are_called_as_the_labels_call_them(run, cfg, tmp_path):
    changed = Config(cfg.to_dict())
    labels = changed.train_dataloader.dataset.datasets[0]
    folder = str(run.parents[1] / 'unlabeled')

    def category(categories):
        labels.ann_file = people_json(tmp_path / 'labels.json', categories, [(7, 1)])
        changed.test_dataloader.dataset.ann_file = labels.ann_file
        return find_people(changed, folder).category

    assert category([dict(id=5, name='hand', supercategory='body')])['name'] == 'hand'
    # The only one that has keypoints.
    assert category([dict(id=1, name='ball'), AP10K[0], dict(id=2, name='tree')]) == AP10K[0]
    # Of several nobody knows which, and none of their ids may be taken.
    assert category(AP10K) == dict(id=10, name='lspet')
    assert category([]) == category([dict(id='x'), 3][:1]) == dict(id=1, name='lspet')
    labels.ann_file = changed.test_dataloader.dataset.ann_file = 'nowhere.json'
    assert find_people(changed, folder).category == dict(id=1, name='lspet')


def person(path, number, **options):
    return dict(dict(path=path, img_id=number, size=(90, 120), box=np.array([5., 5, 75, 105]),
                     keypoints=np.full((14, 2), 20.), scores=np.full(14, .9),
                     category=dict(id=1, name='person')), **options)


def test_categories_of_several_sets_that_share_an_id_are_kept_apart(cfg):
    people = find_people(cfg)._replace(root='/x')
    named = [dict(id=1, name='person'), dict(id=1, name='dog'), dict(id='a', name='cat'),
             dict(id=7, name='dog'), dict(id=2, name='cow')]
    found, _ = coco_json([person(f'/x/{i}.png', i, category=category)
                          for i, category in enumerate(named)], people, 0.3)
    assert {c['id']: c['name'] for c in found['categories']} == {
        1: 'person', 2: 'dog', 3: 'cat', 4: 'cow'}
    assert [p['category_id'] for p in found['annotations']] == [1, 2, 3, 2, 4]


@pytest.mark.parametrize('ids, expected', [
    ([5, 0, 9], [5, 0, 9]), ([2, 'a', 1], [1, 2, 3]), (['2', '1', '0'], [1, 2, 3]),
    ([1., 2., 3.], [1, 2, 3]), ([0, 0, 4], [1, 2, 3])])
def test_ids_of_images_stay_or_are_numbered_anew_as_one(cfg, ids, expected):
    people = find_people(cfg)._replace(root='/x')
    names = ['c', 'd', 'e']
    found, _ = coco_json([
        person(f'/x/{name}.png', number, box=np.array([i, 5., 75, 105]))
        for i in range(2) for name, number in zip(names, ids)], people, 0.3)
    assert [image['id'] for image in found['images']] == expected
    assert [p['image_id'] for p in found['annotations']] == expected * 2


def test_an_image_in_two_sets_has_its_people_once(run, cfg, model, tmp_path):
    own = cfg.train_dataloader.dataset.datasets[1].to_dict()
    several = Config(cfg.to_dict())
    boxes = people_json(tmp_path / 'boxes.json', [dict(id=1, name='person')], [(7, 1), (7, 1)])
    one = dict(own, ann_file=boxes, data_prefix=dict(img=str(run.parents[1] / 'labeled')))
    several.train_dataloader.dataset.datasets[1] = dict(
        type='ConcatDataset', datasets=[own, own, one, one])
    people = find_people(several)
    found, count = export(model, people)
    assert count['repeated'] == 3 + 2 and count['people'] == 3 + 2
    assert [image['file_name'] for image in found['images']] == [
        'unlabeled/c.png', 'unlabeled/d.png', 'unlabeled/e.png', 'labeled/a.png']
    assert [p['image_id'] for p in found['annotations']] == [1, 2, 3, 4, 4]
    assert len({p['id'] for p in found['annotations']}) == 5


@pytest.mark.parametrize('part', ['keypoints', 'keypoint_scores'])
def test_predictions_that_are_not_numbers_name_the_image(cfg, model, monkeypatch, part):
    test_step = model.test_step

    def spoilt(data):
        samples = test_step(data)
        getattr(samples[-1].pred_instances, part)[0, 3] = np.nan
        return samples

    monkeypatch.setattr(model, 'test_step', spoilt)
    with pytest.raises(ValueError, match=r'a person in .*d.png is NaN or infinite: the weights'):
        export(model, find_people(cfg))


@pytest.mark.filterwarnings('ignore:skipped an unlabeled image')
def test_frames_and_broken_images_and_several_folders(run, cfg, model, tmp_path):
    small_run.write_people(tmp_path / 'one', ['a.png'])
    (tmp_path / 'one' / 'broken.png').write_text('no image')
    small_run.write_people(tmp_path / 'two', ['a.png'], size=(60, 50))
    writer = cv2.VideoWriter(
        str(tmp_path / 'two' / 'clip.avi'), cv2.VideoWriter_fourcc(*'MJPG'), 2, (64, 48))
    for i in range(4):
        writer.write(np.full((48, 64, 3), 50 * i, np.uint8))
    writer.release()
    own = cfg.train_dataloader.dataset.datasets[1].to_dict()
    several = Config(cfg.to_dict())
    several.train_dataloader.dataset.datasets[1] = dict(
        type='ConcatDataset', datasets=[
            dict(own, data_prefix=dict(img=str(tmp_path / name))) for name in ('one', 'two')])
    people = find_people(several)
    content, count = export(model, people)
    assert people.root == str(tmp_path) and count['skipped'] == 1 and count['frames'] == 2
    assert [(image['id'], image['file_name'], image['width']) for image in content['images']] == [
        (1, 'one/a.png', 90), (2, 'two/a.png', 60), (3, 'two/clip.avi#000000', 64),
        (4, 'two/clip.avi#000002', 64)]
    assert [person['image_id'] for person in content['annotations']] == [1, 2, 3, 4]


@pytest.mark.filterwarnings('ignore:skipped an unlabeled image')
def test_nothing_to_predict_is_an_error(cfg, model, tmp_path):
    with pytest.raises(ValueError, match='no unlabeled image or video'):
        find_people(cfg, str(tmp_path))
    (tmp_path / 'broken.png').write_text('no image')
    with pytest.raises(ValueError, match='none of the 1 people can be predicted'):
        export(model, find_people(cfg, str(tmp_path)))


def test_images_that_are_shown_turned_are_upright_in_the_json(cfg, model, tmp_path):
    exif, rng = Image.Exif(), np.random.default_rng(0)
    exif[0x0112] = 6
    stored = Image.fromarray(rng.integers(0, 256, (90, 120, 3), dtype=np.uint8))
    upright = stored.transpose(Image.Transpose.ROTATE_270)
    stored.save(tmp_path / 'turned.webp', exif=exif, lossless=True)
    upright.save(tmp_path / 'upright.png')
    (tmp_path / 'people.json').write_text(json.dumps(dict(
        images=[dict(id=1, file_name='turned.webp', width=120, height=90),  # as it is stored
                dict(id=2, file_name='upright.png', width=90, height=120)],
        annotations=[dict(id=i, image_id=i, bbox=[10, 30, 60, 80]) for i in (1, 2)])))
    content, _ = export(model, find_people(cfg, str(tmp_path / 'people.json'), str(tmp_path)))
    assert [(image['width'], image['height']) for image in content['images']] == [(90, 120)] * 2
    turned, expected = content['annotations']
    assert turned['bbox'] == expected['bbox'] == [10, 30, 60, 80]
    np.testing.assert_allclose(turned['keypoints'], expected['keypoints'], atol=.02)
