"""A labeler of any kind tells the student what MMPose's own inference would, and nothing else."""
import json
import shutil

import cv2
import numpy as np
import pytest
import torch
from mmcv.transforms import Compose
from mmengine.logging import MessageHub
from mmpose.apis import inference_topdown, init_model
from mmpose.datasets.transforms import GetBBoxCenterScale, RandomFlip
from mmpose.registry import DATASETS, MODELS

import mmpose_mum  # noqa: F401
from helpers import tiny_estimators
from helpers.hostless import model_of
from helpers.labelers import (
    CODECS,
    HEADS,
    NAMES,
    SIZE,
    make_person,
    metainfo,
    tell_names,
    two_views,
    write_labeler,
)
from helpers.target_views import FLIP_INDICES
from mmpose_mum.checkpoint.plain import build_plain, plain_state_dict
from mmpose_mum.configs.plain import plain_model
from mmpose_mum.datasets.views import VIEW_META_KEYS, PackView, WarpTopdownAffine
from mmpose_mum.functional.agreement import average_by_agreement
from mmpose_mum.functional.normalization import Normalization
from mmpose_mum.models.labelers import Seen, base
from mmpose_mum.models.labelers.file import box_in_image
from mmpose_mum.models.labelers.model import ModelLabeler
from mmpose_mum.testing import tiny_batch, tiny_config


@pytest.fixture(autouse=True)
def hub():
    """The hub of a training with the keypoints of the labelers."""
    hub = MessageHub.get_current_instance()
    tell_names()
    yield hub
    for key in ('dataset_meta', 'labeler'):
        hub.runtime_info.pop(key, None)


def build(labeler, **options):
    torch.manual_seed(0)
    model = MODELS.build(tiny_config(num_keypoints=6, labeler=labeler, **options))
    model.init_weights()
    return model.train()


def teach(model, data):
    """Lets the labeler teach; returns what it has seen, and the targets."""
    model.load_labeler()
    weak, strong = (model.data_preprocessor(
        {key: value[branch] for key, value in data.items()}, False)
        for branch in ('unsup_teacher', 'unsup_student'))
    return model.teach(
        model.teacher, weak['inputs'], weak['data_samples'], strong['data_samples'])


def in_image(points, samples):
    """Carries a view's keypoints (B, K, 2) back into the image, under the names there."""
    found = []
    for of_one, sample in zip(points.numpy().astype(float), samples):
        back = np.linalg.inv(sample.warp_mat.astype(float))
        of_one = of_one[FLIP_INDICES] if sample.flip else of_one
        found.append(of_one @ back[:2, :2].T + back[:2, 2])
    return np.stack(found)


PEOPLE = [make_person(seed) for seed in range(8)]


@pytest.mark.parametrize('kind', ['heatmap', 'simcc', 'regression'])
def test_keypoints_land_where_mmposes_own_inference_puts_them(kind, tmp_path):
    """With another size, color order and normalization than the student's."""
    labeler = write_labeler(tmp_path, kind)
    data = two_views(PEOPLE)
    seen, targets = teach(build(labeler), data)
    assert isinstance(seen, Seen)
    plain = init_model(labeler['config'], labeler['checkpoint'], device='cpu')
    plain.dataset_meta['flip_indices'] = FLIP_INDICES
    expected = np.concatenate([
        inference_topdown(plain, image, box)[0].pred_instances.keypoints
        for image, box in PEOPLE])
    assert np.ptp(expected, 1).mean() > 20  # pixels: the keypoints are apart
    strong = data['data_samples']['unsup_student']
    assert 0 < sum(sample.flip for sample in strong) < len(strong)
    found = in_image(targets.keypoints, strong)
    np.testing.assert_allclose(found, expected, atol=2e-2)


