"""A finished training of a tiny semi-supervised model on noise, with 14 keypoints in its config."""
import atexit
import json
import os
import shutil
import tempfile
import uuid
from functools import lru_cache
from pathlib import Path
from unittest.mock import patch

import cv2
import numpy as np
from mmengine.config import Config
from mmengine.runner import Runner

from mmpose_mum.testing import CODEC, INPUT_SIZE, tiny_config

ROOT = Path(__file__).parents[2]
BASE = f"""
_base_ = {str(ROOT / 'configs/_base_/lspet.py')!r}
custom_imports = dict(imports=['mmpose_mum'], allow_failed_imports=False)
default_scope = 'mmpose'
"""
REST = """
metainfo = _base_.dataset_info
crop = [dict(type='GetBBoxCenterScale'), dict(type='TopdownAffine', input_size=codec['input_size'])]
test_pipeline = [dict(type='LoadImage'), *crop, dict(type='PackPoseInputs')]
labeled = dict(type='CocoDataset', ann_file=root + 'labels.json', metainfo=metainfo,
                data_prefix=dict(img=root + 'labeled/'))
branches = ['sup', 'unsup_teacher', 'unsup_student']
train_dataloader = dict(
    batch_size=4, num_workers=0,
    sampler=dict(type='SemiSupervisedSampler', batch_size=4, source_ratio=[1, 1]),
    dataset=dict(type='SemiSupervisedDataset', datasets=[
        dict(labeled, pipeline=[
            dict(type='LoadImage'),
            dict(type='PoseMultiBranch', branch_field=branches, sup=[
                *crop, dict(type='GenerateTarget', encoder=codec), dict(type='PackPoseInputs')])]),
        dict(type='UnlabeledPoseDataset', metainfo=metainfo,
             data_prefix=dict(img=root + 'unlabeled/'), pipeline=[
                 dict(type='LoadUnlabeledImage'),
                 dict(type='PoseMultiBranch', branch_field=branches,
                      unsup_teacher=[dict(type='WeakView', input_size=codec['input_size'])],
                      unsup_student=[dict(type='StrongView', input_size=codec['input_size'])])])]))
train_cfg = dict(type='ResumableTrainLoop', max_iters=2, val_interval=2)
optim_wrapper = dict(constructor='StudentOptimWrapperConstructor',
                     optimizer=dict(type='SGD', lr=0.1))
custom_hooks = [dict(type='EMANHook', momentum=0.9), dict(type='LossGuardHook'),
                dict(type='PseudoLabelMonitorHook', interval=1, window=1)]
default_hooks = dict(
    logger=dict(type='LoggerHook', interval=1),
    checkpoint=dict(type='SafeCheckpointHook', interval=2, by_epoch=False))
val_dataloader = dict(
    batch_size=2, num_workers=0, sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(labeled, test_mode=True, pipeline=test_pipeline))
test_dataloader = val_dataloader
val_evaluator = [dict(type='PCKAccuracy', thr=0.1), dict(
    type='TorsoPCKAccuracy', thr=0.2, torso=('left_shoulder', 'right_hip'))]
test_evaluator = val_evaluator
val_cfg = dict(type='TeacherStudentOnePassValLoop')
test_cfg = dict()
log_processor = dict(by_epoch=False)
randomness = dict(seed=0)
"""


def write_people(root: Path, names, size=(90, 120), number=14) -> dict:
    """Write images of noise, one person each, and return their json in COCO's layout."""
    rng, (width, height) = np.random.default_rng(0), size
    root.mkdir(parents=True, exist_ok=True)
    content = dict(images=[], annotations=[], categories=[dict(id=1, name='person')])
    for i, name in enumerate(names):
        cv2.imwrite(str(root / name), rng.integers(0, 256, (height, width, 3), dtype=np.uint8))
        content['images'].append(
            dict(id=10 * i + 7, file_name=name, width=width, height=height))
        keypoints = np.full((number, 3), 2.)
        keypoints[:, :2] = rng.uniform(10, [width - 10, height - 10], (number, 2))
        content['annotations'].append(dict(
            id=i, image_id=10 * i + 7, category_id=1, iscrowd=0, bbox=[5, 5, 70, 100], area=7000,
            num_keypoints=number, keypoints=keypoints.reshape(-1).tolist()))
    return content


@lru_cache(maxsize=1)
def train() -> Path:
    """Train two steps, once for all tests, and return the checkpoint.

    It is not to be changed. Its work dir has the config that MMEngine wrote; the original is
    ``original.py`` in the folder above.
    """
    root = Path(tempfile.mkdtemp(prefix='small_run_'))
    atexit.register(shutil.rmtree, str(root), ignore_errors=True)
    labels = write_people(root / 'labeled', ['a.png', 'b.png'])
    (root / 'labels.json').write_text(json.dumps(labels))
    write_people(root / 'unlabeled', ['c.png', 'd.png', 'e.png'])
    model = tiny_config(num_keypoints=14, unsup_weight=1.)
    model['estimator']['test_cfg']['flip_test'] = True
    model['estimator']['backbone']['init_cfg'] = dict(type='Normal', layer='Conv2d', std=0.1)
    model['estimator']['head']['init_cfg'] = dict(type='Normal', layer='Conv2d', std=0.1)
    original = root / 'original.py'
    original.write_text(f'{BASE}\nroot = {str(root)!r} + "/"\ncodec = {CODEC!r}\n'
                        f'model = {model!r}\n{REST}')
    cfg = Config.fromfile(str(original))
    cfg.merge_from_dict(dict(work_dir=str(root / 'work'), experiment_name=uuid.uuid4().hex,
                             log_level='ERROR'))
    # What MMEngine dumps is only made pretty by yapf, for a minute in all.
    with patch('mmengine.config.config.FormatCode', lambda text, **kwargs: (text, True)):
        Runner.from_cfg(cfg).train()
    assert INPUT_SIZE == CODEC['input_size']
    return root / 'work' / 'iter_2.pth'


class Hostile:
    """What a hostile file may hold: unpickled, it is a shell command that runs."""

    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self):
        return os.system, (self.command, )
