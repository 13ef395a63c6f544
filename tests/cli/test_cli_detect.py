"""A detector's boxes of a folder, in the form that the unlabeled dataset reads."""
import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from mmdet.registry import MODELS
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import save_checkpoint
from mmengine.structures import InstanceData
from PIL import Image

from mmpose_mum.cli import main
from mmpose_mum.datasets import detection
from mmpose_mum.datasets.unlabeled import UnlabeledPoseDataset
from mmpose_mum.files.images import list_images

ROOT = Path(__file__).parents[2]

# A detector of 20,000 weights.
CONFIG = '''
default_scope = 'mmdet'
model = dict(
    type='RetinaNet',
    data_preprocessor=dict(
        type='DetDataPreprocessor', mean=[120.] * 3, std=[60.] * 3, pad_size_divisor=32),
    backbone=dict(type='ResNet', depth=18, base_channels=4, stem_channels=4, num_stages=3,
                  strides=(1, 2, 2), dilations=(1, 1, 1), out_indices=(1, 2), style='pytorch'),
    neck=dict(type='FPN', in_channels=[8, 16], out_channels=8, num_outs=2),
    bbox_head=dict(
        type='RetinaHead', num_classes=2, in_channels=8, feat_channels=8, stacked_convs=1,
        anchor_generator=dict(
            type='AnchorGenerator', octave_base_scale=2, scales_per_octave=1, ratios=[1.],
            strides=[8, 16]),
        bbox_coder=dict(type='DeltaXYWHBBoxCoder')),
    test_cfg=dict(nms_pre=100, min_bbox_size=0, score_thr=0., max_per_img=20,
                  nms=dict(type='nms', iou_threshold=0.5)))
pipeline = [
    dict(type='LoadImageFromFile'), dict(type='Resize', scale=(64, 64), keep_ratio=True),
    dict(type='PackDetInputs', meta_keys=('img_path', 'ori_shape', 'img_shape', 'scale_factor'))]
test_dataloader = dict(dataset=dict(type='CocoDataset', ann_file='none.json', pipeline=pipeline))
visualizer = dict(type='DetLocalVisualizer')
'''


@pytest.fixture
def scene(tmp_path):
    """Make images and a detector of random weights; returns the folder and the tool's options."""
    (tmp_path / 'tiny.py').write_text(CONFIG)
    init_default_scope('mmdet')
    torch.manual_seed(0)  # other weights may see nobody
    model = MODELS.build(Config.fromfile(tmp_path / 'tiny.py').model)
    meta = dict(dataset_meta=dict(classes=('dog', 'person')))
    save_checkpoint(dict(state_dict=model.state_dict(), meta=meta), str(tmp_path / 'tiny.pth'))
    folder, rng = tmp_path / 'images', np.random.default_rng(0)
    (folder / 'sub').mkdir(parents=True)
    for name in ('a.png', 'sub/b.jpg'):
        cv2.imwrite(str(folder / name), rng.integers(0, 256, (60, 80, 3), dtype=np.uint8))
    (folder / 'broken.png').write_text('no image')
    writer = cv2.VideoWriter(
        str(folder / 'clip.avi'), cv2.VideoWriter_fourcc(*'MJPG'), 10, (80, 60))
    for image in rng.integers(0, 256, (25, 60, 80, 3), dtype=np.uint8):
        writer.write(image)
    writer.release()
    out = tmp_path / 'out' / 'boxes.json'
    return folder, out, [
        str(folder), '--config', str(tmp_path / 'tiny.py'), '--checkpoint',
        str(tmp_path / 'tiny.pth'), '--out', str(out), '--score-thr', '0.05', '--device', 'cpu']


