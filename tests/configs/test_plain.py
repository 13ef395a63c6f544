"""A semi-supervised config gives the plain model's, which stands alone and is read as written."""
import inspect
import sys
from types import ModuleType

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import VISBACKENDS
from mmengine.runner import Runner
from mmpose.registry import HOOKS

from helpers import small_run
from mmpose_mum.configs.plain import (
    ENTRIES,
    KEPT,
    LEFT_OUT,
    config_text,
    find_config,
    plain_config,
    read_config,
)
from mmpose_mum.configs.portable import portable
from mmpose_mum.configs.shipped import find_shipped_config as shipped
from mmpose_mum.testing import tiny_config


def test_the_config_beside_a_checkpoint_is_found_or_else_the_last_runs(tmp_path):
    checkpoint = tmp_path / 'iter_2.pth'
    with pytest.raises(ValueError, match='there is no config next to .* as --config'):
        find_config(checkpoint)
    for name in ('20240101_000000', '20240102_000000'):
        (tmp_path / name / 'vis_data').mkdir(parents=True)
        (tmp_path / name / 'vis_data' / 'config.py').touch()
    assert find_config(checkpoint) == tmp_path / '20240102_000000' / 'vis_data' / 'config.py'
    (tmp_path / 'one.py').touch()
    assert find_config(checkpoint) == tmp_path / 'one.py'
    for suffix in ('.py', '.pth'):  # a published model's
        (tmp_path / f'model-0123abcd{suffix}').touch()
    assert find_config(checkpoint) == tmp_path / 'one.py'
    (tmp_path / 'two.py').touch()
    with pytest.raises(ValueError, match='several configs next to .* one.py, two.py'):
        find_config(checkpoint)


def test_keypoints_that_a_dump_sorted_as_text_are_in_their_order_again(tmp_path):
    (tmp_path / 'config.py').write_text(
        'metainfo = dict(keypoint_info={0: 1, 1: 1, 10: 1, 2: 1}, b=1, a=2)\n')
    metainfo = read_config(tmp_path / 'config.py').metainfo
    assert list(metainfo.keypoint_info) == [0, 1, 2, 10]
    assert list(metainfo) == ['keypoint_info', 'b', 'a']
    with pytest.raises(FileNotFoundError, match='there is no config'):
        read_config(tmp_path / 'none.py')


def config_of(model, **options):
    dataset = dict(type='CocoDataset', pipeline=[dict(type='LoadImage')])
    return Config(dict(dict(model=model, val_dataloader=dict(dataset=dataset), val_evaluator=[]),
                       **options))


def test_weights_to_start_from_go_and_other_imports_stay(tmp_path):
    model = tiny_config()['estimator']
    pretrained = dict(type='Pretrained', checkpoint='https://nowhere/a.pth')
    model['backbone']['init_cfg'] = pretrained
    model['head']['init_cfg'] = [pretrained, dict(type='Normal', layer='Conv2d', std=0.1)]
    imports = dict(imports=['mine.models', 'mmpose_mum', 'mmpose_mum.x'],
                   allow_failed_imports=False)
    entries, _ = plain_config(config_of(model, custom_imports=imports))
    assert 'init_cfg' not in entries['model']['backbone'] and len(
        entries['model']['head']['init_cfg']) == 1
    assert entries['custom_imports'] == dict(imports=['mine.models'],
                                             allow_failed_imports=False)
    imports['imports'] = 'mmpose_mum'
    assert 'custom_imports' not in plain_config(config_of(model, custom_imports=imports))[0]


