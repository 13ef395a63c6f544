"""The semi-supervised estimator: who learns from what, whatever its backbone and head."""
import copy

import cv2
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from mmengine.config import ConfigDict
from mmengine.dataset import pseudo_collate
from mmengine.logging import MessageHub
from mmengine.runner import load_checkpoint, save_checkpoint
from mmengine.runner.activation_checkpointing import turn_on_activation_checkpointing
from mmengine.runner.checkpoint import get_state_dict
from mmpose.registry import MODELS

from helpers.tiny_estimators import (
    DECONVS,
    HEADS,
    assert_same,
    build,
    in_the_middle,
    optimizer_of,
    other_batch,
    other_config,
    randomized,
    states,
)
from mmpose_mum.datasets import PoseMultiBranch, StrongView, WeakView
from mmpose_mum.functional.branches import BRANCHES
from mmpose_mum.models import MixUnMix
from mmpose_mum.models.targets.base import PseudoTargets, TargetMaker
from mmpose_mum.testing import INPUT_SIZE, tiny_batch, tiny_config, tiny_loader_batch


@pytest.mark.parametrize('name', ['resnet', 'hrnet'])
def test_the_unsupervised_loss_alone_moves_the_student_and_never_the_teacher(name):
    model = build(name)
    randomized(model.teacher, 1)
    batch = tiny_batch(model)
    model.loss(**batch)['unsup_loss'].backward()
    for part, parameter in model.student.named_parameters():
        # HRNet's last stage computes branches that its first output does not need.
        if 'fuse_layers' in part and parameter.grad is None:
            continue
        assert parameter.grad is not None, part
    for part in ('backbone.conv1.weight', 'head.final_layer.weight', 'head.final_layer.bias'):
        assert model.student.get_parameter(part).grad.abs().max() > 0, part
    assert all(p.grad is None and not p.requires_grad for p in model.teacher.parameters())


def test_images_of_one_channel_are_mixed_too():
    config = tiny_config()
    config['estimator']['backbone']['in_channels'] = 1
    config['estimator']['data_preprocessor'].update(mean=[127.], std=[64.], bgr_to_rgb=False)
    model = MODELS.build(config)
    batch = tiny_batch(model)
    batch['inputs'] = {name: images[:, :1] for name, images in batch['inputs'].items()}
    model.loss(**batch)['unsup_loss'].backward()
    assert model.student.backbone.conv1.weight.grad.abs().max() > 0


def test_the_supervised_loss_is_the_plain_models_own():
    model = build()
    batch = tiny_batch(model)
    plain = MODELS.build(dict(tiny_config()['estimator'], train_cfg=dict(compute_acc=False)))
    plain.load_state_dict(model.student.state_dict())
    expected = plain.train().loss(batch['inputs']['sup'], batch['data_samples']['sup'])
    losses = model.loss(**batch)
    assert set(expected) == {'loss_kpt'}
    torch.testing.assert_close(losses['sup_loss_kpt'], expected['loss_kpt'])


def test_a_student_that_agrees_with_its_teacher_has_no_unsupervised_loss():
    """Same images, same views, same weights, statistics as in evaluation: nothing to learn."""
    model = build(mix_unmix=False)
    batch = tiny_batch(model)
    for kind in batch.values():
        kind['unsup_student'] = kind['unsup_teacher']
    model.student.eval()
    losses = model.loss(**batch)
    # The identity is resampled, by positions with some rounding.
    assert losses['unsup_loss'] < 1e-8 and losses['keypoint_distance'] == 0
    randomized(model.teacher, 1)
    assert model.loss(**batch)['unsup_loss'] > 1e-4


def test_what_is_logged_counts_as_a_loss_only_if_it_is_one():
    model = build(unsup_weight=3.)
    losses = model.loss(**tiny_batch(model))
    assert set(losses) == {'sup_loss_kpt', 'unsup_loss', 'unsup_weight', 'teacher_confidence',
                           'keypoints_used', 'keypoint_distance'}
    total, logged = model.parse_losses(losses)
    torch.testing.assert_close(total, losses['sup_loss_kpt'] + losses['unsup_loss'])
    assert {'loss', *losses} == set(logged)
    assert 0 < logged['keypoints_used'] <= 1 and logged['keypoint_distance'] > 0


