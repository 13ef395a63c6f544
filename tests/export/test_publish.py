"""A plain model comes out of a semi-supervised checkpoint, or a message that says why not."""
import hashlib
import inspect
import re
import resource
import subprocess
import sys

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.runner import Runner, load_checkpoint
from mmpose.apis import MMPoseInferencer, inference_topdown, init_model
from mmpose.datasets.datasets.utils import parse_pose_metainfo
from mmpose.registry import DATASETS, MODELS

from helpers import small_run
from mmpose_mum.configs.metainfo import metainfo_of
from mmpose_mum.configs.plain import find_config, plain_config, read_config
from mmpose_mum.configs.shipped import find_shipped_config
from mmpose_mum.export.publish import (
    check_keypoints,
    keypoints_of,
    plain_checkpoint,
    plain_state_dict,
    publish,
)
from mmpose_mum.testing import tiny_config

INNER_NECK = dict(type='FeatureMapProcessor', scale_factor=1.0, apply_relu=True)
NAMES = ['right_ankle', 'right_knee', 'right_hip', 'left_hip', 'left_knee', 'left_ankle',
         'right_wrist', 'right_elbow', 'right_shoulder', 'left_shoulder', 'left_elbow',
         'left_wrist', 'neck', 'head_top']
FLIP = [5, 4, 3, 2, 1, 0, 11, 10, 9, 8, 7, 6, 12, 13]


@pytest.fixture(scope='module')
def run():
    return small_run.train()


@pytest.fixture(scope='module')
def published(run, tmp_path_factory):
    return publish(run, tmp_path_factory.mktemp('published') / 'out' / 'model.pth')


def predictions(model, cfg):
    """What a model makes of the test data through the whole test step."""
    data = DATASETS.build(cfg.test_dataloader.dataset)
    with torch.no_grad():
        found = model.test_step(pseudo_collate([data[i] for i in range(len(data))]))
    found = [sample.pred_instances for sample in found]
    return [np.concatenate([x.keypoints, x.keypoint_scores[..., None]], -1) for x in found]


@pytest.mark.parametrize('which', ['teacher', 'student'])
def test_the_plain_config_loads_either_model_strictly_and_predicts_the_same(tmp_path, which):
    config = tiny_config()
    config['estimator']['neck'] = INNER_NECK
    model = MODELS.build(config).eval()
    with torch.no_grad():  # so that teacher and student differ
        for parameter in model.student.parameters():
            parameter.mul_(1.1)
    path = tmp_path / 'plain.pth'
    checkpoint = dict(state_dict=model.state_dict(), optimizer={}, message_hub={},
                      meta=dict(dataset_meta=dict(num_keypoints=4), iter=3))
    torch.save(plain_checkpoint(checkpoint, which), path)
    plain = MODELS.build(config['estimator']).eval()
    loaded = load_checkpoint(plain, str(path), strict=True)
    images = torch.randn(2, 3, 96, 64)
    assert torch.equal(plain(images, None), getattr(model, which)(images, None))
    assert loaded.keys() == {'meta', 'state_dict'}
    assert loaded['meta'] == dict(dataset_meta=dict(num_keypoints=4))


def test_a_plain_checkpoint_and_a_wrong_name_are_refused():
    with pytest.raises(ValueError, match=r"no weights of a teacher.*begin with \['backbone'\]"):
        plain_state_dict({'backbone.conv1.weight': torch.zeros(1)})
    with pytest.raises(ValueError, match="'teacher', 'student'.*got 'ema'"):
        plain_state_dict({}, 'ema')


def test_the_name_has_the_files_hash_and_nothing_is_in_it_but_tensors_and_keypoints(run, published):
    path = published.checkpoint
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert path.name == f'model-{digest[:8]}.pth' and published.config.name == path.stem + '.py'
    assert sorted(path.parent.iterdir()) == sorted(published[:2])
    content = torch.load(str(path), weights_only=True)
    assert content.keys() == {'meta', 'state_dict'} and content['meta'].keys() == {'dataset_meta'}
    keypoints = content['meta']['dataset_meta']
    expected = parse_pose_metainfo(Config.fromfile(run.parents[1] / 'original.py').metainfo)
    assert keypoints.keys() == expected.keys()
    for key, value in expected.items():
        assert np.array_equal(np.array(keypoints[key]), np.array(value)), key
    raw = torch.load(str(run), weights_only=False)
    assert raw['state_dict'].keys() == {
        f'{which}.{key}' for which in ('teacher', 'student') for key in content['state_dict']}
    assert path.stat().st_size < run.stat().st_size / 1.9