def test_an_import_for_hooks_alone_goes_and_one_that_brings_what_is_used_stays(monkeypatch):
    """Of the training, and not to be had elsewhere."""
    for name, made in (('my_hooks', 'AlicesHook'), ('my_steps.loading', 'AlicesLoading')):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
        monkeypatch.setitem(HOOKS.module_dict, made, type(made, (), dict(__module__=name)))
    cfg = config_of(tiny_config(), custom_imports=dict(imports=['my_hooks', 'my_steps']))
    cfg.val_dataloader.dataset.pipeline.append(dict(type='AlicesLoading'))
    assert plain_config(cfg)[0]['custom_imports'] == dict(imports=['my_steps'])
    # One of them imports a third, which brings something that is used.
    monkeypatch.setitem(HOOKS.module_dict, 'AlicesNet', type(
        'AlicesNet', (), dict(__module__='my_net')))
    cfg.val_dataloader.dataset.pipeline.append(dict(type='AlicesNet'))
    assert plain_config(cfg)[0]['custom_imports'] == dict(imports=['my_hooks', 'my_steps'])


def test_a_preprocessor_beside_the_model_is_the_models_as_the_runner_has_it():
    own = dict(type='PoseDataPreprocessor', mean=[1.] * 3, std=[2.] * 3)
    model = dict(tiny_config()['estimator'])
    del model['data_preprocessor']
    assert plain_config(config_of(model, data_preprocessor=own))[0]['model'][
        'data_preprocessor'] == own


def test_the_wrappers_own_preprocessor_is_the_plain_models():
    semi = tiny_config()
    own = dict(type='PoseDataPreprocessor', mean=[1.] * 3, std=[2.] * 3)
    semi['data_preprocessor'] = dict(type='SemiSupervisedDataPreprocessor', data_preprocessor=own)
    assert plain_config(config_of(semi))[0]['model']['data_preprocessor'] == own
    del semi['data_preprocessor'], semi['estimator']['data_preprocessor']
    assert plain_config(config_of(semi))[0]['model']['data_preprocessor'] == dict(
        type='PoseDataPreprocessor')


def test_metainfo_from_a_file_is_written_out(tmp_path):
    keypoints = tmp_path / 'joints.py'
    keypoints.write_text((small_run.ROOT / 'configs/_base_/lspet.py').read_text())
    cfg = config_of(tiny_config())
    cfg.val_dataloader.dataset.metainfo = dict(from_file=str(keypoints))
    found = plain_config(cfg)[0]['test_dataloader']['dataset']['metainfo']
    assert list(found['keypoint_info']) == list(range(14))
    of_mmpose = dict(from_file='configs/_base_/datasets/coco.py')
    cfg.val_dataloader.dataset.metainfo = of_mmpose
    assert plain_config(cfg)[0]['test_dataloader']['dataset']['metainfo'] == of_mmpose


def test_what_a_config_cannot_do_without_is_an_error():
    with pytest.raises(ValueError, match='no test_dataloader'):
        plain_config(Config(dict(model=tiny_config())))
    with pytest.raises(ValueError, match='no model'):
        plain_config(Config(dict(a=1)))
    cfg = config_of(tiny_config())
    cfg.val_dataloader.dataset.pipeline[0].type = 'mmpose.LoadUnlabeledImage'
    with pytest.raises(ValueError, match='has LoadUnlabeledImage of mmpose_mum'):
        plain_config(cfg)


def test_a_written_config_is_read_as_it_was(tmp_path):
    value = {10: 'ten', 2: ('one', ), 1: [1.5, None, True, -3]}
    entries = dict(a=dict(value, long=['x' * 40] * 4), b=dict({'type': 'T', 'not a name': 1}),
                   c=value, d=(), e=dict(lambda_=1, words='a\n"\''))
    (tmp_path / 'config.py').write_text(config_text(entries, 'title'))
    cfg = Config.fromfile(tmp_path / 'config.py')
    assert cfg.to_dict() == entries and list(cfg.c) == [10, 2, 1]
    assert max(map(len, (tmp_path / 'config.py').read_text().splitlines())) <= 100
    for value in (torch.zeros(1), float('inf'), float('nan')):
        with pytest.raises(ValueError, match='a of the config holds .* cannot be written'):
            config_text(dict(a=[value]), '')


# Nothing of the training.