def test_a_turned_and_mirrored_view_leads_to_the_same_place_of_the_image(tmp_path):
    labeler = write_labeler(tmp_path)
    data = two_views(PEOPLE, still=False)
    seen, targets = teach(build(labeler), data)
    weak, strong = (data['data_samples'][name] for name in ('unsup_teacher', 'unsup_student'))
    assert len({(a.flip, b.flip) for a, b in zip(weak, strong)}) > 2
    np.testing.assert_allclose(
        in_image(targets.keypoints, strong), in_image(seen.keypoints, weak), atol=2e-2)
    mirrored = torch.tensor([a.flip != b.flip for a, b in zip(weak, strong)])
    assert targets.scores[mirrored].equal(seen.scores[mirrored][:, FLIP_INDICES])


def test_keypoints_are_found_by_their_names(tmp_path, hub):
    data = two_views(PEOPLE[:2])
    every, _ = teach(build(write_labeler(tmp_path)), data)
    few = [NAMES[i] for i in (3, 0, 4, 5)]
    tell_names(few)
    model = MODELS.build(tiny_config(num_keypoints=4, labeler=dict(
        config=str(tmp_path / 'heatmap.py'), checkpoint=str(tmp_path / 'heatmap.pth'))))
    model.load_labeler()
    weak = model.data_preprocessor(
        {key: value['unsup_teacher'] for key, value in data.items()}, False)['inputs']
    seen = model.labeler(weak, data['data_samples']['unsup_teacher'])
    assert seen.keypoints.equal(every.keypoints[:, [3, 0, 4, 5]])
    assert seen.scores.equal(every.scores[:, [3, 0, 4, 5]])


def test_a_labeler_that_lacks_keypoints_is_refused_by_their_names(tmp_path):
    model = build(write_labeler(tmp_path, names=NAMES[:4]))
    batch = tiny_batch(model, num_keypoints=6)
    with pytest.raises(ValueError, match=r"does not know .*\['joint_4', 'joint_5'\]"):
        model.loss(**batch)


def test_the_checkpoints_names_count_more_than_the_configs(tmp_path):
    labeler = write_labeler(tmp_path)
    checkpoint = torch.load(labeler['checkpoint'])
    names = dict(enumerate(['other', *NAMES[1:]]))
    checkpoint['meta'] = dict(dataset_meta=dict(keypoint_id2name=names))
    torch.save(checkpoint, labeler['checkpoint'])
    with pytest.raises(ValueError, match=r"\['joint_0'\] that the training has"):
        build(labeler).load_labeler()


def test_the_weak_view_must_have_the_labelers_size(tmp_path):
    """Told in the burn-in already."""
    for labeler in (write_labeler(tmp_path), [write_labeler(tmp_path)] * 2):
        model = build(labeler, unsup_weight=0.)
        batch = tiny_batch(model, num_keypoints=6)
        with pytest.raises(ValueError, match=r'the size \(96, 128\) .* weak view has \(64, 96\): '
                                             r'.*weak=dict\(input_size=\(96, 128\)\)'):
            model.loss(**batch)


def equal_size(tmp_path, **options):
    """Returns a labeler whose weak view has the student's size."""
    decoder = dict(CODECS['heatmap'], input_size=(64, 96), heatmap_size=(16, 24))
    return write_labeler(tmp_path, head=dict(
        type='HeatmapHead', in_channels=32, out_channels=6, deconv_out_channels=(8, 8, 8),
        decoder=decoder), **options)


def test_a_step_learns_from_it_and_leaves_it_alone(tmp_path):
    model = build(equal_size(tmp_path), sup_weight=0.)
    losses = model.loss(**tiny_batch(model, num_keypoints=6))
    labeler = model.labeler._model
    before = {name: value.clone() for name, value in labeler.state_dict().items()}
    losses['unsup_loss'].backward()
    assert model.student.backbone.conv1.weight.grad.abs().sum() > 0
    assert not labeler.training and all(
        not p.requires_grad and p.grad is None for p in labeler.parameters())
    assert all(p.grad is None for p in model.teacher.parameters())
    model.train().loss(**tiny_batch(model, num_keypoints=6))
    assert not labeler.training
    assert all(value.equal(before[name]) for name, value in labeler.state_dict().items())
    # Nobody who walks through the model's modules finds it: neither optimizer, DDP nor checkpoint.
    inside = set(map(id, model.modules()))
    assert not inside & set(map(id, labeler.modules()))
    assert {name.split('.')[0] for name in model.state_dict()} == {'student', 'teacher'}


