"""Small data, configs on it, and runs with their logs, for the tests of the benchmark."""
import json
import sys
from pathlib import Path

import pytest
from mmengine.config import Config

from mmpose_mum.demo.data import generate_demo

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / 'dev'))

from benchmark_runs import Run  # noqa: E402

TOTAL = 8
SHORT = 'val_dataloader = dict(dataset=dict(data_root=root))\n' \
        "val_evaluator = dict(ann_file=root + 'annotations/val.json')\n" \
        'test_dataloader, test_evaluator = val_dataloader, val_evaluator\n' \
        'train_cfg = dict(max_iters=4, val_interval=2)\n' \
        'default_hooks = dict(checkpoint=dict(interval=2, max_keep_ckpts=2))\n'
SUPERVISED = """
_base_ = '{configs}/demo/supervised.py'
root = '{data}/'
train_dataloader = dict(
    batch_size=2, dataset=dict(data_root=root, ann_file='annotations/train.json'))
"""
POSE_MUM = """
_base_ = '{configs}/demo/pose_mum.py'
root = '{data}/'
train_dataloader = dict(batch_size=8, dataset=dict(
    labeled=dict(data_root=root, ann_file='annotations/train.json'),
    unlabeled=dict(data_root=root, ann_file='annotations/{unlabeled}.json')))
"""


@pytest.fixture(name='data', scope='module')
def data_fixture(tmp_path_factory):
    folder = tmp_path_factory.mktemp('data')
    generate_demo(folder, num_train=TOTAL, num_val=3, labeled_percent=50, image_size=(64, 64))
    return folder


@pytest.fixture(name='configs')
def configs_fixture(tmp_path, data):
    """Return a function that writes configs on the small data, by their name."""
    def write(name, text=None, **kwargs):
        text = text or (SUPERVISED if name == 'supervised' else POSE_MUM)
        path = tmp_path / 'configs' / f'{name}.py'
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.format(**dict(
            dict(configs=ROOT / 'configs', data=data, unlabeled='train'), **kwargs)) + SHORT)
        return path
    return write


def a_run(folder, **kwargs):
    loader = dict(batch_size=2, dataset=dict(type='CocoDataset', indices=[0, 1]))
    cfg = Config(dict(dict(train_cfg=dict(max_iters=4), train_dataloader=loader), **kwargs))
    return Run('mine', ROOT / 'configs/demo/pose_mum.py', cfg, 2, TOTAL, 0, folder)


def log(folder, number, *entries):
    path = folder / str(number) / 'vis_data/scalars.json'
    path.parent.mkdir(parents=True)
    path.write_text(''.join(json.dumps(entry) + '\n' for entry in entries))
    return path