def test_keypoints_keep_their_order_though_the_work_dirs_config_has_lost_it(run, published):
    dumped = Config.fromfile(run.parent / 'original.py')
    assert list(dumped.metainfo.keypoint_info)[:3] == [0, 1, 10]  # this is what is to be mended
    assert parse_pose_metainfo(dumped.metainfo)['flip_indices'] != FLIP
    for cfg in (Config.fromfile(published.config), read_config(find_config(run))):
        metainfo = cfg.test_dataloader.dataset.metainfo
        assert list(metainfo.keypoint_info) == list(range(14))
        parsed = parse_pose_metainfo(metainfo)
        assert parsed['flip_indices'] == FLIP
        assert [parsed['keypoint_id2name'][i] for i in range(14)] == NAMES
    assert init_model(str(published.config), str(published.checkpoint),
                      device='cpu').dataset_meta['flip_indices'] == FLIP


@pytest.mark.parametrize('which', ['teacher', 'student'])
def test_it_predicts_what_the_run_predicts_to_the_bit(
        run, published, tmp_path, monkeypatch, which):
    # By the folder that stands for the machine's own.
    assert published.moved == {str(run.parents[1]): 'data'}
    (tmp_path / 'data').symlink_to(run.parents[1])
    monkeypatch.chdir(tmp_path)
    if which == 'student':
        published = publish(
            run, tmp_path / 'student.pth', 'student', run.parents[1] / 'original.py')
    original = Config.fromfile(run.parents[1] / 'original.py')
    whole = MODELS.build(original.model).eval()
    load_checkpoint(whole, str(run), strict=True)
    whole.semi_test_cfg['predict_on'] = which
    expected = predictions(whole, original)
    model = init_model(str(published.config), str(published.checkpoint), device='cpu')
    for found, wanted in zip(predictions(model, model.cfg), expected):
        assert np.array_equal(found, wanted)
    # The flip counts, which is where keypoints in another order would show.
    whole.teacher.test_cfg['flip_test'] = whole.student.test_cfg['flip_test'] = False
    assert not np.array_equal(predictions(whole, original)[0], expected[0])
    other = 'student' if which == 'teacher' else 'teacher'
    whole.semi_test_cfg['predict_on'] = other
    assert not np.array_equal(predictions(whole, original)[0], expected[0])


def test_the_inferencer_takes_it_and_nothing_needs_the_plugin(run, published, tmp_path):
    image = str(run.parents[1] / 'labeled' / 'a.png')
    code = (
        'import sys\n'
        'sys.modules["mmpose_mum"] = None\n'  # an import of it fails
        'from mmpose.apis import MMPoseInferencer\n'
        f'infer = MMPoseInferencer(pose2d={str(published.config)!r}, det_model="whole_image", '
        f'pose2d_weights={str(published.checkpoint)!r}, device="cpu")\n'
        f'found = next(infer({image!r}, out_dir={str(tmp_path)!r}))\n'
        'print(len(found["predictions"][0][0]["keypoints"]))')
    done = subprocess.run([sys.executable, '-W', 'ignore', '-c', code], capture_output=True,
                          text=True, cwd=str(tmp_path))
    assert not done.returncode, done.stderr
    assert done.stdout.split()[-1] == '14'
    assert (tmp_path / 'visualizations' / 'a.png').exists()


def test_the_config_stands_alone_and_has_nothing_of_the_training(published):
    text = published.config.read_text()
    assert 'mmpose_mum' not in text and '_base_' not in text and 'EMAN' not in text
    assert published.left_out == ['TorsoPCKAccuracy']
    cfg = Config.fromfile(published.config)
    assert cfg.model.type == 'TopdownPoseEstimator' and cfg.val_cfg == cfg.test_cfg == {}
    assert cfg.val_evaluator == [dict(type='PCKAccuracy', thr=0.1)] == cfg.test_evaluator
    assert cfg.default_hooks.keys() == {'visualization', 'badcase'}
    assert not {'train_dataloader', 'optim_wrapper', 'custom_hooks', 'train_cfg', 'work_dir',
                'log_level', 'experiment_name', 'randomness', 'log_processor'} & cfg.keys()
    assert text.splitlines()[0].startswith('# The teacher of iter_2.pth')


def test_a_hostile_checkpoint_is_refused_and_nothing_is_written(run, tmp_path):
    victim, path = tmp_path / 'victim', tmp_path / 'evil.pth'
    torch.save(dict(state_dict={'teacher.a': torch.zeros(1)},
                    meta=small_run.Hostile(f'touch {victim}')), str(path))
    with pytest.raises(ValueError, match=r'contains (posix|nt)\.system'):
        publish(path, tmp_path / 'out.pth', config=run.parents[1] / 'original.py')
    assert list(tmp_path.iterdir()) == [path]


# The training's own config