def test_what_is_published_knows_nothing_of_it(tmp_path):
    config = tiny_config(num_keypoints=6, labeler=equal_size(tmp_path))
    model = MODELS.build(config).train()
    model.loss(**tiny_batch(model, num_keypoints=6))
    plain = plain_model(dict(model=config))
    assert 'labeler' not in repr(plain)
    published = build_plain(dict(model=plain), plain_state_dict(model.state_dict()))
    image = torch.rand(1, 3, 96, 64)
    assert published(image, None).equal(model.eval()(image))


def test_reading_it_draws_no_random_number(tmp_path):
    labeler = equal_size(tmp_path)
    torch.manual_seed(5)
    model = build(labeler)
    state = torch.get_rng_state()
    model.load_labeler()
    assert torch.get_rng_state().equal(state)


def test_a_model_that_only_predicts_needs_no_file(tmp_path):
    model = build(dict(config='gone.py', checkpoint='gone.pth')).eval()
    assert model(torch.zeros(1, 3, 96, 64)).shape == (1, 6, 24, 16)
    with pytest.raises(FileNotFoundError, match='gone.py'):
        model.loss(**tiny_batch(model, num_keypoints=6))


def test_a_head_like_the_students_is_carried_over_whole(tmp_path):
    """As from the teacher: in a second round its doubts count as in the first one."""
    first = build(None)
    with torch.no_grad():
        first.teacher.head.final_layer.weight.mul_(100)
    cfg = tiny_config(num_keypoints=6)['estimator']
    labeler = write_labeler(
        tmp_path, **{key: cfg[key] for key in ('backbone', 'head', 'data_preprocessor')})
    torch.save(dict(state_dict=first.state_dict()), labeler['checkpoint'])  # of a training
    second, data = build(labeler), two_views(PEOPLE[:4], (64, 96), still=False)
    output, targets = teach(second, data)
    expected_output, expected = teach(first, data)
    assert second.labeler.like_teacher and output.equal(expected_output)
    for name, value in targets._asdict().items():
        assert value.equal(getattr(expected, name)), name


@pytest.mark.parametrize('changes, alike', [
    (dict(deconv_out_channels=(16, 16, 16)), True),
    (dict(decoder=dict(CODECS['heatmap'], sigma=3.)), False)])
def test_a_head_of_other_layers_means_the_same_but_one_of_another_codec_does_not(
        changes, alike, tmp_path):
    labeler = ModelLabeler(**write_labeler(tmp_path))
    head = dict(HEADS['heatmap'], out_channels=6, decoder=CODECS['heatmap'])
    views = Normalization(False, torch.zeros(3, 1, 1), torch.ones(3, 1, 1))
    labeler.load(NAMES, {**head, **changes}, views)
    assert labeler.like_teacher == alike


@pytest.mark.parametrize('dtype', ['float16', 'bfloat16', 'float32'])
def test_it_runs_in_the_precision_that_is_asked_for(dtype, tmp_path):
    if dtype == 'float16' and torch.__version__.startswith('2.1.'):
        pytest.skip('PyTorch 2.1 has no float16 on the CPU')
    labeler = write_labeler(tmp_path, 'heatmap')
    data = two_views(PEOPLE[:2])
    model = build(dict(labeler, dtype=dtype))
    dtypes = []
    model.load_labeler()
    model.labeler._model.head.final_layer.register_forward_hook(
        lambda *args: dtypes.append(args[-1].dtype))
    with torch.autocast('cpu', dtype=torch.bfloat16):
        seen, targets = teach(model, data)
    assert dtypes == [getattr(torch, dtype)]
    assert seen.keypoints.dtype == targets.keypoints.dtype == torch.float32


def test_another_file_at_a_resume_is_told(tmp_path, monkeypatch, hub):
    told = []
    monkeypatch.setattr(base, 'print_log', lambda text, *args: told.append(text))
    labeler = equal_size(tmp_path)
    for _ in range(2):
        build(labeler).load_labeler()
        assert len(hub.get_info('labeler')) == 16 and not told
    torch.save(dict(torch.load(labeler['checkpoint']), more=1), labeler['checkpoint'])
    build(labeler).load_labeler()
    assert len(told) == 1 and 'is not the file that this training began with' in told[0]