def test_the_teacher_stays_in_evaluation_mode_and_keeps_its_statistics():
    model = build()
    for mode in (True, False, True):
        model.train(mode)
        assert model.student.training is mode
        assert not any(module.training for module in model.teacher.modules())
    before, student = states(model.teacher), states(model.student)
    model.loss(**tiny_batch(model))
    assert_same(before, states(model.teacher))
    assert not torch.equal(  # while the student's have moved
        student['backbone.bn1.running_mean'], model.student.backbone.bn1.running_mean)


# What each branch sees

COLORS = ((255, 60, 60), (60, 255, 60), (60, 60, 255), (255, 255, 60))


def finds_colors(images, data_samples=None, mode='tensor'):
    """A network that needs no training: heatmap k is high where the image has color k."""
    colors = (torch.tensor(COLORS, dtype=torch.float32).flip(1) - 127.5) / 64  # BGR to RGB
    distance = (images[:, None] - colors[None, :, :, None, None]).pow(2).sum(2)
    return F.avg_pool2d((-distance).exp(), 5, 1, 2)[..., ::4, ::4]


@pytest.mark.parametrize('flip_probs', [(0., 0.), (1., 0.), (0., 1.), (1., 1.)], ids=str)
def test_target_and_student_meet_at_the_same_keypoint_of_the_image(flip_probs, monkeypatch):
    rng = np.random.default_rng(0)
    np.random.seed(0)
    views = PoseMultiBranch(
        BRANCHES,
        unsup_teacher=[WeakView(INPUT_SIZE, flip_prob=flip_probs[0])],
        unsup_student=[StrongView(INPUT_SIZE, flip_prob=flip_probs[1], photometric=None)])
    people = []
    for _ in range(12):
        img = np.full((120, 90, 3), 90, np.uint8)
        points = [(30, 35), (60, 45), (35, 85), (62, 80)] + rng.uniform(-6, 6, (4, 2))
        for (x, y), color in zip(points.astype(int).tolist(), COLORS):
            cv2.circle(img, (x, y), 4, color, -1)
        people.append(views(dict(
            img=img, img_shape=(120, 90), ori_shape=(120, 90), img_path='',
            flip_indices=[0, 1, 2, 3], bbox=np.array([[5, 5, 85, 115]], np.float32),
            bbox_score=np.ones(1, np.float32))))
    model = build(mix_unmix=False)
    batch, labeled = pseudo_collate(people), tiny_loader_batch(1, 0)
    for key in batch:
        batch[key]['sup'] = labeled[key]['sup']
    batch = model.data_preprocessor(batch, training=True)
    for part in (model.teacher, model.student):
        monkeypatch.setattr(part, 'forward', finds_colors)
    losses = model.loss(**batch)
    assert losses['keypoints_used'] > .9
    assert losses['keypoint_distance'] < 3  # positions are whole heatmap pixels, of 4 pixels each


def test_mixing_is_undone_before_the_head():
    """At 'input' and with 1×1 tiles, mixing permutes whole images: the loss must not notice."""
    losses = []
    for mix_unmix in (False, dict(sites=['input'], grid=(1, 1))):
        model = build(mix_unmix=mix_unmix)
        randomized(model.teacher, 1)
        model.student.eval()
        losses.append(model.loss(**tiny_batch(model))['unsup_loss'])
    torch.testing.assert_close(losses[0], losses[1])


def test_only_the_unlabeled_students_forward_is_mixed():
    model = build(mix_unmix=dict(sites=['input']))
    seen = {'student': [], 'teacher': []}
    for name, images in seen.items():
        getattr(model, name).backbone.register_forward_pre_hook(
            lambda _, args, images=images: images.append(args[0]))
    batch = tiny_batch(model)
    model.loss(**batch)
    labeled, strong = seen['student']
    assert torch.equal(labeled, batch['inputs']['sup'])
    assert torch.equal(seen['teacher'][0], batch['inputs']['unsup_teacher'])
    own = batch['inputs']['unsup_student']
    assert not torch.equal(strong, own)  # but the same values at each pixel, of other images
    assert torch.equal(strong.sort(0).values, own.sort(0).values)
    for predict_on in ('student', 'teacher'):
        model.semi_test_cfg['predict_on'] = predict_on
        model(own)
        assert torch.equal(seen[predict_on][-1], own)


