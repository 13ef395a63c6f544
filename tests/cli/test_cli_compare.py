"""The sheet of predictions: which people and panels it has, its figures, and its errors."""
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.structures import InstanceData
from mmpose.registry import MODELS
from mmpose.structures import PoseDataSample

from mmpose_mum.cli import main
from mmpose_mum.demo.data import generate_demo
from mmpose_mum.testing import CODEC, INPUT_SIZE, tiny_config
from mmpose_mum.visualization import compare, person

ROOT = Path(__file__).parents[2]

WIDTH, HEIGHT = person.PANEL
BORDER = compare.BORDER
HEIGHT += person.CAPTION


@pytest.fixture(scope='module')
def models(tmp_path_factory):
    """A plain and a semi-supervised tiny model, as NAME → (config's path, checkpoint's path)."""
    root = tmp_path_factory.mktemp('models')
    demo = generate_demo(root / 'demo', num_train=2, num_val=9, labeled_percent=50)
    pipeline = [dict(type='LoadImage'), dict(type='GetBBoxCenterScale'),
                dict(type='TopdownAffine', input_size=INPUT_SIZE), dict(type='PackPoseInputs')]
    dataset = dict(type='CocoDataset', data_root=demo['data_root'], ann_file=demo['val'],
                   data_prefix=dict(img='images/val'), test_mode=True, pipeline=pipeline)
    semi = tiny_config(num_keypoints=17)
    found = {}
    init_default_scope('mmpose')
    torch.manual_seed(0)
    for name, model in (('plain', dict(semi['estimator'])), ('semi', semi)):
        config, checkpoint = root / f'{name}.py', root / f'{name}.pth'
        Config(dict(
            default_scope='mmpose', model=model, val_dataloader=dict(dataset=dataset),
            custom_imports=dict(imports=['mmpose_mum'], allow_failed_imports=False))).dump(config)
        network = MODELS.build(model)
        if name == 'semi':  # the two networks shall not predict the same
            torch.nn.init.normal_(network.student.head.final_layer.weight)
        torch.save(dict(state_dict=network.state_dict()), checkpoint)
        found[name] = config, checkpoint
    assert CODEC['input_size'] == INPUT_SIZE
    return found


def spec(models, name, checkpoint=None, title=None):
    return f'{title or name}={models[name][0]}:{checkpoint or models[name][1]}'


def sheet_of(models, tmp_path, *options, names=('plain', 'semi')):
    out = tmp_path / 'people.png'
    main(['compare', *(spec(models, name) for name in names), '--out', str(out), *options])
    return cv2.imread(str(out))


def panels_of(sheet, rows, people, panels):
    """Cut a sheet into its panels' images: [row][person][panel]."""
    high, wide = HEIGHT + 2 * BORDER, panels * WIDTH + 2 * BORDER
    assert sheet.shape == (rows * high, people * wide, 3)
    return [[[sheet[r * high + BORDER:, p * wide + BORDER + i * WIDTH:][:HEIGHT, :WIDTH]
              for i in range(panels)] for p in range(people)] for r in range(rows)]


def test_each_person_has_a_panel_of_every_model(models, tmp_path, capsys):
    sheet = sheet_of(models, tmp_path, '--num', '3')
    cut = panels_of(sheet, rows=2, people=2, panels=3)
    for panels in (cut[0][0], cut[0][1], cut[1][0]):
        assert all(panel.std() > 10 for panel in panels)
        assert all((a != b).any() for a, b in zip(panels, panels[1:]))
    assert not np.any(cut[1][1])  # there is no fourth person
    assert 'plain: PCK@0.1 of 3 people' in capsys.readouterr().out
    assert (sheet == sheet_of(models, tmp_path, '--num', '3')).all()
    # … which are the first, the middle and the last one.
    assert (sheet == sheet_of(models, tmp_path, '--indices', '0', '4', '8')).all()


def test_one_model_has_more_people_in_a_row_and_a_small_set_no_one_twice(models, tmp_path):
    panels_of(sheet_of(models, tmp_path, '--num', '99', names=['plain']), rows=3, people=4,
              panels=2)


def test_a_semi_supervised_model_predicts_with_its_teacher_unless_told(models, tmp_path):
    default, teacher, student = (
        sheet_of(models, tmp_path, '--num', '1', *which, names=['semi'])
        for which in ([], ['--which', 'teacher'], ['--which', 'student']))
    assert (default == teacher).all()
    assert (teacher != student).any()


