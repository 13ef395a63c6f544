"""The tool that trains every config on small sets: what it changes, and one config for real."""
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmpose.datasets.datasets.utils import parse_pose_metainfo
from scipy.io import loadmat

from mmpose_mum.datasets.short_form import sources_of
from mmpose_mum.demo.data import generate_demo

REPOSITORY = Path(__file__).parents[2]
CONFIGS = REPOSITORY / 'configs'
TOOL = REPOSITORY / 'dev/train_all_tiny.py'
DATA = os.environ.get('MMPOSE_MUM_TINY_DATA')  # such as MMPose's tests/data, for the slow test

sys.path.insert(0, str(REPOSITORY / 'dev'))

import train_all_tiny as tool  # noqa: E402


def sets_of(cfg):
    """Returns the set of a config, or the labeled and the unlabeled one."""
    return sources_of(cfg.train_dataloader.dataset)


def names_of_aic():
    names = parse_pose_metainfo(dict(from_file='configs/_base_/datasets/aic.py'))
    return [names['keypoint_id2name'][i] for i in range(14)]


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    """A folder with a coco/ of six people, and one person each in aic/ and mpii/."""
    root = tmp_path_factory.mktemp('tiny')
    demo = Path(generate_demo(
        tmp_path_factory.mktemp('demo'), num_train=4, num_val=6, labeled_percent=50,
        seed=1)['data_root'])
    shutil.copytree(str(demo / 'images/val'), str(root / 'coco'))
    shutil.copy(str(demo / 'annotations/val.json'), str(root / 'coco/test_coco.json'))
    (root / 'aic').mkdir()
    person = dict(image_id=1, category_id=1, id=1, bbox=[0, 0, 20, 30], num_keypoints=14,
                  keypoints=np.arange(42).tolist())
    category = dict(id=1, name='person', skeleton=[[1, 2]], keypoints=names_of_aic())
    (root / 'aic/test_aic.json').write_text(json.dumps(
        dict(images=[dict(id=1, file_name='1.jpg', width=20, height=30)], annotations=[person],
             categories=[category])))
    (root / 'mpii').mkdir()
    joints = np.zeros((16, 2))
    joints[8], joints[9] = (3, 14), (6, 10)
    (root / 'mpii/test_mpii.json').write_text(json.dumps([dict(joints=joints.tolist())]))
    return root


def run(*arguments):
    return subprocess.run(
        [sys.executable, str(TOOL), *map(str, arguments)], stdout=subprocess.PIPE, text=True,
        env=dict(os.environ, PYTHONPATH=str(REPOSITORY), PYTHONWARNINGS='ignore'))


def test_finds_every_config_and_no_base():
    names = tool.find_configs(['*'])
    assert {name.split('/')[0] for name in names} == {'pose_mum', 'baselines', 'lspet', 'demo'}
    assert 'lspet/quarter_width/ablations/weight_1.py' in names
    assert tool.find_configs(['demo/*', 'nothing']) == ['demo/pose_mum.py', 'demo/supervised.py']


@pytest.mark.parametrize('name', [
    'pose_mum/res152_coco_wild.py', 'pose_mum/hrnet_w32_coco_10pct.py',
    'pose_mum/hrnet_w32_mpii_aic.py', 'baselines/pose_cons/res18_coco_1k.py',
    'baselines/supervised/res18_coco_1k.py', 'lspet/pose_mum.py'])