def test_keypoint_cutout_hides_the_students_keypoints_and_not_the_teachers():
    model = build(keypoint_cutout=dict(num_keypoints=2, half_size=(6., 8.), jitter=0.))
    batch = tiny_batch(model)
    batch['inputs'] = {name: torch.ones_like(x) for name, x in batch['inputs'].items()}
    seen = {}
    model.teacher.register_forward_pre_hook(lambda m, args: seen.update(teacher=args[0]))
    model.student.register_forward_pre_hook(lambda m, args: seen.update(student=args[0]))
    model.loss(**batch)
    assert (seen['teacher'] == 1).all() and set(seen['student'].unique().tolist()) == {0, 1}
    assert (batch['inputs']['unsup_student'] == 1).all()  # the loader's tensor is left alone

    model.cutout['score_threshold'] = 1e9  # no keypoint is that sure
    model.loss(**batch)
    assert (seen['student'] == 1).all()


def test_keypoint_cutout_leaves_out_those_that_cannot_be_hidden():
    model = build(keypoint_cutout=dict(num_keypoints=1, half_size=(2., 2.), jitter=0.))
    keypoints = torch.tensor([[[-90., 5.], [20., 20.], [0., 0.], [10., 900.]]]).repeat(40, 1, 1)
    scores = torch.tensor([.9, .1, 0, .9]).expand(40, 4)  # a labeler's json lacks the third
    strong = torch.ones(40, 3, 48, 32)
    hidden = model.cut_out(strong, PseudoTargets(keypoints, scores, scores, None))[:, 0] == 0
    assert hidden[:, 20, 20].all() and not hidden[:, :10, :10].any()


def test_another_number_of_keypoints_is_told_in_the_first_step():
    model = build()
    batch = tiny_batch(model)
    for sample in batch['data_samples']['unsup_teacher']:
        sample.set_metainfo(dict(flip_indices=[0, 1, 2]))
    with pytest.raises(ValueError, match='predicts 4 keypoints, and the data have 3'):
        model.loss(**batch)


def test_predict_on_switches_between_the_two():
    model = randomized(build(), 1).eval()
    batch = tiny_loader_batch(0, 3)
    inputs = [x for x in batch['inputs']['unsup_teacher']]
    samples = [x for x in batch['data_samples']['unsup_teacher']]
    outputs = {}
    for predict_on in ('teacher', 'student'):
        model.semi_test_cfg['predict_on'] = predict_on
        predicted = model.test_step(dict(inputs=inputs, data_samples=copy.deepcopy(samples)))
        outputs[predict_on] = predicted[0].pred_instances.keypoint_scores
        images = model.data_preprocessor(dict(inputs=inputs, data_samples=samples))['inputs']
        expected = getattr(model, predict_on)(images, None)
        assert torch.equal(model(images), expected)
    assert (outputs['teacher'] != outputs['student']).all()
    assert MODELS.build(tiny_config(predict_on='student')).semi_test_cfg == dict(
        predict_on='student')


# Exchanging backbone and head

@pytest.mark.parametrize('options', [
    dict(), dict(keypoint_cutout=dict()), dict(confidence=dict(mode='soft')),
    dict(mix_unmix=False)], ids=str)
@pytest.mark.parametrize('name', ['resnet', 'hrnet', 'mobilenet_v2'])
def test_a_train_step_by_config_alone(name, options):
    model = MODELS.build(tiny_config(name, **options)).train()
    optim_wrapper = optimizer_of(model)
    before = states(model)
    logged = model.train_step(tiny_loader_batch(), optim_wrapper)
    assert logged['sup_loss_kpt'] > 0 and logged['unsup_loss'] > 0
    changed = {name for name, tensor in states(model).items()
               if not torch.equal(tensor, before[name])}
    assert changed and all(name.startswith('student.') for name in changed)


def test_a_train_step_under_bfloat16_autocast():
    model = build(keypoint_cutout=dict())
    batch = tiny_batch(model)
    expected = copy.deepcopy(model).loss(**batch)
    with torch.autocast('cpu', torch.bfloat16):
        losses = model.loss(**batch)
    assert losses['unsup_loss'].dtype == torch.float32
    torch.testing.assert_close(
        losses['sup_loss_kpt'].float(), expected['sup_loss_kpt'], rtol=.05, atol=1e-3)
    sum(losses[name] for name in ('sup_loss_kpt', 'unsup_loss')).backward()
    assert model.student.backbone.conv1.weight.grad.isfinite().all()


