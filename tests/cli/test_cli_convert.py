"""The tool writes a config that trains, and says what it looked for and did not find."""
import json
import re
import shutil
import uuid
from pathlib import Path

import pytest
from mmengine.config import Config
from mmengine.runner import Runner
from mmpose.datasets.transforms import common_transforms

from helpers.labelers import write_labeler
from mmpose_mum.cli import main
from mmpose_mum.cli.convert import _changed
from mmpose_mum.convert import checks, model
from mmpose_mum.demo.data import generate_demo

ROOT = Path(__file__).parents[2]

SUPERVISED = ROOT / 'configs/demo/supervised.py'
RES50 = ('mmpose::body_2d_keypoint/topdown_heatmap/coco/'
         'td-hm_res50_8xb64-210e_coco-256x192.py')


@pytest.fixture(scope='module')
def demo(tmp_path_factory):
    return generate_demo(
        tmp_path_factory.mktemp('demo'), num_train=12, num_val=4, labeled_percent=40, seed=1)


def make(*args, config=SUPERVISED):
    main(['convert', str(config), *map(str, args)])


def test_a_written_config_trains(demo, tmp_path, capsys):
    out = tmp_path / 'deep' / 'my semi.py'
    make('--labeled', demo['train_labeled'], '--labeled-images', demo['train_images'],
         '--unlabeled', demo['train_unlabeled'], '--val', demo['val'], '--val-images',
         demo['val_images'], '--batch-size', 4, '--max-iters', 3, '--burn-in', 1, '-o', out)
    said = capsys.readouterr().out
    assert '5 labeled and 7 unlabeled people, 4 people to validate on' in said
    assert f"mim train mmpose '{out}'" in said and '4 labeled and 4 unlabeled images' in said
    cfg = Config.fromfile(str(out))
    cfg.merge_from_dict({
        'train_dataloader.num_workers': 0, 'train_dataloader.persistent_workers': False,
        'train_cfg.val_interval': 3,
        'default_hooks.checkpoint.interval': 3, 'default_hooks.logger.interval': 1,
        'work_dir': str(tmp_path / 'work'), 'experiment_name': uuid.uuid4().hex,
        'log_level': 'WARNING'})
    runner = Runner.from_cfg(cfg)
    runner.train()
    logged = runner.message_hub.log_scalars
    assert len(logged['train/sup_loss_kpt'].data[0]) == 3
    assert len(logged['train/unsup_loss'].data[0]) == 2
    assert 'val/teacher/coco/AP' in logged and 'val/student/coco/AP' in logged


def test_validation_images_among_the_unlabeled_ones_are_told(demo, tmp_path, capsys):
    pool = tmp_path / 'pool'
    shutil.copytree(demo['val_images'], pool)
    first, second, third, _ = sorted(pool.iterdir())
    first.unlink()
    second.write_bytes(third.read_bytes())  # another image of that name
    make('--labeled', demo['train_labeled'], '--labeled-images', demo['train_images'],
         '--unlabeled', pool, '--val', demo['val'], '--val-images', demo['val_images'],
         '--max-iters', 3, '--burn-in', 1, '-o', tmp_path / 'semi.py')
    said = capsys.readouterr().out
    assert '4 people to validate on\n  NOTE      2 of the 4 validation images are unl' in said


