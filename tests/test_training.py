"""The demo's configs train under MMEngine's Runner, on people drawn for the test, and learn."""
import uuid
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.optim import OptimWrapper
from mmengine.runner import Runner
from mmpose.datasets.transforms import (
    GenerateTarget,
    GetBBoxCenterScale,
    PackPoseInputs,
    TopdownAffine,
)
from mmpose.registry import MODELS

from mmpose_mum.datasets import PoseMultiBranch, StrongView, WeakView
from mmpose_mum.demo.data import generate_demo
from mmpose_mum.functional.branches import BRANCHES
from mmpose_mum.testing import CODEC, INPUT_SIZE, tiny_config

CONFIGS = Path(__file__).parents[1] / 'configs' / 'demo'
BURN_IN = 2


@pytest.fixture(scope='module')
def demo(tmp_path_factory):
    return generate_demo(
        tmp_path_factory.mktemp('demo'), num_train=12, num_val=6, labeled_percent=40, seed=1)


def run(name, demo, work_dir, iters, *, resume=False, **options):
    """Trains a demo config for some iterations of 8 images and returns the Runner."""
    root = demo['data_root'] + '/'
    sources = (['train_dataloader.dataset.labeled', 'train_dataloader.dataset.unlabeled']
               if name == 'pose_mum' else ['train_dataloader.dataset'])
    cfg = Config.fromfile(str(CONFIGS / f'{name}.py'))
    changes = {f'{source}.data_root': root for source in (
        *sources, 'val_dataloader.dataset', 'test_dataloader.dataset')}
    changes.update({
        'val_evaluator.ann_file': demo['val'], 'test_evaluator.ann_file': demo['val'],
        'train_dataloader.batch_size': 8, 'train_cfg.max_iters': iters,
        'train_cfg.val_interval': iters, 'default_hooks.checkpoint.interval': iters,
        'default_hooks.checkpoint.max_keep_ckpts': -1, 'default_hooks.logger.interval': 1,
        'work_dir': str(work_dir), 'resume': resume, 'experiment_name': uuid.uuid4().hex,
        'log_level': 'WARNING'})
    if name == 'pose_mum':
        changes.update({'model.burn_in': BURN_IN, 'model.ramp_up': 2})
    cfg.merge_from_dict({**changes, **options})
    runner = Runner.from_cfg(cfg)
    runner.train()
    return runner


def scalars(runner):
    return {key: list(buffer.data[0]) for key, buffer in runner.message_hub.log_scalars.items()}


def test_supervised_config_trains_and_validates(demo, tmp_path):
    runner = run('supervised', demo, tmp_path, 3)
    logged = scalars(runner)
    assert len(logged['train/loss_kpt']) == 3 and np.isfinite(logged['train/loss_kpt']).all()
    assert 'val/coco/AP' in logged
    assert (tmp_path / 'iter_3.pth').exists()


def test_pose_mum_config_trains_validates_stores_and_resumes(demo, tmp_path):
    first = run('pose_mum', demo, tmp_path, 5)
    logged = scalars(first)
    assert len(logged['train/sup_loss_kpt']) == 5
    # After the burn-in the unlabeled images count, ever more.
    assert logged['train/unsup_weight'] == pytest.approx([4 / 3, 8 / 3, 4])
    for key in ('unsup_loss', 'teacher_confidence', 'keypoints_used', 'keypoint_distance'):
        assert len(logged['train/' + key]) == 3 and np.isfinite(logged['train/' + key]).all()
    for model in ('teacher', 'student'):
        assert f'val/{model}/coco/AP' in logged
    assert first.message_hub.get_info('eman_updates') == 3

    checkpoint = torch.load(tmp_path / 'iter_5.pth', map_location='cpu')
    state = checkpoint['state_dict']
    names = {name.split('.', 1)[1] for name in state}
    assert set(state) == {f'{part}.{name}' for part in ('student', 'teacher') for name in names}
    weight = 'backbone.layer1.0.conv1.weight'
    assert not torch.equal(state['teacher.' + weight], state['student.' + weight])
    in_optimizer = sum(len(group['params']) for group in checkpoint['optimizer']['param_groups'])
    assert in_optimizer == len(list(first.model.student.parameters()))
    for name, tensor in first.model.state_dict().items():
        assert torch.equal(tensor, state[name]), name

    resumed = run('pose_mum', demo, tmp_path, 7, resume=True)
    assert resumed.iter == 7 and resumed.message_hub.get_info('eman_updates') == 5
    assert scalars(resumed)['train/unsup_weight'] == pytest.approx([4 / 3, 8 / 3, 4, 4, 4])
    assert (tmp_path / 'iter_7.pth').exists()