def test_an_estimator_without_a_preprocessor_gets_mmposes():
    cfg = tiny_config()
    del cfg['estimator']['data_preprocessor']
    model = MODELS.build(cfg)
    assert tiny_batch(model)['inputs']['sup'].shape == (2, 3, 96, 64)


UDP = dict(type='UDPHeatmap', input_size=INPUT_SIZE, heatmap_size=(16, 24), sigma=2.)


@pytest.mark.parametrize('branch', BRANCHES[1:])
@pytest.mark.parametrize('name, codec', [('regression', None), ('rle', None), ('heatmap', UDP)])
def test_a_view_of_another_size_than_the_codecs_is_refused(name, codec, branch, monkeypatch):
    """Its keypoints would be shares of another width and height; in the burn-in already."""
    cfg = tiny_config(unsup_weight=0.) if codec else other_config(name, unsup_weight=0.)
    cfg['estimator']['head']['decoder'] = codec or cfg['estimator']['head']['decoder']
    model = MODELS.build(cfg).train()
    batch = tiny_batch(model) if codec else other_batch(name, model, monkeypatch)
    model.loss(**batch)
    batch['inputs'][branch] = F.interpolate(batch['inputs'][branch], (128, 96))
    with pytest.raises(ValueError, match=r'the size \(96, 128\) .width, height., .* is '
                       r'for \(64, 96\).*input_size=\(64, 96\)'):
        model.loss(**batch)


@pytest.mark.parametrize('branch', BRANCHES[1:])
def test_views_of_different_sizes_are_refused_in_the_burn_in_already(branch):
    model = MODELS.build(tiny_config(unsup_weight=0.)).train()
    batch = tiny_batch(model)
    batch['inputs'][branch] = F.interpolate(batch['inputs'][branch], (128, 96))
    with pytest.raises(ValueError, match=r'weak view has the size \(.*without a labeler both'):
        model.loss(**batch)


@pytest.mark.parametrize('branch, key', [
    ('unsup_teacher', 'flip_indices'), ('unsup_teacher', 'flip'), ('unsup_student', 'warp_mat')])
def test_a_view_that_nobody_recorded_is_refused_in_the_burn_in_already(branch, key):
    model = MODELS.build(tiny_config(unsup_weight=0.)).train()
    batch = tiny_batch(model)
    model.loss(**batch)
    batch['data_samples'][branch][-1].pop(key)
    with pytest.raises(KeyError, match=f"no '{key}' in its metainfo"):
        model.loss(**batch)


def test_a_site_in_what_runs_again_is_refused_in_the_burn_in_already():
    model = MODELS.build(tiny_config(unsup_weight=0.)).train()
    turn_on_activation_checkpointing(model, 'student.backbone')
    with pytest.raises(RuntimeError, match='cannot mix at .*activation_checkpointing'):
        model.loss(**tiny_batch(model))


def test_heatmaps_of_one_stride_are_right_at_any_size():
    model = MODELS.build(tiny_config(mix_unmix=False)).train()
    batch = tiny_batch(model)
    for branch in BRANCHES[1:]:
        batch['inputs'][branch] = F.interpolate(batch['inputs'][branch], (128, 96))
    assert model.loss(**batch)['unsup_loss'].isfinite()


@pytest.mark.parametrize('autocast', [False, True])
@pytest.mark.parametrize('name', HEADS)
def test_any_head_learns_from_both_kinds_of_images(name, autocast, monkeypatch):
    torch.manual_seed(0)
    model = MODELS.build(other_config(name)).train()
    model.init_weights()
    in_the_middle(model)
    batch = other_batch(name, model, monkeypatch)
    with torch.autocast('cpu', torch.bfloat16, enabled=autocast):
        losses = model.loss(**batch)
    total, logged = model.parse_losses(losses)
    assert torch.isfinite(total) and total.dtype == torch.float32
    assert losses['unsup_loss'].ndim == 0 and losses['unsup_loss'] > 0
    assert 0 <= logged['keypoint_distance'] < 120 and 0 < logged['keypoints_used'] <= 1
    for part in ('sup_loss_kpt', 'unsup_loss'):
        model.zero_grad()
        losses[part].backward(retain_graph=True)
        gradient = model.student.backbone.conv1.weight.grad
        assert torch.isfinite(gradient).all() and gradient.abs().max() > 0
    assert all(p.grad is None for p in model.teacher.parameters())
    assert not any('forward' in vars(m) for m in model.modules())  # nothing is left wrapped