def test_inference_by_the_trainings_own_config_is_the_published_models(
        run, published, tmp_path, monkeypatch):
    training = tmp_path / 'training.py'
    training.write_text((run.parents[1] / 'original.py').read_text() + (
        "\nmodel['backbone'] = dict()\ndata_mode = 'topdown'\ndataset_type = 'CocoDataset'\n"
        "visualizer = dict(type='PoseLocalVisualizer', name='training')\n"))
    image = str(run.parents[1] / 'unlabeled' / 'c.png')
    (tmp_path / 'data').symlink_to(run.parents[1])
    monkeypatch.chdir(tmp_path)

    def infer(config, checkpoint):
        config, checkpoint = str(config), str(checkpoint)
        found = inference_topdown(init_model(config, checkpoint, device='cpu'), image)
        inferred = next(MMPoseInferencer(
            pose2d=config, pose2d_weights=checkpoint, det_model='whole_image', device='cpu')(
                image, return_vis=True, draw_heatmap=True))
        cfg = Config.fromfile(config)
        cfg.merge_from_dict(dict(
            load_from=checkpoint, work_dir=str(tmp_path / 'work'), log_level='ERROR'))
        with monkeypatch.context() as patched:  # yapf takes long
            patched.setattr(Config, 'pretty_text', '', raising=False)
            metrics = Runner.from_cfg(cfg).test()
        return (found[0].pred_instances.keypoints, found[0].pred_instances.keypoint_scores,
                inferred['predictions'], metrics['PCK'])

    for found, expected in zip(infer(training, run), infer(*published[1::-1])):
        assert np.array_equal(found, expected)


def test_a_training_config_without_an_empty_backbone_serves_init_model_with_options(
        run, published):
    """As they were written before: they trained, as the one of this run has."""
    config = str(run.parents[1] / 'original.py')
    image = str(run.parents[1] / 'unlabeled' / 'c.png')
    with pytest.raises(AttributeError, match='backbone'):
        init_model(config, str(run), device='cpu')
    found, expected = (
        inference_topdown(model, image)[0].pred_instances.keypoints for model in (
            init_model(config, str(run), device='cpu', cfg_options={}),
            init_model(str(published.config), str(published.checkpoint), device='cpu')))
    assert np.array_equal(found, expected)


# What can go wrong


@pytest.mark.parametrize('kind', ['pth', 'py'])
def test_a_full_disk_leaves_neither_file_and_is_told(run, published, tmp_path, monkeypatch, kind):
    size = published.checkpoint.stat().st_size
    if kind == 'py':  # the checkpoint does fit, and the config, made longer, does not
        monkeypatch.setattr('mmpose_mum.export.publish.config_text', lambda *_: 'x' * 2 * size)
    space = size - 100 if kind == 'pth' else size + 100
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (space, before[1]))
    try:
        with pytest.raises(OSError, match=rf'too large: .*model-\w+\.{kind} needs [\d,]+ bytes'):
            publish(run, tmp_path / 'new' / 'model.pth')
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not list((tmp_path / 'new').iterdir())


def test_what_a_killed_process_left_is_completed(run, tmp_path):
    written = publish(run, tmp_path / 'model.pth')
    text = written.config.read_text()
    written.config.unlink()
    assert publish(run, tmp_path / 'model.pth') == written and written.config.read_text() == text
    with pytest.raises(FileExistsError, match=f'{written.config.name} exists already'):
        publish(run, tmp_path / 'model.pth')


def test_keypoints_in_another_order_are_told_by_both_lists(run):
    names = dict(enumerate(NAMES))
    other = {**names, 0: NAMES[1], 1: NAMES[0]}
    check_keypoints(dict(keypoint_id2name=names), dict(meta=dict(dataset_meta=dict(
        keypoint_id2name=dict(reversed(names.items()))))), {})  # by their ids
    with pytest.raises(ValueError, match=(
            r"the config has its keypoints in another order than the checkpoint: "
            r"\['right_ankle', 'right_knee', .* instead of \['right_knee', 'right_ankle', ")):
        check_keypoints(dict(keypoint_id2name=names), dict(meta=dict(dataset_meta=dict(
            keypoint_id2name=other))), {})
    for other in ({0: 'a'}, {'x': None, 3: 1}):  # whatever a stranger's file has there
        with pytest.raises(ValueError, match='other keypoints than the checkpoint'):
            check_keypoints(dict(keypoint_id2name=names), dict(meta=dict(dataset_meta=dict(
                keypoint_id2name=other))), {})