def test_the_table_has_every_entry_that_the_hosts_read():
    read = set(inspect.signature(Runner.__init__).parameters) - {'self', 'cfg'}
    source = inspect.getsource(Runner)
    read |= {name for name in (
        'activation_checkpointing', 'efficient_conv_bn_eval', 'compile', 'sync_bn',
        'find_unused_parameters', 'model_wrapper_cfg') if f"cfg.get('{name}'" in source}
    read |= Config.fromfile(shipped('mmpose::_base_/default_runtime.py')).keys()
    assert read <= ENTRIES.keys(), read - ENTRIES.keys()
    assert all(reason for _, reason in ENTRIES.values())


@pytest.mark.parametrize('backend', sorted(VISBACKENDS.module_dict))
def test_no_tracking_service_is_needed_and_none_is_named(backend):
    tracking = dict(type=backend, save_dir='/home/alice', init_kwargs=dict(
        project='alice', tracking_uri='https://alice:secret@intranet', api_token='secret'))
    cfg = config_of(tiny_config(), vis_backends=[tracking], visualizer=dict(
        type='PoseLocalVisualizer', vis_backends=[tracking], save_dir='alice', name='alice'))
    text = config_text(plain_config(cfg)[0], 'title')
    assert 'alice' not in text and 'secret' not in text and 'intranet' not in text
    assert backend == 'LocalVisBackend' or backend not in text
    assert plain_config(cfg)[0]['visualizer'] == dict(
        type='PoseLocalVisualizer', vis_backends=[dict(type='LocalVisBackend')], name='visualizer')


def test_the_visualizer_draws_in_as_many_dimensions():
    for given, expected in (('Pose3dLocalVisualizer', 'Pose3dLocalVisualizer'),
                            ('mmpose.Pose3dLocalVisualizer', 'Pose3dLocalVisualizer'),
                            ('AlicesVisualizer', 'PoseLocalVisualizer')):
        cfg = config_of(tiny_config(), visualizer=dict(type=given))
        assert plain_config(cfg)[0]['visualizer']['type'] == expected


def test_no_secret_of_any_entry_is_published():
    """Each entry that is not kept holds one; those that are kept, wherever machines put them."""
    secret, model = 'alice', tiny_config()
    model.update(unknown=secret, train_cfg=dict(a=secret))
    model['estimator']['train_cfg'] = dict(a=secret)
    model['estimator']['backbone'].update(
        pretrained=f'/home/{secret}/a.pth',
        init_cfg=dict(type='Pretrained', checkpoint=f'https://{secret}:token@intranet/a.pth'))
    access = dict(backend='s3', access_key=secret, secret_key=secret)
    dataset = dict(
        type='CocoDataset', data_root=f'/home/{secret}/coco/', ann_file='val.json',
        bbox_file=f'C:\\Users\\{secret}\\boxes.json', data_prefix=dict(img=f'~{secret}/val/'),
        metainfo=dict(from_file='configs/_base_/datasets/coco.py'), pipeline=[
            dict(type='LoadImage', backend_args=access, file_client_args=access)])
    evaluator = [dict(type='CocoMetric', ann_file=f'/home/{secret}/coco/val.json',
                      outfile_prefix=secret, collect_dir=secret)]
    data = {f'{name}_{part}': value for name in ('val', 'test')
            for part, value in (('dataloader', dict(dataset=dataset)), ('evaluator', evaluator))}
    others = {name: dict(type='Secret', a=[secret]) for name, (what, _) in ENTRIES.items()
              if what != KEPT and name not in ('custom_imports', 'model', 'data_preprocessor')}
    cfg = Config({**others, **data, 'model': model, 'my_own_token': secret})
    entries, left_out = plain_config(cfg)
    entries, moved = portable(entries)
    text = config_text(entries, 'title')
    for word in (secret, 'Secret', 'token', 'intranet', 'home', 'Users', 's3'):
        assert word not in text, word
    assert not left_out and len(moved) == 3
    assert not {name for name, (what, _) in ENTRIES.items() if what == LEFT_OUT} & entries.keys()
    assert entries['default_hooks'].keys() == {
        'visualization', 'badcase'}