def test_a_labelers_view_and_files_are_written_and_it_labels(demo, tmp_path, capsys):
    labeler, out = write_labeler(tmp_path / 'labeler', 'simcc', of_coco=True), tmp_path / 'semi.py'
    config = Path(labeler['config'])
    steps = dict(GetBBoxCenterScale="'padding': 1.5", TopdownAffine="'use_udp': True")
    text = config.read_text()
    for step, more in steps.items():
        text = text.replace(f"'type': '{step}'", f"'type': '{step}', {more}")
    config.write_text(text)
    make_with(demo, out, '--batch-size', 4, '--max-iters', 2, '--labeler', *labeler.values(),
              '--sites', 'input', '--val', demo['val'], '--val-images', demo['val_images'])
    assert f"labeler   {labeler['config']}, with {labeler['checkpoint']}" in capsys.readouterr().out
    cfg = Config.fromfile(str(out))
    assert cfg.model.labeler == labeler and cfg.model.burn_in == 0
    of_labeler = dict(input_size=(96, 128), padding=1.5, use_udp=True)
    views = cfg.train_dataloader.dataset
    assert {key: views.weak.get(key) for key in of_labeler} == of_labeler
    assert not set(of_labeler) & set(views.strong)
    cfg.merge_from_dict({
        'train_dataloader.num_workers': 0, 'train_dataloader.persistent_workers': False,
        'default_hooks.logger.interval': 1, 'val_dataloader': None, 'val_evaluator': None,
        'val_cfg': None, 'default_hooks.checkpoint.save_best': None,
        'work_dir': str(tmp_path / 'work'), 'experiment_name': uuid.uuid4().hex,
        'log_level': 'WARNING'})
    runner = Runner.from_cfg(cfg)
    runner.train()
    assert len(runner.message_hub.log_scalars['train/unsup_loss'].data[0]) == 2


def test_a_labelers_json_is_written_if_it_knows_all_people(demo, tmp_path, capsys):
    labels, out = tmp_path / 'labels.json', tmp_path / 'semi.py'
    content = json.loads(Path(demo['train_unlabeled']).read_text())
    people = [dict(person, keypoints=[9, 9, 2] * 17) for person in content['annotations']]
    arguments = ['--labeler-file', labels, '--max-iters', 2,
                 '--val', demo['val'], '--val-images', demo['val_images']]
    labels.write_text(json.dumps(dict(content, annotations=people)))
    make_with(demo, out, *arguments)
    assert f'labeler   {labels}' in capsys.readouterr().out
    model = Config.fromfile(str(out)).model
    assert model.labeler == dict(file=str(labels)) and model.burn_in == 0
    labels.write_text(json.dumps(dict(content, annotations=people[1:])))
    with pytest.raises(SystemExit, match=f'1 of {len(people)} unlabeled people may be missing: .*'
                                         f'{content["images"][0]["file_name"]}'):
        make_with(demo, tmp_path / 'x.py', *arguments)
    for more, message in ((['--labeler-file', 'gone.json'], "--labeler-file: there is no 'gone"),
                          ([*arguments, '--labeler', 'a.py', 'a.pth'], 'leave one out')):
        with pytest.raises(SystemExit, match=message):
            make_with(demo, tmp_path / 'x.py', *more)


@pytest.mark.parametrize('args, message', [
    (['gone.py', 'heatmap.pth'], "there is no config 'gone.py'"),
    (['heatmap.py', 'gone.pth'], "--labeler: there is no checkpoint 'gone.pth'"),
    (['heatmap.py', 'heatmap.pth'], r"does not know the keypoints \['nose', 'left_eye'"),
])
def test_a_labeler_that_does_not_fit_is_named(args, message, demo, tmp_path, monkeypatch):
    write_labeler(tmp_path)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match=message):
        make_with(demo, tmp_path / 'x.py', '--labeler', *args, '--sites', 'input')


def test_it_does_not_overwrite(demo, tmp_path):
    out = tmp_path / 'semi.py'
    out.write_text('mine')
    with pytest.raises(SystemExit, match='exists already; --force'):
        make('--unlabeled', tmp_path, '-o', out)
    assert out.read_text() == 'mine'
    make('--unlabeled', demo['train_images'], '--sites', 'input', '-o', out, '--force')
    assert out.read_text().startswith('# Pose-MUM training of supervised.\n_base_ = ')


