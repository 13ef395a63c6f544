"""What CONTRIBUTING.md says is so: its map names every folder, and its worked examples work."""
import re
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmpose.registry import DATASETS, MODELS

from mmpose_mum.models.targets import base
from mmpose_mum.testing import tiny_batch, tiny_config

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / 'CONTRIBUTING.md').read_text(encoding='utf-8')
EXAMPLES = re.findall(r'^## Add (.+?)\n.*?^```python\n(.*?)^```', PAGE, re.S | re.M)


@pytest.fixture
def run(monkeypatch):
    """Run an example and return its names; what it registers goes with the test."""
    monkeypatch.setattr(base, '_KINDS', list(base._KINDS))
    for registry in (DATASETS, MODELS):
        monkeypatch.setattr(registry, '_module_dict', dict(registry._module_dict))

    def run_example(title):
        names = {'__name__': f'example_{title.replace(" ", "_")}'}
        exec(compile(dict(EXAMPLES)[title], 'CONTRIBUTING.md', 'exec'), names)
        return names

    return run_example


def test_the_map_names_every_folder():
    folders = set(re.findall(r'^\| `([\w/]+?)/?` \|', PAGE, re.M))
    inside = {path.parent.name for path in (ROOT / 'mmpose_mum').glob('*/__init__.py')}
    beside = {path.name for path in ROOT.iterdir()
              if path.is_dir() and path.name in ('configs', 'tools', 'dev', 'docs', 'tests')}
    assert inside <= folders and beside <= folders


def test_a_head(run):
    head = run('a head')['PixelHead'](
        in_channels=4, num_joints=4, decoder=dict(type='RegressionLabel', input_size=(64, 96)),
        loss=dict(type='SmoothL1Loss', use_target_weight=True))
    maker = base.target_maker_for(head)
    assert type(maker).__name__ == 'PixelTargetMaker'
    views = dict(warp_mat=torch.eye(3)[None], flip=torch.tensor([False]))
    seen = torch.tensor([[[5., 6.], [20., 30.], [60., 90.], [70., 8.]]])  # the last is outside
    made = maker(seen, views, views, [0, 1, 2, 3])
    assert torch.equal(made.maps, seen) and made.weights.tolist() == [[1, 1, 1, 0]]
    output = (seen + 2).requires_grad_()
    maker.loss(output, made).backward()
    assert torch.equal(output.grad.abs().sum(-1) > 0, made.weights > 0)


def test_a_backbone(run):
    names = run('a backbone')
    assert names['sites'] == ['input', 'stage1', 'stage2']
    MODELS.build(names['mix_unmix']).attach(names['PlainBackbone'](), (192, 256))


def test_unlabeled_people_from_another_place(run, tmp_path):
    run('unlabeled people from another place')
    cv2.imwrite(str(tmp_path / 'a.png'), np.zeros((40, 30, 3), np.uint8))
    (tmp_path / 'people.txt').write_text(f'{tmp_path}/a.png 1 2 20 30\n')
    dataset = DATASETS.build(dict(
        type='ListedPeople', ann_file=str(tmp_path / 'people.txt'), pipeline=[
            dict(type='LoadUnlabeledImage'), dict(type='WeakView', input_size=(64, 96))]))
    sample = dataset[0]
    assert sample['inputs'].shape == (3, 96, 64)
    assert sample['data_samples'].metainfo['warp_mat'].shape == (3, 3)


def test_a_method(run):
    run('a method')
    model = MODELS.build(dict(tiny_config(), type='SelfTaughtEstimator'))
    losses = model.train().loss(**tiny_batch(model))
    losses['unsup_loss'].backward()
    assert all(p.grad is None for p in model.teacher.parameters())
    assert any(p.grad is not None and p.grad.any() for p in model.student.parameters())


def test_every_example_is_tried():
    assert {f'test_{title.replace(" ", "_")}' for title, _ in EXAMPLES} <= set(globals())