def test_the_share_of_right_keypoints():
    rng = np.random.default_rng(0)
    for _ in range(20):
        truth, guess = rng.uniform(0, 60, (2, 1, 17, 2))
        guess = truth + (guess - truth) / 4
        visible = (rng.random((1, 17)) < .7).astype(np.float32)
        x, y, w, h = rng.uniform(20, 90, 4)
        sample = PoseDataSample(
            gt_instances=InstanceData(keypoints=truth, keypoints_visible=visible,
                                      bboxes=np.array([[x, y, x + w, y + h]])),
            pred_instances=InstanceData(keypoints=guess))
        right = [np.hypot(*(guess[0, k] - truth[0, k])) < .1 * max(w, h)
                 for k in range(17) if visible[0, k]]
        assert compare.share_right(sample) == pytest.approx(sum(right) / len(right))
    sample.gt_instances.keypoints_visible = np.zeros((1, 17))
    assert np.isnan(compare.share_right(sample))


@pytest.mark.parametrize('text, message', [
    ('plain', 'expected NAME=CONFIG:CHECKPOINT'),
    ('plain=config.py', 'expected NAME=CONFIG:CHECKPOINT'),
    ('plain=config.py:a.pth', "there is no config 'config.py'"),
])
def test_what_is_no_model_is_an_error(text, message, tmp_path):
    with pytest.raises(SystemExit, match=message):
        main(['compare', text, '--out', str(tmp_path / 'a.png')])


def test_checkpoints_that_are_missing_or_do_not_fit_are_errors(models, tmp_path):
    broken = tmp_path / 'broken.pth'
    broken.write_text('no checkpoint')
    for texts, message in (
            ([spec(models, 'plain', tmp_path / 'no.pth')], 'no.pth is neither a checkpoint'),
            ([spec(models, 'plain', tmp_path)], 'nor a work dir with a last_checkpoint'),
            ([spec(models, 'plain', models['semi'][1])],
             r'is no checkpoint for plain.*: missing weights: .*; unknown weights: .*'),
            ([spec(models, 'plain', broken)], 'broken.pth.* is refused'),
            ([spec(models, 'plain')] * 2, 'each with another name')):
        with pytest.raises(SystemExit, match=message):
            main(['compare', *texts, '--out', str(tmp_path / 'a.png')])


def test_a_plain_models_weights_fit_a_semi_supervised_one(models, tmp_path):
    panels_of(sheet_of({'semi': (models['semi'][0], models['plain'][1])}, tmp_path, '--num', '1',
                       names=['semi']), rows=1, people=1, panels=2)


def test_other_keypoints_and_missing_data_are_errors(models, tmp_path):
    def changed(no_validation=False, **options):
        cfg = Config.fromfile(models['plain'][0])
        if no_validation:
            cfg.val_dataloader = None
        else:
            cfg.val_dataloader.dataset.update(options)
        cfg.dump(tmp_path / 'changed.py')
        return f'changed={tmp_path / "changed.py"}:{models["plain"][1]}'

    out = ['--out', str(tmp_path / 'a.png')]
    lspet = Config.fromfile(ROOT / 'configs/_base_/lspet.py').dataset_info
    with pytest.raises(SystemExit, match='plain has the keypoints .* changed has .*right_ankle'):
        main(['compare', spec(models, 'plain'), changed(metainfo=lspet), *out])
    with pytest.raises(SystemExit, match='no validation set of .*changed.py.*no.json'):
        main(['compare', changed(ann_file=str(tmp_path / 'no.json')), *out])
    with pytest.raises(SystemExit, match='the validation set has 0 to 8'):
        main(['compare', spec(models, 'plain'), '--indices', '9', *out])
    with pytest.raises(SystemExit, match='changed.py has no validation set'):
        main(['compare', changed(no_validation=True), *out])


@pytest.mark.parametrize('options', [['--out', 'people.pdf'], ['--out', 'a.png', '--num', '0']])
def test_a_wrong_command_line_is_refused(options):
    with pytest.raises(SystemExit, match='2'):
        main(['compare', 'a=b:c', *options])


def test_people_of_combined_sets_are_seen_in_their_labeled_boxes(models):
    cfg = Config.fromfile(models['plain'][0])
    part = dict(cfg.val_dataloader.dataset, bbox_file='nowhere.json')
    meta = dict(from_file='configs/_base_/datasets/coco.py')
    cfg.val_dataloader.dataset = dict(
        type='CombinedDataset', metainfo=meta, datasets=[dict(part, pipeline=[])], pipeline=[])
    assert len(compare.build_dataset(cfg)) == 9