@pytest.mark.parametrize('args, message', [
    (['--unlabeled', 'nowhere'], "--unlabeled: there is no 'nowhere'"),
    (['--unlabeled', '.', '--labeled', 'none.json'], "--labeled: there is no 'none.json'"),
    (['--unlabeled', '.', '--val', 'none.json'], "--val: there is no 'none.json'"),
    (['--unlabeled', '.', '--val', '.'], '--val: expected a json'),
    (['--unlabeled', '.', '--val-images', '.'], "val_images is '.', but val"),
    (['--unlabeled', '.', '--unlabeled-images', 'none'], "unlabeled, '.', is no json"),
    (['--unlabeled', str(SUPERVISED)], 'is no folder, json or video'),
    (['--unlabeled', '.', '--ratio', '0'], 'ratio must be more than 0'),
    (['--unlabeled', '.', '--out', 'x.yml'], 'ends in .py'),
])
def test_what_is_missing_is_named(args, message, tmp_path):
    out = [] if '--out' in args else ['--out', str(tmp_path / 'x.py')]
    with pytest.raises(SystemExit, match=message):
        make(*args, *out)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize('config, message', [
    ('nowhere.py', "there is no config 'nowhere.py'"),
    ('mmpose::nothing.py', "there is no config 'mmpose::nothing.py'"),
    ('mmdet::x.py', 'or a config of mmpose'),
    (ROOT / 'configs/demo/pose_mum.py', 'semi-supervised already'),
])
def test_originals_that_do_not_fit_are_named(config, message, tmp_path):
    with pytest.raises(SystemExit, match=message):
        make('--unlabeled', tmp_path, '-o', tmp_path / 'x.py', config=config)


@pytest.mark.parametrize('change, message', [
    ('model = dict(head=dict(out_channels=15))', 'Head predicts 15 keypoints, and the data have'),
    ("default_hooks = dict(checkpoint=dict(save_best='PCK'))",
     "save_best='PCK', and of its metrics .CocoMetric. none gives that"),
    ("default_hooks = dict(checkpoint=dict(save_best='coco/AP'))\nval_evaluator = dict("
     "_delete_=True, type='PCKAccuracy')", "save_best='coco/AP', and of its metrics .PCKAccuracy"),
])
def test_originals_that_would_end_late_are_named(change, message, demo, tmp_path):
    plain = tmp_path / 'plain.py'
    plain.write_text(f'_base_ = {str(SUPERVISED)!r}\n{change}\n')
    with pytest.raises(SystemExit, match=message):
        make_with(demo, tmp_path / 'x.py', '--val', demo['val'], '--val-images',
                  demo['val_images'], config=plain)
    with pytest.raises(SystemExit, match='plain.py. is the config that is converted'):
        make_with(demo, plain, '--force', config=plain)
    assert change in plain.read_text()


def test_a_validation_on_the_labeled_people_is_noted(demo, tmp_path, capsys):
    make_with(demo, tmp_path / 'x.py', '--val', demo['train_labeled'], '--val-images',
              demo['train_images'])
    assert 'of the 5 validation images are labeled images, too' in capsys.readouterr().out


def test_images_that_are_elsewhere_are_noticed(demo, tmp_path):
    with pytest.raises(SystemExit, match='of the labeled set .* do not exist.*--labeled-images'):
        make('--labeled', demo['train_labeled'], '--labeled-images', tmp_path, '--unlabeled',
             demo['train_unlabeled'], '-o', tmp_path / 'x.py')


def test_unlabeled_images_are_looked_for_without_labels_as_well(demo, tmp_path):
    (tmp_path / 'empty').mkdir()
    with pytest.raises(SystemExit, match='is not written, as it cannot be trained: .*empty'):
        make('--unlabeled', tmp_path / 'empty', '-o', tmp_path / 'x.py', '--sites', 'input')
    with pytest.raises(SystemExit, match='people in .* do not exist.*--unlabeled-images'):
        make('--unlabeled', demo['train_unlabeled'], '--unlabeled-images', tmp_path,
             '-o', tmp_path / 'y.py', '--sites', 'input')