@pytest.mark.filterwarnings('ignore')
def test_what_it_writes_is_an_unlabeled_set(scene, capsys):
    folder, out, options = scene
    main(['detect', *options])
    found = json.loads(out.read_text())
    names = ['a.png', 'clip.avi#000000', 'clip.avi#000010', 'clip.avi#000020', 'sub/b.jpg']
    assert list(dict.fromkeys(box['image_id'] for box in found)) == names
    assert f'{len(found)} boxes in 6 images (1 cannot be read)' in capsys.readouterr().out
    assert [path.name for path in out.parent.iterdir()] == ['boxes.json']
    for box in found:
        x, y, w, h = box['bbox']
        assert box['category_id'] == 1 and box['score'] >= .05
        assert -.1 <= x <= x + w <= 80.1 and -.1 <= y <= y + h <= 60.1
    init_default_scope('mmpose')
    dataset = UnlabeledPoseDataset(
        data_prefix=dict(img=str(folder)), bbox_file=str(out), bbox_score_thr=.05, bbox_nms_thr=1.,
        pipeline=[dict(type='LoadUnlabeledImage'), dict(type='WeakView', input_size=(48, 64))])
    usable = [box for box in found if min(box['bbox'][2:]) >= 1]
    assert len(dataset) == len(usable) > 5
    assert sorted(dataset.get_data_info(i)['img_path'] for i in range(len(dataset))) == sorted(
        str(folder / box['image_id']) for box in usable)
    assert dataset[len(dataset) // 2]['inputs'].shape == (3, 64, 48)

    # Categories are told apart: the other one's boxes are others.
    with pytest.raises(SystemExit, match='boxes.json exists already; --force overwrites it'):
        main(['detect', *options, '--category', '0'])
    main(['detect', *options, '--category', '0', '--force'])
    dogs = json.loads(out.read_text())
    main(['detect', *options, '--category', 'dog', 'person', '--force'])
    assert len(json.loads(out.read_text())) == len(found) + len(dogs)


@pytest.mark.filterwarnings('ignore')
def test_it_goes_on_after_an_interruption(scene, monkeypatch):
    folder, out, options = scene
    main(['detect', *options])
    whole = out.read_text()
    out.unlink()
    monkeypatch.setattr(detection, 'BATCH', 2)
    detect, seen = detection.detect, []

    def interrupted(*args):
        for i, boxes in enumerate(detect(*args)):
            if i == 2:
                raise KeyboardInterrupt
            yield boxes

    monkeypatch.setattr(detection, 'detect', interrupted)
    with pytest.raises(KeyboardInterrupt):
        main(['detect', *options])
    part = out.with_name('boxes.json.part')
    assert not out.exists()
    part.write_text(part.read_text() + '{"clip.avi#0000')  # cut off while it was written
    with pytest.raises(SystemExit, match='interrupted run with other settings.*delete it'):
        main(['detect', *options, '--score-thr', '0.2'])

    shutil.copytree(folder, folder.parent / 'other/images')
    monkeypatch.chdir(folder.parent / 'other')
    with pytest.raises(SystemExit, match='interrupted run with other settings.*delete it'):
        main(['detect', 'images', *options[1:]])

    def noted(inferencer, folder, names, *args):
        seen.extend(names)
        return detect(inferencer, folder, names, *args)

    monkeypatch.setattr(detection, 'detect', noted)
    monkeypatch.chdir(folder.parent)
    main(['detect', 'images', *options[1:]])
    assert seen == ['clip.avi#000020', 'sub/b.jpg']
    for box, expected in zip(json.loads(out.read_text()), json.loads(whole)):
        assert box['image_id'] == expected['image_id']
        np.testing.assert_allclose(box['bbox'], expected['bbox'], atol=1e-2)


@pytest.mark.filterwarnings('ignore')
def test_failures_say_what_to_do(scene, tmp_path):
    folder, out, options = scene
    with pytest.raises(SystemExit, match='--category cat: the detector knows dog, person'):
        main(['detect', *options, '--category', 'cat'])
    with pytest.raises(SystemExit, match='nowhere.*does not exist'):
        main(['detect', str(tmp_path / 'nowhere'), *options[1:]])
    with pytest.raises(SystemExit, match='no person with a score of at least 1 in 6 images'):
        main(['detect', *options, '--score-thr', '1'])
    with pytest.raises(SystemExit, match='2'):  # per cent
        main(['detect', *options, '--score-thr', '30'])
    with pytest.raises(SystemExit, match='images is a folder, and a file is to be written'):
        main(['detect', *options, '--out', str(folder)])
    assert not list(out.parent.iterdir())


@pytest.mark.filterwarnings('ignore')
def test_a_detector_is_loaded_as_a_whole_or_told_what_is_wrong(scene, tmp_path):
    _, out, options = scene
    weights = torch.load(str(tmp_path / 'tiny.pth'))
    lacking = {key: value for key, value in weights['state_dict'].items() if 'bbox_head' not in key}
    torch.save(dict(weights, state_dict=lacking), str(tmp_path / 'lacking.pth'))
    torch.save(dict(weights, state_dict={
        f'module.{key}': value for key, value in weights['state_dict'].items()}),
        str(tmp_path / 'parallel.pth'))
    (tmp_path / 'text.pth').write_text('{}')
    (tmp_path / 'broken.py').write_text('model = dict(')
    for option, name, words in (
            ('--checkpoint', 'lacking.pth', 'lacks 8 weights of the detector .*bbox_head'),
            ('--checkpoint', 'text.pth', 'cannot be loaded with .*text.pth'),
            ('--config', 'broken.py', 'broken.py.* cannot be read: SyntaxError')):
        with pytest.raises(SystemExit, match=words):
            main(['detect', *options, option, str(tmp_path / name)])
        assert not out.parent.exists()
    main(['detect', *options, '--checkpoint', str(tmp_path / 'parallel.pth')])
    assert json.loads(out.read_text())


@pytest.mark.parametrize('content, left, words', [
    ('', {}, ''),
    ('{"a": ', {}, ''),  # killed while the first line was written
    ('{"a": 1}\n{"b.jpg": []}\n{"c.j', {'b.jpg': []}, ''),
    ('notes of mine', None, 'does not begin with the settings'),
    ('[1]\n', None, 'does not begin with the settings'),
    ('{"a": 1}\n{"b.jpg": [\n{"c.jpg": []}\n', None, 'line 2 is not a json')])
def test_what_an_interrupted_run_left_is_read_and_what_is_not_its_stays(
        tmp_path, content, left, words):
    path = tmp_path / 'boxes.json.part'
    path.write_text(content)
    if left is not None:
        assert detection.read_part(path, dict(a=1)) == left
        assert path.read_text() == '{"a": 1}\n' + ('{"b.jpg": []}\n' if left else '')
        return
    with pytest.raises(ValueError, match=f'json.part was not written by .*{words}.*move it away'):
        detection.read_part(path, dict(a=1))
    assert path.read_text() == content


def test_the_detector_sees_what_is_shown_upright_and_nothing_that_is_hidden(tmp_path):
    exif, stored = Image.Exif(), np.zeros((48, 64, 3), np.uint8)
    stored[24:, :32] = 255  # shown at the top left
    exif[0x0112] = 6
    for name in ('a.jpg', 'b.webp', 'c.tif', 'd.png', '._a.jpg'):
        Image.fromarray(stored).save(tmp_path / name, exif=exif)
    seen = []

    def inferencer(images, **_):
        seen.extend(images)
        return dict(predictions=[SimpleNamespace(pred_instances=InstanceData(
            bboxes=torch.tensor([[0., 0, 24, 32]]), scores=torch.ones(1),
            labels=torch.zeros(1)))] * len(images))

    names = list_images(str(tmp_path), 1.)
    found, = detection.detect(inferencer, str(tmp_path), names, [0], .5)
    assert [image.shape for image in seen] == [(64, 48, 3)] * 4
    assert all(image[:28, :20].min() > 200 and image[36:].max() < 50 for image in seen)
    assert list(found) == ['a.jpg', 'b.webp', 'c.tif', 'd.png']
    assert all(box['bbox'] == [0, 0, 24, 32] for box, in found.values())