def test_of_two_students_each_uses_its_own_heads_loss(monkeypatch):
    """RLE's loss has a flow that learns."""
    model = MODELS.build(dict(other_config('rle'), type='DualPoseEstimator')).train()
    in_the_middle(model)
    losses = model.loss(**other_batch('rle', model, monkeypatch))
    losses['second_unsup_loss'].backward()
    flows = {name: [p.grad for p in getattr(model, name).head.loss_module.parameters()]
             for name in ('student', 'teacher')}
    assert all(grad is None for grad in flows['student'])
    assert any(grad is not None and grad.abs().max() > 0 for grad in flows['teacher'])


@pytest.fixture(params=['plain', 'inner neck', 'old style'])
def any_config(request):
    """Configs whose neck MixUnMix has to wrap, in the ways that MMPose writes them."""
    cfg = tiny_config('hrnet')
    estimator = cfg['estimator']
    if request.param == 'plain':
        return ConfigDict(tiny_config())
    estimator['backbone']['extra']['stage4']['multiscale_output'] = True
    if request.param == 'inner neck':
        estimator['neck'] = dict(type='FeatureMapProcessor', concat=True, scale_factor=1.)
        estimator['head']['in_channels'] = 60
    else:
        estimator['head'].update(
            in_channels=(4, 8, 16, 32), input_transform='resize_concat', input_index=(0, 1, 2, 3))
    return ConfigDict(cfg)  # as a Runner has it: its update() merges


def plain_of(cfg):
    return MODELS.build(copy.deepcopy(cfg['estimator']))


def test_init_weights_leaves_teacher_and_student_equal():
    model = MODELS.build(tiny_config())
    assert_same(states(model.teacher), states(model.student))
    before = states(model.student)
    torch.manual_seed(5)
    model.init_weights()
    assert_same(states(model.teacher), states(model.student))
    assert not torch.equal(before['backbone.conv1.weight'],
                           model.student.backbone.conv1.weight)
    randomized(model.teacher, 1)  # as after some steps
    teacher = states(model.teacher)
    model.init_weights()  # as by a second Runner.train
    assert_same(states(model.teacher), teacher)


def test_every_kind_of_neck_trains(any_config):
    model = MODELS.build(any_config).train()
    losses = model.loss(**tiny_batch(model))
    assert losses['unsup_loss'] > 0 and isinstance(model.student.neck, MixUnMix)
    (losses['sup_loss_kpt'] + losses['unsup_loss']).backward()


def test_a_plain_checkpoint_loads_into_both(any_config, tmp_path):
    plain = randomized(plain_of(any_config), 3)
    save_checkpoint(dict(state_dict=get_state_dict(plain)), str(tmp_path / 'plain.pth'))
    model = MODELS.build(any_config)
    load_checkpoint(model, str(tmp_path / 'plain.pth'), map_location='cpu', strict=True)
    assert_same(states(plain), states(model.teacher))
    assert_same(states(plain), states(model.student))


@pytest.mark.parametrize('name', ['integral', 'dsnt'])
@pytest.mark.parametrize('load', ['mmengine', 'torch'])
def test_a_heatmap_models_checkpoint_loads_into_both_with_another_head(name, load, tmp_path):
    """MMPose's head renames the weights of a heatmap head."""
    cfg = tiny_config()
    cfg['estimator']['head'].update(DECONVS)
    plain = randomized(plain_of(cfg), 3)
    model = MODELS.build(other_config(name))
    if load == 'torch':
        unfit = model.load_state_dict(plain.state_dict(), strict=False)
        assert not [key for key in unfit.missing_keys if key.startswith('teacher.')]
    else:
        save_checkpoint(dict(state_dict=get_state_dict(plain)), str(tmp_path / 'plain.pth'))
        load_checkpoint(model, str(tmp_path / 'plain.pth'), map_location='cpu')
    assert_same(states(model.teacher), states(model.student))
    deconvs = model.teacher.head.simplebaseline_head.deconv_layers.state_dict()
    assert deconvs
    assert_same(states(plain.head.deconv_layers), deconvs)
    # The next weights are those of both models, and nothing of them is changed.
    both = states(randomized(model, 9))
    model.load_state_dict(both)
    assert_same(states(model), both)