def test_what_the_original_trains_on_is_read_where_it_is(demo, tmp_path, capsys):
    plain = tmp_path / 'plain.py'
    plain.write_text(f"""_base_ = {str(SUPERVISED)!r}
train_dataloader = dict(dataset=dict(
    data_root='', ann_file={str(demo["train_labeled"])!r},
    data_prefix=dict(img={str(demo["train_images"])!r})))
""")
    make('--unlabeled', demo['train_images'], '--batch-size', 1, '--sites', 'input',
         '-o', tmp_path / 'x.py', config=plain)
    said = capsys.readouterr().out
    assert '5 labeled and 12 unlabeled people' in said
    assert 'a single unlabeled image has no other to mix with' in said


def make_with(demo, out, *args, config=SUPERVISED):
    make('--labeled', demo['train_labeled'], '--labeled-images', demo['train_images'],
         '--unlabeled', demo['train_unlabeled'], '-o', out, *args, config=config)


def test_a_validation_that_stays_on_what_is_not_there_is_noticed(demo, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match=r"'data/demo/annotations/val.json', which.*with --val"):
        make_with(demo, tmp_path / 'x.py')
    with pytest.raises(SystemExit, match=r"person_keypoints_val2017.json', which.*with --val"):
        make_with(demo, tmp_path / 'y.py', '--sites', 'input', config=RES50)


def emptied(content):
    content['annotations'] = []


def without_area(content):
    for annotation in content['annotations']:
        del annotation['area']


def unchanged(content):
    pass


@pytest.mark.parametrize('change, args, message', [
    (emptied, [], 'val set is empty: .*mine.json'),
    (without_area, [], '`area` of the annotation with the id 1 is missing.*CocoMetric'),
    (unchanged, ['--val-images', '.'], 'of the val set .* do not exist.*--val-images'),
])
def test_a_validation_that_would_fail_is_noticed(change, args, message, demo, tmp_path):
    content = json.loads(Path(demo['val']).read_text())
    change(content)
    mine = tmp_path / 'mine.json'
    mine.write_text(json.dumps(content))
    with pytest.raises(SystemExit, match=message):
        make_with(demo, tmp_path / 'x.py', '--val', mine, '--val-images', demo['val_images'], *args)


def test_the_originals_own_validation_is_checked_where_it_is_there(demo, tmp_path):
    plain, mine = tmp_path / 'plain.py', tmp_path / 'mine.json'
    plain.write_text(f"""_base_ = {str(SUPERVISED)!r}
val_dataloader = dict(dataset=dict(
    data_root='', ann_file={str(mine)!r}, data_prefix=dict(img={str(demo["val_images"])!r})))
val_evaluator = dict(ann_file={str(mine)!r})
""")
    content = json.loads(Path(demo['val']).read_text())
    mine.write_text(json.dumps(content))
    options = ('--unlabeled', demo['train_images'], '--sites', 'input', '-o')
    make(*options, tmp_path / 'x.py', config=plain)
    content['annotations'][0]['bbox'] = [1, 2]
    mine.write_text(json.dumps(content))
    with pytest.raises(SystemExit, match=r'`bbox` of the annotation with the id \d+ is \[1, 2\]'):
        make(*options, tmp_path / 'y.py', config=plain)


@pytest.mark.parametrize('package, config', [
    ('albumentations', 'rtmpose/coco/rtmpose-t_8xb256-420e_coco-256x192.py'),
    ('mmpretrain', 'topdown_heatmap/coco/td-hm_ViTPose-small_8xb64-210e_coco-256x192.py'),
])
def test_a_package_that_is_missing_is_named_with_its_extra(
        package, config, demo, tmp_path, monkeypatch):
    monkeypatch.setattr(common_transforms, 'albumentations', None)
    monkeypatch.setattr(checks, 'find_spec', lambda name: None)

    def build(config):
        raise KeyError(f'{config["type"]} is not in the mmpose::model registry')

    if package == 'mmpretrain':
        monkeypatch.setattr(model, 'build_without_weights', build)
    with pytest.raises(SystemExit, match=rf'{package}.* \(.*pip install -e \.\[models\]\)'):
        make_with(demo, tmp_path / 'x.py', config=f'mmpose::body_2d_keypoint/{config}')