@pytest.mark.parametrize('config, message', [
    ('model.py', 'must be a dict'),
    (dict(config='a.py'), 'must be a dict'),
    (dict(config='a.py', checkpoint='a.pth', weight=1), 'must be a dict'),
    (dict(config='a.py', checkpoint='a.pth', dtype='half'), "dtype must be one of .*'half'"),
])
def test_arguments_that_are_none_are_named(config, message):
    with pytest.raises(ValueError, match=message):
        build(config)


@pytest.mark.parametrize('kind', tiny_estimators.HEADS)
def test_a_student_of_any_head_learns_from_it(kind, tmp_path, monkeypatch):
    tell_names(NAMES[:4])
    torch.manual_seed(0)
    model = MODELS.build(tiny_estimators.other_config(kind, labeler=equal_size(tmp_path))).train()
    loss = model.loss(**tiny_estimators.other_batch(kind, model, monkeypatch))['unsup_loss']
    loss.backward()
    assert torch.isfinite(loss) and loss > 0 and model.labeler.digest
    assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in model.student.parameters())


def test_a_head_that_needs_more_than_keypoints_has_no_labeler():
    with pytest.raises(ValueError, match='InternetHead needs more than'):
        model_of('hands', labeler=dict(config='a.py', checkpoint='a.pth'))


def test_two_models_that_teach_each_other_have_no_labeler():
    cfg = dict(tiny_config(labeler=dict(config='a.py', checkpoint='a.pth')),
               type='DualPoseEstimator')
    with pytest.raises(ValueError, match='teach each other'):
        MODELS.build(cfg)


def test_a_training_without_names_is_an_error(tmp_path, hub):
    hub.runtime_info.pop('dataset_meta')
    with pytest.raises(ValueError, match='matched by name'):
        build(equal_size(tmp_path)).load_labeler()


def test_the_metainfo_of_the_helpers_is_mirrored_as_the_views_are():
    from mmpose.datasets.datasets.utils import parse_pose_metainfo
    assert parse_pose_metainfo(metainfo())['flip_indices'] == FLIP_INDICES
    assert SIZE != (64, 96)


def test_of_several_labelers_the_keypoints_are_averaged_by_their_agreement(tmp_path):
    configs = [write_labeler(tmp_path / kind, kind) for kind in ('heatmap', 'simcc', 'regression')]
    data = two_views(PEOPLE[:3], still=False)
    seen, targets = teach(build(configs), data)
    each = [teach(build(config), data)[0] for config in configs]
    sides = torch.tensor([155 * abs(np.linalg.det(sample.warp_mat[:2, :2]))**.5
                          for sample in data['data_samples']['unsup_teacher']]).float()
    expected = average_by_agreement(
        *(torch.stack([getattr(x, name) for x in each]) for name in ('keypoints', 'scores')), sides)
    for value, wanted in zip(seen, expected):
        torch.testing.assert_close(value, wanted)
    assert (seen.weights < .5).any() and (targets.weights <= 1).all()
    inside = targets.weights > 0
    mirrored = torch.tensor([a.flip != b.flip for a, b in zip(*data['data_samples'].values())])
    agreed = torch.where(mirrored[:, None], seen.weights[:, FLIP_INDICES], seen.weights)
    torch.testing.assert_close(targets.weights[inside], agreed[inside])


def test_labelers_of_a_list_share_one_size(tmp_path):
    pair = [write_labeler(tmp_path / 'a'), equal_size(tmp_path / 'b')]
    with pytest.raises(ValueError, match=r'one input size, but have \[\(64, 96\), \(96, 128\)\]'):
        build(pair).load_labeler()


def test_labelers_that_are_weighted_need_a_loss_that_weights(tmp_path):
    config = tiny_config(num_keypoints=6, labeler=[write_labeler(tmp_path)] * 2)
    config['estimator']['head']['loss'] = dict(type='AdaptiveWingLoss')
    with pytest.raises(ValueError, match="labelers' agreement gives .*AdaptiveWingLoss"):
        MODELS.build(config)
    MODELS.build(dict(config, labeler=config['labeler'][:1]))