def test_changes_the_data_and_the_time_and_nothing_of_the_model(name, data, tmp_path):
    before = Config.fromfile(str(CONFIGS / name))
    made = tool.prepare_files(data, tmp_path)
    cfg = tool.make_tiny(Config.fromfile(str(CONFIGS / name)), data, made, 'somewhere')
    text = cfg.pretty_text
    assert "type='Pretrained'" not in text.split('train_dataloader')[0]
    assert 'http' not in str(cfg.model) and 'torchvision' not in str(cfg.model)

    old, new = (dict(c.model.get('estimator', c.model)) for c in (before, cfg))
    for model in (old, new):
        model['backbone'] = dict(model['backbone'], init_cfg=None)
    assert old == new
    same = set(before.model) - {'estimator', 'burn_in', 'ramp_up', 'backbone'}
    assert all(before.model[key] == cfg.model[key] for key in same)
    burn_in = cfg.model.get('burn_in', 0)
    assert burn_in == min(before.model.get('burn_in', 0), 1)
    sources = sets_of(cfg)
    assert cfg.train_dataloader.batch_size == 4 * len(sources)
    for dataset in (*sources, cfg.val_dataloader.dataset):
        assert (Path(dataset.data_root) / dataset.ann_file).exists()
    assert [source.pipeline for source in sources] == [
        source.pipeline for source in sets_of(before)]
    assert cfg.train_cfg.max_iters == 2


def test_people_of_aic_get_the_keypoints_of_leeds(data, tmp_path):
    made = tool.prepare_files(data, tmp_path)
    content = json.loads(Path(made['lspet.json']).read_text())
    person, category = content['annotations'][0], content['categories'][0]
    lspet = Config.fromfile(str(CONFIGS / '_base_/lspet.py')).dataset_info.keypoint_info
    names = [names_of_aic()[x // 3] for x in person['keypoints'][::3]]
    assert names == category['keypoints'] == [lspet[i].name for i in range(14)]


def test_a_second_round_learns_from_a_model_like_the_first_rounds(data, tmp_path):
    made = tool.prepare_files(data, tmp_path)
    cfg = Config.fromfile(str(CONFIGS / 'lspet/full_recipe.py'))
    tool.make_tiny(cfg, data, made, str(tmp_path))
    weights = torch.load(cfg.model.labeler.checkpoint)['state_dict']
    assert weights['head.final_layer.weight'].shape[0] == 14


def test_heads_of_mpii_are_as_mmpose_reads_them(data, tmp_path):
    heads = loadmat(tool.prepare_files(data, tmp_path)['headboxes'])['headboxes_src']
    (head, ) = np.transpose(heads, [2, 0, 1])  # MpiiDataset
    assert np.linalg.norm(head[1] - head[0]) == 5


def test_data_that_it_does_not_know_is_an_error(data):
    with pytest.raises(ValueError, match="data_root 'data/moon/'"):
        tool.use_set(Config(dict(data_root='data/moon/')), data, {})


def test_trains_reports_and_remembers(data, tmp_path):
    results = tmp_path / 'results.json'
    arguments = ('--data', data, '--json', results, '--only', 'demo/pose_mum.py')
    first = run(*arguments)
    assert first.returncode == 0 and '1 of 1 configs passed' in first.stdout
    kept = json.loads(results.read_text())['demo/pose_mum.py']
    assert kept['figures']['train/unsup_loss'] > 0 and 'val/teacher/coco/AP' in kept['figures']

    kept['seconds'] = 1234.5
    results.write_text(json.dumps({'demo/pose_mum.py': kept}))
    # A set without its image makes one fail, and the one that has passed is not run again.
    again = run(*arguments, 'lspet/supervised.py')
    assert again.returncode == 1 and '1 of 2 configs passed' in again.stdout
    assert re.search(r'passed +demo/pose_mum.py +1234.5 s +before', again.stdout)
    assert re.search(r'FAILED +lspet/supervised.py .*FileNotFoundError', again.stdout)
    failed = json.loads(results.read_text())['lspet/supervised.py']
    assert not failed['passed'] and 'Traceback' in failed['log']


def test_a_pattern_or_a_folder_that_is_not_there_is_an_error(data, tmp_path):
    with pytest.raises(SystemExit, match='no config'):
        tool.main(['--data', str(data), '--only', 'nothing'])
    with pytest.raises(SystemExit, match='no folder'):
        tool.main(['--data', str(tmp_path / 'none')])


@pytest.mark.slow
@pytest.mark.skipif(not DATA, reason='MMPOSE_MUM_TINY_DATA does not name the folder of small sets')
def test_every_config_trains_on_real_images():
    result = run('--data', DATA)
    assert result.returncode == 0, result.stdout