def test_a_config_of_mmpose_is_inherited_by_its_name(demo, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    out = tmp_path / 'x.py'
    make('--unlabeled', demo['train_images'], '--sites', 'input', '-o', out, config=RES50)
    text = out.read_text()
    said = capsys.readouterr().out
    assert '  data      12 unlabeled people\n' in said and 'mix with' not in said
    assert f"_base_ = '{RES50}'" in text
    assert re.search(r'labeled=dict\(\s*_base_\.train_dataloader\.dataset,\s*pipeline=', text)


def test_what_the_training_does_otherwise_is_noted(demo, tmp_path, capsys):
    plain = tmp_path / 'plain.py'
    plain.write_text(f"""_base_ = {str(SUPERVISED)!r}
train_dataloader = dict(sampler=dict(
    _delete_=True, type='mmpose.MultiSourceSampler', batch_size=4, source_ratio=[3, 1]))
model = dict(head=dict(loss=dict(_delete_=True, type='KLDiscretLoss')))
""")
    cfg = Config.fromfile(str(plain))
    cfg.model = dict(estimator=cfg.model, unsup_weight=4)
    found = [*_changed(cfg, cfg, 4.)]
    assert len(found) == 2 and 'MultiSourceSampler is left out' in found[0]
    assert 'count 4 times' in found[1] and 'model.unsup_weight=1`' in found[1]
    assert [*_changed(cfg, Config.fromfile(str(SUPERVISED)), 1.)] == []
    make_with(demo, tmp_path / 'x.py', '--val', demo['val'], '--val-images', demo['val_images'],
              '--ratio', 2)
    assert 'NOTE' not in capsys.readouterr().out  # the loss of heatmaps is an average


@pytest.mark.parametrize('change, message', [
    ("model = dict(_delete_=True, type='TopdownPoseEstimator')", 'no `backbone` in its config'),
    ("train_dataloader = dict(_delete_=True, batch_sampler=dict(type='X'), dataset=dict())",
     'no batch_size, by which'),
    ("model = dict(head=dict(out_channels=133))\n"
     "train_dataloader = dict(dataset=dict(type='CocoWholeBodyDataset'))",
     r"CocoWholeBodyDataset cannot read '.*json': KeyError: 'foot_kpts'. A class may need"),
])
def test_originals_that_miss_something_are_named(change, message, demo, tmp_path):
    plain = tmp_path / 'plain.py'
    plain.write_text(f'_base_ = {str(SUPERVISED)!r}\n{change}\n')
    with pytest.raises(SystemExit, match=message):
        make_with(demo, tmp_path / 'x.py', config=plain)


def test_unlabeled_images_none_of_which_can_be_read_are_an_error(demo, tmp_path):
    for name in 'abc':
        (tmp_path / f'{name}.jpg').write_text('version https://git-lfs.github.com/spec/v1')
    with pytest.raises(SystemExit, match='none of 3 unlabeled images that were tried can be read'):
        make('--labeled', demo['train_labeled'], '--labeled-images', demo['train_images'],
             '--unlabeled', tmp_path, '-o', tmp_path / 'x.py')


def test_a_full_disk_leaves_the_old_config(demo, tmp_path, monkeypatch):
    out = tmp_path / 'x.py'
    out.write_text('old')

    def full(content, path):
        raise OSError(f'cannot write {path}: no space')

    monkeypatch.setattr(checks, 'write_whole', full)
    with pytest.raises(SystemExit, match='cannot write .*x.py: no space'):
        make_with(demo, out, '--force')
    assert out.read_text() == 'old'
