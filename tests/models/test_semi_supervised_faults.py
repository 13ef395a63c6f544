"""The semi-supervised estimator refuses batches and arguments that do not fit, by name."""
import pytest
from mmpose.registry import MODELS
from tiny_estimators import build, optimizer_of

from mmpose_mum.models.semi_supervised import BRANCHES
from mmpose_mum.testing import tiny_batch, tiny_config, tiny_loader_batch


@pytest.mark.parametrize('branch', BRANCHES)
@pytest.mark.parametrize('kind', ['missing', 'empty'])
def test_a_batch_that_lacks_a_branch_is_named(branch, kind):
    model = build()
    batch, raw, optim_wrapper = tiny_batch(model), tiny_loader_batch(), optimizer_of(model)
    for part in ('inputs', 'data_samples'):
        if kind == 'missing':
            del batch[part][branch], raw[part][branch]
        else:
            batch[part][branch] = batch[part][branch][:0]
            raw[part][branch] = [None] * len(raw[part][branch])
    with pytest.raises(ValueError, match=f"'{branch}': 0.*PoseMultiBranch"):
        model.loss(**batch)
    with pytest.raises(ValueError, match=f"'{branch}': 0.*SemiSupervisedSampler"):
        model.train_step(raw, optim_wrapper)


def test_unlabelled_branches_of_different_length_are_an_error():
    model = build()
    batch = tiny_batch(model)
    batch['inputs']['unsup_teacher'] = batch['inputs']['unsup_teacher'][1:]
    with pytest.raises(ValueError, match="equally many.*'unsup_teacher': 3, 'unsup_student': 4"):
        model.loss(**batch)


def test_batches_of_a_plain_loader_are_an_error():
    model = build()
    raw = tiny_loader_batch(3, 0)
    with pytest.raises(ValueError, match='PoseMultiBranch'):
        model.train_step(
            {key: value['sup'] for key, value in raw.items()}, optimizer_of(model))


def test_a_sample_without_its_warp_is_an_error():
    model = build()
    batch = tiny_batch(model)
    for sample in batch['data_samples']['unsup_student']:
        del sample.warp_mat
    with pytest.raises(KeyError, match='WarpTopdownAffine'):
        model.loss(**batch)


def test_a_model_without_a_head_is_an_error():
    cfg = tiny_config()
    del cfg['estimator']['head']
    with pytest.raises(ValueError, match='TopdownPoseEstimator has no head'):
        MODELS.build(cfg)


@pytest.mark.parametrize('name', ['backbone', 'train_cfg'])
def test_what_belongs_into_the_estimator_is_an_error_and_empty_ones_are_not(name):
    """The empty ones are MMPose's ``init_model``'s."""
    for empty in ({}, None):
        MODELS.build(tiny_config(**{name: empty}))
    with pytest.raises(ValueError, match=f'move it to estimator.{name}'):
        MODELS.build(tiny_config(**{name: dict(type='ResNet')}))


def test_a_head_that_is_not_supported_is_an_error():
    cfg = tiny_config()
    cfg['estimator']['head'] = dict(
        type='TrajectoryRegressionHead', in_channels=32, num_joints=4,
        decoder=dict(type='RegressionLabel', input_size=(64, 96)))
    with pytest.raises(ValueError, match='TrajectoryRegressionHead are not supported.*SimCCHead'):
        MODELS.build(cfg)


@pytest.mark.parametrize('options, message', [
    (dict(predict_on='both'), "'teacher' or 'student', got 'both'"),
    (dict(sup_weight=-1.), 'sup_weight must be at least 0'),
    (dict(unsup_weight=-1.), 'unsup_weight must be at least 0'),
    (dict(burn_in=-1), 'burn_in must be at least 0'),
    (dict(ramp_up=-1), 'ramp_up must be at least 0'),
    (dict(confidence=dict(mode='often')), "one of .*'often'"),
    (dict(confidence=dict(mode='threshold')), 'threshold=None'),
    (dict(joint_cutout=dict(size=3)), r"unknown keys \['size'\]; it knows half_size, jitter"),
    (dict(mix_unmix=dict(sites=['layer9'])), "no stage 'layer9'.*layer1"),
    (dict(mix_unmix=dict(sites=['layer4'], grid=(7, 7))), 'does not fit a feature map'),
    (dict(mix_unmix=dict(group_size=1)), 'group_size must be at least 2')], ids=str)
def test_arguments_out_of_range(options, message):
    with pytest.raises(ValueError, match=f'(?s){message}'):
        MODELS.build(tiny_config(**options))
