"""The picture of the branches: one row a person, drawn from any semi-supervised config."""
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from mmpose_mum.datasets.demo import generate_demo

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / 'tools'))

import browse_branches  # noqa: E402


def test_it_draws_every_column_of_every_person(tmp_path):
    demo = generate_demo(tmp_path / 'demo', num_train=10, num_val=1, labeled_percent=20)
    out = tmp_path / 'branches.png'
    options = [f'train_dataloader.dataset.datasets.{i}.data_root={demo["data_root"]}/'
               for i in (0, 1)]
    browse_branches.main([
        str(ROOT / 'configs/demo/pose_mum.py'), '--out', str(out), '--num', '4', '--height', '288',
        '--cfg-options', *options])
    sheet = cv2.imread(str(out))
    columns = len(browse_branches.COLUMNS)
    assert sheet.shape == (22 + 4 * 292, columns * 292, 3)

    def tile(row, column):
        top, left = 22 + row * 292 + 2, column * 292 + 2
        return sheet[top:top + 288, left:left + 288]

    # Each cell of a mixed image stands at its place in one of the strong views of the group. The
    # strong views have joints drawn on them, so not all pixels agree.
    strong = np.stack([tile(i, 1) for i in range(4)]).astype(int)
    foreign = 0
    for row in range(4):
        mixed = tile(row, 2).astype(int)
        for y in range(0, 288, 96):
            for x in range(0, 288, 96):
                cell = (slice(y, y + 96), slice(x, x + 96))
                off = [abs(mixed[cell] - strong[i][cell]).mean() for i in range(4)]
                assert min(off) < 20
                foreign += int(np.argmin(off)) != row
    assert foreign > 9


def test_a_config_without_mixing_is_refused():
    with pytest.raises(SystemExit, match='no SemiSupervisedPoseEstimator with mix_unmix'):
        browse_branches.main([str(ROOT / 'configs/demo/supervised.py')])