def test_the_teacher_loads_into_the_plain_model_and_predicts_the_same(any_config, tmp_path):
    model = randomized(MODELS.build(any_config), 4).eval()
    state = {name[len('teacher.'):]: tensor for name, tensor in get_state_dict(model).items()
             if name.startswith('teacher.')}
    torch.save(dict(state_dict=state), tmp_path / 'teacher.pth')
    plain = plain_of(any_config).eval()
    load_checkpoint(plain, str(tmp_path / 'teacher.pth'), map_location='cpu', strict=True)

    batch = tiny_loader_batch(0, 2)
    data = dict(inputs=batch['inputs']['unsup_teacher'],
                data_samples=batch['data_samples']['unsup_teacher'])
    expected = model.test_step(copy.deepcopy(data))
    got = plain.test_step(copy.deepcopy(data))
    for a, b in zip(expected, got):
        assert (a.pred_instances.keypoints == b.pred_instances.keypoints).all()
        assert (a.pred_instances.keypoint_scores == b.pred_instances.keypoint_scores).all()


def test_the_wrappers_own_checkpoint_keeps_two_different_models(any_config, tmp_path):
    model = MODELS.build(any_config)
    randomized(model.student, 5)
    randomized(model.teacher, 6)
    save_checkpoint(dict(state_dict=get_state_dict(model)), str(tmp_path / 'both.pth'))
    other = MODELS.build(any_config)
    load_checkpoint(other, str(tmp_path / 'both.pth'), map_location='cpu', strict=True)
    assert_same(states(model), states(other))
    assert not torch.equal(other.teacher.backbone.conv1.weight, other.student.backbone.conv1.weight)
    assert not any('neck.neck' in name for name in states(model))


def test_a_checkpoint_of_another_model_is_refused(tmp_path):
    model = MODELS.build(tiny_config())
    torch.save(dict(state_dict={'teacher.nonsense': torch.zeros(1)}), tmp_path / 'other.pth')
    with pytest.raises(RuntimeError, match='teacher.nonsense'):
        load_checkpoint(model, str(tmp_path / 'other.pth'), strict=True)


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


def test_unlabeled_branches_of_different_length_are_an_error():
    model = build()
    batch = tiny_batch(model)
    batch['inputs']['unsup_teacher'] = batch['inputs']['unsup_teacher'][1:]
    with pytest.raises(ValueError, match="as many in the.*'unsup_teacher': 3, 'unsup_student': 4"):
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
    (dict(keypoint_cutout=dict(size=3)), r"unknown keys \['size'\]; it knows half_size, jitter"),
    (dict(mix_unmix=dict(sites=['layer9'])), "no stage 'layer9'.*layer1"),
    (dict(mix_unmix=dict(sites=['layer4'], grid=(7, 7))), 'does not fit a feature map'),
    (dict(mix_unmix=dict(group_size=1)), 'group_size must be at least 2')], ids=str)
def test_arguments_out_of_range(options, message):
    with pytest.raises(ValueError, match=f'(?s){message}'):
        MODELS.build(tiny_config(**options))


def at_iteration(iteration):
    MessageHub.get_current_instance().update_info('iter', iteration)


def test_the_burn_in_goes_by_the_runner_that_trains_and_not_by_a_newer_one():
    model = build(burn_in=3)
    batch = tiny_batch(model)
    for name, iteration in (('mine', 2), ('newer', 5)):
        MessageHub.get_instance(name).update_info('iter', iteration)
    assert 'unsup_loss' in model.loss(**batch)
    model.run_name = 'mine'
    assert 'unsup_loss' not in model.loss(**batch)


