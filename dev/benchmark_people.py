"""Which share of each person's keypoints a trained run gets right, to tell luck from progress.

`dev/benchmark_methods.py` runs this behind each training, on the config that it has written:

    python dev/benchmark_people.py WORK_DIR/pose_mum/labels_200/seed_0.py \
        WORK_DIR/pose_mum/labels_200/seed_0

It writes `people.json` there: of the validation's people (`val`) and of those whose labels the
training did not see (`hidden`), by person, how many keypoints are labeled (`seen`) and how many of
them are off by less than 0.1 of the box's longer side (`right`), a base-36 digit each. All are seen
as in validation, in the order of the annotations.
"""
import argparse
import json
from pathlib import Path

import torch
from benchmark_runs import hidden_people
from mmengine.config import Config
from mmengine.dataset import pseudo_collate

import mmpose_mum  # noqa: F401
from mmpose_mum.checkpoint.last import find_checkpoint
from mmpose_mum.files.whole import write_whole
from mmpose_mum.visualization.compare import build_dataset, build_model, right_and_labeled

DIGITS = '0123456789abcdefghijklmnopqrstuvwxyz'
BATCH = 50


@torch.no_grad()
def judge(model, dataset) -> dict:
    """Return ``right`` and ``seen`` of each person of a data set; more than 35 do not fit."""
    counts = []
    for start in range(0, len(dataset), BATCH):
        batch = [dataset[i] for i in range(start, min(start + BATCH, len(dataset)))]
        counts += [right_and_labeled(sample.cpu().numpy())
                   for sample in model.val_step(pseudo_collate(batch))]
    return {name: ''.join(DIGITS[count] for count in column)
            for name, column in zip(('right', 'seen'), zip(*counts))}


def main(args=None) -> None:
    """Judge a run's teacher, or its only model, and write what was found."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', type=Path, help='config of the run')
    parser.add_argument('folder', type=Path, help='its work dir')
    path, folder = vars(parser.parse_args(args)).values()
    cfg = Config.fromfile(path)
    # Of several devices, the benchmark shows a run its own.
    device = 'cuda' if torch.cuda.is_available() else 'cpu'
    model = build_model(folder.name, cfg, find_checkpoint(folder)).to(device)
    found = dict(val=judge(model, build_dataset(cfg)))
    hidden = hidden_people(cfg)
    if hidden:
        found['hidden'] = judge(model, build_dataset(cfg, **hidden))
    write_whole(json.dumps(found) + '\n', folder / 'people.json')


if __name__ == '__main__':
    main()