def test_a_model_without_memory_is_built_for_the_converter(tmp_path):
    config = tiny_config(num_keypoints=6, labeler=write_labeler(tmp_path))
    with torch.device('meta'):
        model = MODELS.build(config)
    model.load_labeler(NAMES)
    assert model.labeler.digest and model.student.backbone.conv1.weight.is_meta


def test_a_student_learns_what_a_labeler_of_another_head_sees(tmp_path):
    model = build(write_labeler(tmp_path, 'regression'), sup_weight=0., mix_unmix=False)
    data, optimizer = two_views(PEOPLE), torch.optim.Adam(model.student.parameters(), lr=3e-3)
    _, targets = teach(model, data)
    strong = model.data_preprocessor(
        {key: value['unsup_student'] for key, value in data.items()}, False)['inputs']
    distances = []
    for _ in range(60):
        losses = model.compare(model.student, model.student(strong, None), targets, 1.)
        optimizer.zero_grad()
        losses['unsup_loss'].backward()
        optimizer.step()
        distances.append(losses['keypoint_distance'].item())
    assert distances[0] > 15 and np.mean(distances[-5:]) < 8  # pixels


def test_a_list_of_one_is_that_one(tmp_path):
    labeler, data = write_labeler(tmp_path), two_views(PEOPLE[:2])
    one, of_list = (teach(build(config), data)[0] for config in (labeler, [labeler]))
    assert one.keypoints.equal(of_list.keypoints) and of_list.weights is None


def exported(path, people, names=NAMES):
    """Writes what ``export`` would of keypoints (B, 6, 2) in an image, one image a person."""
    annotations = []
    for i, ((_, box), (points, scores)) in enumerate(people):
        x1, y1, x2, y2 = box[0].tolist()
        joints = np.concatenate([points, np.full((len(points), 1), 2.)], 1)
        joints[scores < .2] = 0
        annotations.append(dict(
            id=i + 1, image_id=i, category_id=1, bbox=[x1, y1, x2 - x1, y2 - y1],
            keypoints=joints.reshape(-1).tolist(), keypoint_scores=scores.tolist()))
    path.write_text(json.dumps(dict(
        images=[dict(id=i, file_name=f'below/{i}.png', width=150, height=200)
                for i in range(len(people))],
        annotations=annotations, categories=[dict(id=1, name='person', keypoints=names)])))
    return dict(file=str(path))


def test_a_json_of_a_labeler_tells_what_is_in_it(tmp_path):
    rng = np.random.default_rng(0)
    points = rng.uniform(30, [110, 170], (8, 6, 2))
    scores = rng.uniform(0, 1, (8, 6))
    order = [5, 4, 3, 2, 1, 0]
    labeler = exported(tmp_path / 'labels.json', [
        (person, (p[order], s[order])) for person, p, s in zip(PEOPLE, points, scores)],
        [NAMES[i] for i in order])
    data = two_views(PEOPLE, still=False)
    for samples in data['data_samples'].values():
        for i, sample in enumerate(samples):
            sample.set_metainfo(dict(img_path=f'/somewhere/below/{i}.png'))
    seen, targets = teach(build(labeler), data)
    weak, strong = data['data_samples'].values()
    assert 0 < sum(sample.flip for sample in weak) < 8
    of_view = [s[FLIP_INDICES] if sample.flip else s for s, sample in zip(scores, weak)]
    np.testing.assert_allclose(seen.scores, np.stack(of_view), atol=1e-6)
    counted = scores >= .2
    for keypoints, samples in ((seen.keypoints, weak), (targets.keypoints, strong)):
        found = in_image(keypoints, samples)
        np.testing.assert_allclose(found[counted], points[counted], atol=2e-2)
    flips = np.array([sample.flip for sample in strong])
    renamed = np.where(flips[:, None], counted[:, FLIP_INDICES], counted)
    assert (targets.weights[~torch.from_numpy(renamed)] == 0).all()
    assert 0 < (targets.weights > 0).sum() <= counted.sum()
    with pytest.raises(ValueError, match=r'does not know the person of /elsewhere/0.png'):
        weak[0].set_metainfo(dict(img_path='/elsewhere/0.png'))
        teach(build(labeler), data)