@pytest.mark.parametrize('config, trained, told', [
    ('body_2d_keypoint/topdown_heatmap/coco/td-hm_hrnet-w32_8xb64-210e_coco-aic-256x192-combine.py',
     19, 17),  # it tells only some of what it was trained with
    ('fashion_2d_keypoint/topdown_heatmap/deepfashion/td-hm_res50_8xb64-210e_deepfashion_upper-'
     '256x192.py', 6, 6)])  # its class has no keypoints until one is built
def test_keypoints_of_mmposes_own_configs_are_those_of_their_checkpoints(config, trained, told):
    cfg = Config.fromfile(find_shipped_config(f'mmpose::{config}'))
    entries = plain_config(cfg)[0]
    saved = parse_pose_metainfo(metainfo_of(cfg.train_dataloader.dataset))
    keypoints = keypoints_of(entries)
    assert (saved['num_keypoints'], keypoints['num_keypoints']) == (trained, told)
    for meta in (saved, keypoints):  # of the training, and as it is published
        check_keypoints(keypoints, dict(meta=dict(dataset_meta=meta)), entries['model'])
    names = {**saved['keypoint_id2name'], 2: 'x'}
    with pytest.raises(ValueError, match='other keypoints than the checkpoint'):
        check_keypoints(keypoints, dict(meta=dict(dataset_meta=dict(keypoint_id2name=names))),
                        entries['model'])


def test_the_first_of_several_test_sets_tells_the_keypoints():
    coco = dict(type='CocoDataset')
    for dataset in (coco, dict(type='ConcatDataset', datasets=[coco, coco]),
                    dict(type='RepeatDataset', dataset=coco, times=2)):
        found = keypoints_of(dict(test_dataloader=dict(dataset=dataset)))
        assert found['num_keypoints'] == 17 and found['dataset_name'] == 'coco'
    with pytest.raises(ValueError, match="'NoSuchDataset' is not registered"):
        keypoints_of(dict(test_dataloader=dict(dataset=dict(type='NoSuchDataset'))))


@pytest.mark.parametrize('change, message', [
    (lambda meta: meta['keypoint_info'][1].update(swap='left_ancle'),
     r"swap of 'right_knee' in the metainfo names 'left_ancle', which is not among .*'left_knee'"),
    (lambda meta: meta.update(skeleton_info={0: dict(link=('neck', 'head'), id=0)}),
     r"link \('neck', 'head'\) in the metainfo names 'head'"),
    (lambda meta: meta['keypoint_info'][0].update(swap=''),
     "swap of 'left_ankle' in the metainfo is 'right_ankle', but that of 'right_ankle' is None"),
    (lambda meta: meta['keypoint_info'][12].update(name='head_top'),
     "2 keypoints of the name 'head_top'"),
    (lambda meta: meta.update(sigmas=[.1] * 13), '14 keypoints, and 13 sigmas'),
    (lambda meta: meta.update(joint_weights=[1.] * 15), '14 keypoints, and 15 joint_weights')])
def test_a_metainfo_that_contradicts_itself_says_where(change, message):
    meta = dict(keypoint_info={i: dict(name=name, id=i, swap=NAMES[FLIP[i]])
                               for i, name in enumerate(NAMES)}, skeleton_info={})
    assert metainfo_of(dict(type='CocoDataset', metainfo=meta)) is meta
    change(meta)
    with pytest.raises(ValueError, match=message):
        metainfo_of(dict(type='CocoDataset', metainfo=meta))


# ONNX, by docs/publish.md


def test_the_documented_onnx_export_gives_the_same_heatmaps(published, tmp_path, monkeypatch):
    pytest.importorskip('onnx')
    onnxruntime = pytest.importorskip('onnxruntime')
    text = (small_run.ROOT / 'docs/publish.md').read_text(encoding='utf-8')
    recipe = re.search(r'```python\n(?=[^`]*torch\.onnx\.export)(.*?)```', text, re.S)[1]
    recipe = re.sub(r"'my_model-[\w-]+\.(pth|py)'", lambda match: repr(str(
        published.checkpoint if match[1] == 'pth' else published.config)), recipe)
    parameters = inspect.signature(torch.onnx.export).parameters
    if 'dynamo' in parameters and parameters['dynamo'].default:  # PyTorch 2.9 and later
        recipe = recipe.replace('opset_version=17,', 'opset_version=17, dynamo=False,')
    monkeypatch.chdir(tmp_path)
    scope = {}
    exec(recipe, scope)  # noqa: S102
    model = scope['model']
    session = onnxruntime.InferenceSession(
        str(tmp_path / 'my_model.onnx'), providers=['CPUExecutionProvider'])
    images = torch.randn(3, 3, 96, 64)  # more than the export has seen
    with torch.no_grad():
        expected = model(images, None).numpy()
    found, = session.run(None, dict(images=images.numpy()))
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() < 1e-4 * np.abs(expected).max()