@pytest.mark.parametrize('weights', [(1., 1.), (.5, 4.)])
def test_weights_scale_their_losses(weights):
    plain = build().loss(**tiny_batch(build()))
    weighted = build(sup_weight=weights[0], unsup_weight=weights[1])
    weighted = weighted.loss(**tiny_batch(weighted))
    torch.testing.assert_close(weighted['sup_loss_kpt'], plain['sup_loss_kpt'] * weights[0])
    torch.testing.assert_close(weighted['unsup_loss'], plain['unsup_loss'] * weights[1])
    assert weighted['unsup_weight'] == weights[1]


@pytest.mark.parametrize('use_target_weight', [True, False])
def test_nothing_is_learned_where_the_teacher_has_not_looked(use_target_weight, monkeypatch):
    cfg = tiny_config(mix_unmix=False)
    cfg['estimator']['head']['loss']['use_target_weight'] = use_target_weight
    model = MODELS.build(dict(cfg, confidence=dict(mode='threshold', threshold=0.))).train()
    batch = tiny_batch(model)
    # Some of the keypoints are surer than the mean.
    model.target_maker.threshold = model.loss(**batch)['teacher_confidence'].item()
    seen, forward = {}, model.student.forward

    def recording(inputs, *args, **kwargs):
        seen['output'] = forward(inputs, *args, **kwargs)
        seen['output'].retain_grad()
        return seen['output']

    make, loss = TargetMaker.__call__, model.student.head.loss_module
    monkeypatch.setattr(
        TargetMaker, '__call__', lambda *args: seen.setdefault('targets', make(*args)))
    monkeypatch.setattr(model.student, 'forward', recording)
    model.loss(**batch)['unsup_loss'].backward()
    assert loss is model.student.head.loss_module

    targets, gradient = seen['targets'], seen['output'].grad
    outside = (targets.valid == 0).expand_as(gradient)
    assert outside.any() and not outside.all()
    assert (gradient[outside] == 0).all()
    dropped = (targets.weights == 0)
    assert dropped.any() and not dropped.all()
    assert (gradient[dropped] == 0).all()
    counts = ~outside & ~dropped[..., None, None]
    assert (gradient[counts] != 0).float().mean() > .99


@pytest.mark.parametrize('confidence, used', [
    (None, None), (dict(mode='none'), None), (dict(mode='threshold', threshold=1e9), 0.),
    (dict(mode='threshold', threshold=-1e9), None), (dict(mode='soft'), None)], ids=str)
def test_confidence_decides_on_the_share_of_keypoints(confidence, used):
    everything = build().loss(**tiny_batch(build()))
    model = build(confidence=confidence)
    losses = model.loss(**tiny_batch(model))
    assert losses['teacher_confidence'] == everything['teacher_confidence']
    if used == 0:
        assert losses['keypoints_used'] == 0 and losses['unsup_loss'] == 0
    else:
        assert 0 < losses['keypoints_used'] <= everything['keypoints_used']
    if confidence == dict(mode='soft'):
        assert losses['unsup_loss'] != everything['unsup_loss']


def test_burn_in_and_ramp_up_follow_the_runners_iteration():
    model = build(unsup_weight=4., burn_in=10, ramp_up=3)
    weights = {}
    for iteration in (0, 9, 10, 11, 12, 13, 100):
        at_iteration(iteration)
        weights[iteration] = model._current_unsup_weight()
    assert weights == {0: 0, 9: 0, 10: 1, 11: 2, 12: 3, 13: 4, 100: 4}
    batch = tiny_batch(model)
    at_iteration(9)
    assert set(model.loss(**batch)) == {'sup_loss_kpt'}
    at_iteration(11)
    losses = model.loss(**batch)
    assert losses['unsup_weight'] == 2 and losses['unsup_loss'] > 0


def test_a_step_is_teach_cutout_forward_and_compare():
    options = dict(keypoint_cutout=dict(half_size=(6., 8.)), unsup_weight=3.)
    whole, parts = build(**options), build(**options)
    batch = tiny_batch(whole)
    torch.manual_seed(1)
    losses = whole.loss(**batch)
    inputs, samples = batch['inputs'], batch['data_samples']
    torch.manual_seed(1)
    parts.loss_by_labels(parts.student, inputs['sup'], samples['sup'])
    seen, targets = parts.teach(
        parts.teacher, inputs['unsup_teacher'], samples['unsup_teacher'], samples['unsup_student'])
    assert not seen.requires_grad and not targets.maps.requires_grad
    strong = parts.cut_out(inputs['unsup_student'], targets)
    output, site, permutation = parts.forward_mixed(parts.student, strong)
    assert site in parts.student.neck.sites and permutation.shape == (4, 2, 2)
    compared = parts.compare(parts.student, output, targets, 3.)
    assert set(losses) == {'sup_loss_kpt', *compared}
    for name, value in compared.items():
        assert torch.equal(value, losses[name]), name