def test_people_of_one_image_are_told_apart_by_their_boxes(tmp_path):
    image, box = PEOPLE[0]
    people = [(image, box), (image, box + np.array([[20, 0, 20, 0]], np.float32))]
    rng, path = np.random.default_rng(0), tmp_path / 'labels.json'
    points, scores = rng.uniform(50, [110, 170], (2, 6, 2)), rng.uniform(.3, 1, (2, 6))
    labeler = exported(path, list(zip(people, zip(points, scores))))
    content = json.loads(path.read_text())
    for annotation in content['annotations']:
        annotation['image_id'] = 0
    path.write_text(json.dumps(content))
    data = two_views(people)
    for samples in data['data_samples'].values():
        for sample in samples:
            sample.set_metainfo(dict(img_path='/somewhere/below/0.png'))
    seen, _ = teach(build(labeler), data)
    weak = data['data_samples']['unsup_teacher']
    np.testing.assert_allclose(in_image(seen.keypoints, weak), points, atol=2e-2)
    np.testing.assert_allclose(seen.scores, scores, atol=1e-6)
    # Of a json that has become another, nobody is taken for somebody else.
    content['annotations'][0]['bbox'][0] += 2
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match='does not know the person of .* with the box'):
        teach(build(labeler), data)


def test_without_scores_labeled_keypoints_are_sure(tmp_path):
    path, order = tmp_path / 'labels.json', [5, 0, 1, 2, 3, 4]
    points = np.random.default_rng(0).uniform(50, [110, 170], (6, 2))
    scores = np.array([.9, .1, .9, .9, .9, .9])  # the second has no label
    labeler = exported(path, [(PEOPLE[0], (points[order], scores[order]))],
                       [NAMES[i] for i in order])
    content = json.loads(path.read_text())
    del content['annotations'][0]['keypoint_scores']
    path.write_text(json.dumps(content))
    data = two_views(PEOPLE[:1])
    for samples in data['data_samples'].values():
        samples[0].set_metainfo(dict(img_path='/somewhere/below/0.png'))
    seen, _ = teach(build(labeler), data)
    assert seen.scores.tolist() == seen.weights.tolist() == [[1, 0, 1, 1, 1, 1]]


def test_only_the_labelers_view_may_have_another_size_than_the_student(tmp_path):
    model = build(write_labeler(tmp_path), unsup_weight=0.)
    batch = tiny_batch(model, num_keypoints=6)
    larger = {name: torch.nn.functional.interpolate(batch['inputs'][name], (128, 96))
              for name in ('unsup_teacher', 'unsup_student')}
    batch['inputs']['unsup_teacher'] = larger['unsup_teacher']
    model.loss(**batch)
    batch['inputs']['unsup_student'] = larger['unsup_student']
    with pytest.raises(ValueError, match=r'an unlabeled view has the size \(96, 128\)'):
        model.loss(**batch)


def test_a_data_sets_keypoint_weights_count_for_a_labelers_targets_too(tmp_path):
    model, data = build(write_labeler(tmp_path)), two_views(PEOPLE[:2])
    plain, weights = teach(model, data)[1].weights, [1., 0., 1.5, 2., 1., 1.]
    for sample in data['data_samples']['unsup_student']:
        sample.set_metainfo(dict(dataset_keypoint_weights=np.array([weights])))
    assert plain.sum() > 0
    assert teach(model, data)[1].weights.equal(plain * torch.tensor(weights))


def test_a_checkpoint_that_names_other_keypoints_than_it_predicts_is_refused(tmp_path):
    labeler = write_labeler(tmp_path)
    checkpoint = torch.load(labeler['checkpoint'])
    checkpoint['meta'] = dict(dataset_meta=dict(
        keypoint_id2name=dict(enumerate([*NAMES, 'more']))))
    torch.save(checkpoint, labeler['checkpoint'])
    with pytest.raises(ValueError, match='predicts 6 keypoints, but has 7 names'):
        teach(build(labeler), two_views(PEOPLE[:1]))


