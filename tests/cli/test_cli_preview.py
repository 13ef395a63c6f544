"""The image of the branches: one row a person, drawn from any semi-supervised config."""
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from mmpose_mum.cli import main
from mmpose_mum.datasets.short_form import SOURCE_NAMES
from mmpose_mum.demo.data import generate_demo

ROOT = Path(__file__).parents[2]


def browse(tmp_path, config, *options, checkpoint=None, num=4):
    """Returns the image of four of the demo's people, in tiles of 288 pixels; 8 are unlabeled."""
    demo = generate_demo(tmp_path / 'demo', num_train=10, num_val=1, labeled_percent=20)
    out = tmp_path / 'branches.png'
    main(['preview',
        str(ROOT / config), '--out', str(out), '--num', str(num), '--height', '288',
        *(['--checkpoint', str(checkpoint)] if checkpoint else []), '--cfg-options',
        *(f'train_dataloader.dataset.{name}.data_root={demo["data_root"]}/'
          for name in SOURCE_NAMES),
        *options])
    return cv2.imread(str(out))


def tile(sheet, row, column):
    top, left = 58 + row * 292, 4 + column * 292
    return sheet[top:top + 288, left:left + 288].astype(int)


def test_every_tile_of_a_mixed_image_stands_at_its_place_in_a_strong_view(tmp_path):
    sheet = browse(tmp_path, 'configs/demo/pose_mum.py', "model.mix_unmix.sites=['input']")
    assert sheet.shape == (58 + 4 * 292, 4 + 6 * 292, 3)
    strong = np.stack([tile(sheet, i, 1) for i in range(4)])
    assert all(image.std() > 10 for image in strong)
    foreign = 0
    for row in range(4):
        mixed = tile(sheet, row, 2)
        for y in range(0, 288, 96):
            for x in range(0, 288, 96):
                cell = (slice(y, y + 96), slice(x, x + 96))
                off = [abs(mixed[cell] - strong[i][cell]).max() for i in range(4)]
                assert min(off) == 0
                foreign += int(np.argmin(off)) != row
    assert foreign > 9


def test_nobody_is_shown_twice(tmp_path):
    sheet = browse(tmp_path, 'configs/demo/pose_mum.py', num=11)
    assert len(sheet) == 58 + 8 * 292
    people = [tile(sheet, row, 0).tobytes() for row in range(8)]
    assert len(set(people)) == 8


def test_a_checkpoint_of_another_model_is_refused(tmp_path):
    torch.save(dict(state_dict={'backbone.conv1.weight': torch.zeros(1)}), str(tmp_path / 'a.pth'))
    with pytest.raises(SystemExit, match=r"(?s)not of .*pose_mum\.py's model: .*conv1.weight"):
        browse(tmp_path, 'configs/demo/pose_mum.py', 'model.unsup_weight=4',
               checkpoint=tmp_path / 'a.pth')
    assert not (tmp_path / 'branches.png').exists()


def test_an_argument_that_there_is_not_is_named(tmp_path):
    with pytest.raises(SystemExit, match=r"pose_mum.py cannot be built: .*argument 'burn_inn'"):
        browse(tmp_path, 'configs/demo/pose_mum.py', 'model.burn_inn=3')


def test_changes_may_be_given_one_after_the_other():
    with pytest.raises(SystemExit, match='unsup_weight=0.*nothing to show'):
        main(['preview', str(ROOT / 'configs/demo/pose_mum.py'), '--cfg-options',
              'model.unsup_weight=0', '--cfg-options', 'model.burn_in=0'])


def test_a_change_without_a_value_is_refused():
    with pytest.raises(SystemExit, match="expected KEY=VALUE, got 'model.unsup_weight'"):
        main(['preview', str(ROOT / 'configs/demo/pose_mum.py'), '--cfg-options', 'a=1',
              'model.unsup_weight'])


def test_a_config_without_unlabeled_branches_is_refused():
    with pytest.raises(SystemExit, match='no SemiSupervisedPoseEstimator'):
        main(['preview', str(ROOT / 'configs/demo/supervised.py')])
    with pytest.raises(SystemExit, match='unsup_weight=0.*nothing to show'):
        main(['preview', str(ROOT / 'configs/demo/pose_mum.py'), '--cfg-options',
                              'model.unsup_weight=0'])