def test_the_datasets_weights_of_keypoints_count_on_unlabeled_images_as_on_labeled_ones():
    model = build()
    batch = tiny_batch(model)
    images, samples = batch['inputs']['unsup_teacher'], batch['data_samples']
    teach = model.teacher, images, samples['unsup_teacher'], samples['unsup_student']
    plain = model.teach(*teach)[1]
    for sample in samples['unsup_student']:
        sample.set_metainfo(dict(dataset_keypoint_weights=np.array([[1., 0., 1.5, 2.]])))
    weighted = model.teach(*teach)[1]
    assert plain.weights.sum() > 0
    assert torch.equal(weighted.weights, plain.weights * torch.tensor([1., 0., 1.5, 2.]))


def test_a_head_that_waits_for_an_epoch_is_refused():
    config = other_config('dsnt')
    MODELS.build(config)
    config['estimator']['head']['lambda_t'] = 50
    with pytest.raises(ValueError, match='lambda_t=50, the epoch from which .*leave lambda_t out'):
        MODELS.build(config)


def test_the_old_name_of_the_target_maker():
    model = build()
    with pytest.warns(DeprecationWarning, match='model.target_maker'):
        assert model.targets is model.target_maker


def test_without_a_runner_there_is_no_burn_in():
    model = build(unsup_weight=2., burn_in=100, ramp_up=100)
    assert model.loss(**tiny_batch(model))['unsup_weight'] == 2


def test_a_teacher_in_training_mode_normalizes_by_its_batch_and_gathers_statistics():
    model = build(teacher_mode='train')
    batch = tiny_batch(model)
    before = states(model.teacher)
    weak, samples = batch['inputs']['unsup_teacher'], batch['data_samples']['unsup_teacher']
    seen, _ = model.train().teach(model.teacher, weak, samples,
                                  batch['data_samples']['unsup_student'])
    # By the batch itself: the running statistics have no part in it.
    randomized_statistics = build(teacher_mode='train').teacher.train()
    for name, buffer in randomized_statistics.named_buffers():
        if 'running' in name:
            buffer.fill_(7.)
    with torch.no_grad():
        torch.testing.assert_close(seen, randomized_statistics(weak, samples, mode='tensor'))
    after = model.teacher.state_dict()
    assert any(not torch.equal(before[name], after[name]) for name in before if 'running' in name)
    assert all(torch.equal(before[name], after[name]) for name in before if 'weight' in name)
    assert not model.eval().teacher.training


def test_teacher_mode_is_one_of_two():
    with pytest.raises(ValueError, match="teacher_mode must be 'eval' or 'train', got 'batch'"):
        build(teacher_mode='batch')


def test_keypoint_cutout_reaches_the_feet_of_an_upright_view_and_nothing_beside_it():
    model = build(keypoint_cutout=dict(num_keypoints=1, half_size=(2., 2.), jitter=0.))
    keypoints = torch.tensor([[[20., 90.], [80., 20.]]]).repeat(20, 1, 1)  # of 64×96 pixels
    scores = torch.ones(20, 2)
    hidden = model.cut_out(
        torch.ones(20, 3, 96, 64), PseudoTargets(keypoints, scores, scores))[:, 0] == 0
    assert hidden[:, 90, 20].all()


def test_each_of_a_heads_several_losses_is_weighted(monkeypatch):
    model = build(sup_weight=.5)
    losses = dict(loss_kpt=[torch.ones(()), torch.full((), 3.)], acc_pose=torch.ones(()))
    monkeypatch.setattr(model.student, 'loss', lambda *_: losses)
    assert model.loss_by_labels(model.student, None, None) == dict(
        sup_loss_kpt=[.5, 1.5], sup_acc_pose=1)