@pytest.mark.parametrize('kind', ['png', 'avi#000002'])
def test_an_image_of_the_same_name_is_another_one_unless_it_is_a_copy(kind, tmp_path):
    people = [(np.zeros((40, 30, 3), np.uint8), np.array([[0, 0, 30, 40]]))]
    labeler = exported(tmp_path / 'labels.json', [(people[0], (np.full((6, 2), 9.), np.ones(6)))])
    content = json.loads((tmp_path / 'labels.json').read_text())
    content.update(info=dict(image_folder='camera1'), images=[dict(id=0, file_name=f'0.{kind}')])
    (tmp_path / 'labels.json').write_text(json.dumps(content))
    data, model = two_views(people), build(labeler)

    def ask(folder):
        for samples in data['data_samples'].values():
            samples[0].set_metainfo(dict(img_path=str(tmp_path / folder / f'0.{kind}')))
        return teach(model, data)[0].weights

    file = f'0.{kind.partition("#")[0]}'
    for folder in ('camera1', 'camera2', 'copies'):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / file).write_text('one' if folder != 'camera2' else 'two')
    assert ask('camera1').all() and ask('copies').all()
    with pytest.raises(ValueError, match='does not know the person of .*camera2'):
        ask('camera2')
    shutil.rmtree(tmp_path / 'camera1')  # the set was moved: its names are all there is
    model = build(labeler)
    assert ask('camera2').all()


def test_what_two_jsons_have_no_label_of_is_nothing_they_agree_on(tmp_path):
    """Both have zeros there, and the corner of the image lies in the view of a large box."""
    people = [(image, np.array([[0, 0, 150, 200]])) for image, _ in PEOPLE[:2]]
    points = np.random.default_rng(0).uniform(30, [110, 170], (2, 6, 2))
    scores = np.full((2, 6), .9)
    scores[:, 4] = .1
    jsons = [exported(tmp_path / f'{i}.json', [
        (person, (p + i, s)) for person, p, s in zip(people, points, scores)]) for i in (0, 1)]
    data = two_views(people)
    for samples in data['data_samples'].values():
        for i, sample in enumerate(samples):
            sample.set_metainfo(dict(img_path=f'/somewhere/below/{i}.png'))
    seen, _ = teach(build(jsons), data)
    assert (seen.weights[:, 4] == 0).all() and (seen.weights[:, :4] > .9).all()


def test_a_json_without_one_of_the_keypoints_is_refused(tmp_path):
    people = [(PEOPLE[0], (np.full((6, 2), 50.), np.ones(6)))]
    labeler = exported(tmp_path / 'labels.json', people, [*NAMES[:5], 'other'])
    with pytest.raises(ValueError, match=r"does not know the keypoints \['joint_5'\]"):
        build(labeler).load_labeler()
    with pytest.raises(FileNotFoundError, match='there is no json'):
        build(dict(file='gone.json')).load_labeler()


def people_on_disk(folder, json_of_people):
    """Writes three images of one size, one unreadable, with two people in the first; names them."""
    for i in range(3):
        cv2.imwrite(str(folder / f'{i}.png'), np.full((200, 150, 3), 90 + i, np.uint8))
    (folder / '3.png').write_text('no image')
    boxes = [(0, [20, 20, 60, 120]), (0, [40, 30, 60, 120]), (1, [-9, 10, 90, 300]),
             (2, [10, 10, 90, 120]), (3, [10, 10, 90, 120])]
    json_of_people.write_text(json.dumps(dict(
        images=[dict(id=i, file_name=f'{i}.png', width=150, height=200) for i in range(4)],
        annotations=[dict(id=i, image_id=image, category_id=1, bbox=box)
                     for i, (image, box) in enumerate(boxes)],
        categories=[dict(id=1, name='person')])))
    return boxes