def test_the_teacher_is_the_burn_ins_copy_before_its_average(demo, tmp_path):
    runner = run('pose_mum', demo, tmp_path, BURN_IN)
    teacher, student = (getattr(runner.model, part).state_dict() for part in ('teacher', 'student'))
    assert all(torch.equal(teacher[name], student[name]) for name in teacher)
    assert 'train/unsup_loss' not in scalars(runner)


def test_a_loader_batch_that_is_not_the_samplers_is_an_error(demo, tmp_path):
    with pytest.raises(ValueError, match='its SemiSupervisedSampler has batch_size'):
        run('pose_mum', demo, tmp_path, 1, **{
            'train_dataloader.batch_size': 4, 'train_dataloader.sampler.batch_size': 64})


COLORS = ((255, 60, 60), (60, 255, 60), (60, 60, 255), (255, 255, 60))


def dots(rng):
    """Returns an image of four dots, one a keypoint; none is another's mirror image."""
    height, width = 120, 90
    img = rng.integers(80, 100, (height, width, 3), dtype=np.uint8)
    points = np.stack([rng.uniform(20, 70, 4), rng.uniform(20, 100, 4)], -1).astype(np.float32)
    for (x, y), color in zip(points.astype(int).tolist(), COLORS):
        cv2.circle(img, (x, y), 5, color, -1)
    return dict(
        img=img, img_shape=(height, width), ori_shape=(height, width), img_path='', id=0, img_id=0,
        bbox=np.array([[5, 5, 85, 115]], np.float32), bbox_score=np.ones(1, np.float32),
        keypoints=points[None], keypoints_visible=np.ones((1, 4), np.float32), category_id=1,
        dataset_keypoint_weights=np.ones(4, np.float32), flip_indices=[0, 1, 2, 3])


@pytest.mark.slow
def test_the_unsupervised_branch_alone_teaches_the_student_what_the_teacher_sees():
    """The teacher has learned to find dots; the student starts from nothing and sees no label."""
    torch.manual_seed(0)
    np.random.seed(0)
    rng = np.random.default_rng(0)
    labeled = PoseMultiBranch(BRANCHES, sup=[
        GetBBoxCenterScale(), TopdownAffine(INPUT_SIZE), GenerateTarget(dict(CODEC)),
        PackPoseInputs()])
    unlabeled = PoseMultiBranch(BRANCHES, unsup_teacher=[WeakView(INPUT_SIZE)], unsup_student=[
        StrongView(INPUT_SIZE, photometric=None)])

    def batch(num_labeled, num_unlabeled):
        return pseudo_collate([labeled(dots(rng)) for _ in range(num_labeled)]
                              + [unlabeled(dots(rng)) for _ in range(num_unlabeled)])

    def build(**weights):
        model = MODELS.build(tiny_config('hrnet', **weights))
        model.init_weights()
        return model, OptimWrapper(torch.optim.Adam(model.student.parameters(), lr=1e-2))

    def error(model):
        """The student's mean distance from the true dots, in pixels of the input."""
        data = batch(64, 0)
        data = {key: value['sup'] for key, value in data.items()}
        samples = data['data_samples']
        truth = np.concatenate([s.gt_instances.keypoints for s in samples])
        warps = np.stack([s.metainfo.get('warp_mat', np.eye(3)) for s in samples])
        assert (warps == np.eye(3)).all()
        model.eval().semi_test_cfg['predict_on'] = 'student'
        predicted = model.test_step(data)
        found = np.concatenate([s.pred_instances.keypoints for s in predicted])
        return float(np.linalg.norm(found - truth, axis=-1).mean())

    model, optim_wrapper = build(unsup_weight=0.)
    for _ in range(200):
        model.train().train_step(batch(12, 1), optim_wrapper)
    teacher = model.student.state_dict()
    teachers_error = error(model)

    model, optim_wrapper = build(sup_weight=0.)
    model.teacher.load_state_dict(teacher)
    before = error(model)
    distances = []
    for _ in range(300):
        logged = model.train().train_step(batch(1, 12), optim_wrapper)
        distances.append(logged['keypoint_distance'].item())
    after = error(model)
    assert teachers_error < 8 < 20 < before
    assert np.mean(distances[-10:]) < .5 * np.mean(distances[:10])
    assert after < .5 * before