@pytest.mark.parametrize('boxed', [True, False])
def test_who_is_not_in_the_json_is_told_before_the_training(boxed, tmp_path):
    """Of what can be read only, with the box as the image cuts it; also one of a list."""
    boxes = people_on_disk(tmp_path, tmp_path / 'people.json')
    source = dict(ann_file=str(tmp_path / 'people.json')) if boxed else {}
    dataset = DATASETS.build(dict(
        type='ConcatDataset', datasets=[dict(
            type='UnlabeledPoseDataset', data_prefix=dict(img=f'{tmp_path}/'), metainfo=metainfo(),
            pipeline=[dict(type='LoadUnlabeledImage'), dict(
                type='PoseMultiBranch',
                unsup_teacher=[dict(type='WeakView', input_size=(64, 96))],
                unsup_student=[dict(type='StrongView', input_size=(64, 96))])], **source)]))
    cut = [*boxes[:2], (1, [0, 10, 81, 190]), boxes[3]] if boxed else [
        (i, [0, 0, 150, 200]) for i in range(3)]

    def labels(known):
        path = tmp_path / 'labels.json'
        path.write_text(json.dumps(dict(
            images=[dict(id=i, file_name=f'{i}.png') for i in range(3)],
            annotations=[dict(id=i, image_id=image, category_id=1, bbox=box,
                              keypoints=[9, 9, 2] * 6, keypoint_scores=[1.] * 6)
                         for i, (image, box) in enumerate(known)],
            categories=[dict(id=1, name='person', keypoints=NAMES)])))
        return dict(file=str(path))

    before = np.random.get_state()[1].tolist()
    for all_of_them in (labels(cut), [write_labeler(tmp_path), labels(cut)]):
        build(all_of_them).check_people(dataset)
    for missing in (0, len(cut) - 1):
        known = cut[:missing] + cut[missing + 1:]
        for labeler in (labels(known), [write_labeler(tmp_path), labels(known)]):
            with pytest.raises(ValueError, match=rf'2 of {len(dataset)} unlabeled people may be '
                                                 rf'missing: .*know the person of .*/'
                                                 rf'{cut[missing][0]}\.png with the box'):
                build(labeler).check_people(dataset)
    assert np.random.get_state()[1].tolist() == before


def test_keypoints_of_another_order_are_found_by_their_names_in_a_head_like_the_students(tmp_path):
    cfg = tiny_config(num_keypoints=6)['estimator']
    labeler = write_labeler(
        tmp_path, **{key: cfg[key] for key in ('backbone', 'head', 'data_preprocessor')})
    data, order = two_views(PEOPLE[:2], (64, 96)), [1, 0, 2, 5, 4, 3]
    model = build(labeler)
    keypoints, scores = model.target_maker.decoded(teach(model, data)[0])  # its output, whole
    tell_names([NAMES[i] for i in order])
    seen, _ = teach(build(labeler), data)
    assert seen.keypoints.equal(keypoints[:, order]) and seen.scores.equal(scores[:, order])
    assert not keypoints.equal(keypoints[:, order])


def test_the_models_own_names_count_more_than_its_test_datas(tmp_path):
    order, data = [1, 0, 2, 3, 4, 5], two_views(PEOPLE[:2])
    plain, own = (teach(build(write_labeler(tmp_path / name, **options)), data)[0]
                  for name, options in (('a', {}), ('b', dict(
                      metainfo=metainfo([NAMES[i] for i in order])))))
    assert own.keypoints.equal(plain.keypoints[:, order])


@pytest.mark.parametrize('direction', ['horizontal', 'vertical', 'diagonal'])
def test_a_box_is_found_in_its_image_however_the_view_is_mirrored(direction):
    image, box = PEOPLE[0]
    sample = Compose([
        GetBBoxCenterScale(), RandomFlip(prob=1., direction=direction),
        WarpTopdownAffine((64, 96)), PackView(VIEW_META_KEYS)])(dict(
            img=image, img_shape=image.shape[:2], ori_shape=image.shape[:2], bbox=box.copy(),
            bbox_score=np.ones(1, np.float32), flip_indices=FLIP_INDICES))['data_samples']
    np.testing.assert_allclose(box_in_image(sample), box[0], atol=1e-3)
