"""A semi-supervised config gives the plain model's, which stands alone and is read as written."""
import pytest
import small_run
import torch
from mmengine.config import Config

from mmpose_mum.plain_config import config_text, find_config, plain_config, read_config
from mmpose_mum.testing import tiny_config


def test_the_config_beside_a_checkpoint_is_found_or_else_the_last_runs(tmp_path):
    checkpoint = tmp_path / 'iter_2.pth'
    with pytest.raises(ValueError, match='there is no config beside .* by --config'):
        find_config(checkpoint)
    for name in ('20240101_000000', '20240102_000000'):
        (tmp_path / name / 'vis_data').mkdir(parents=True)
        (tmp_path / name / 'vis_data' / 'config.py').touch()
    assert find_config(checkpoint) == tmp_path / '20240102_000000' / 'vis_data' / 'config.py'
    (tmp_path / 'one.py').touch()
    assert find_config(checkpoint) == tmp_path / 'one.py'
    (tmp_path / 'two.py').touch()
    with pytest.raises(ValueError, match='several configs beside .* one.py, two.py'):
        find_config(checkpoint)


def test_joints_that_a_dump_sorted_as_text_are_in_their_order_again(tmp_path):
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
    imports = dict(imports=['mmpretrain.models', 'mmpose_mum', 'mmpose_mum.x'],
                   allow_failed_imports=False)
    entries, _ = plain_config(config_of(model, custom_imports=imports))
    assert 'init_cfg' not in entries['model']['backbone'] and len(
        entries['model']['head']['init_cfg']) == 1
    assert entries['custom_imports'] == dict(imports=['mmpretrain.models'],
                                             allow_failed_imports=False)
    imports['imports'] = 'mmpose_mum'
    assert 'custom_imports' not in plain_config(config_of(model, custom_imports=imports))[0]


def test_the_wrappers_own_preprocessor_is_the_plain_models():
    semi = tiny_config()
    own = dict(type='PoseDataPreprocessor', mean=[1.] * 3, std=[2.] * 3)
    semi['data_preprocessor'] = dict(type='SemiSupervisedDataPreprocessor', data_preprocessor=own)
    assert plain_config(config_of(semi))[0]['model']['data_preprocessor'] == own
    del semi['data_preprocessor'], semi['estimator']['data_preprocessor']
    assert plain_config(config_of(semi))[0]['model']['data_preprocessor'] == dict(
        type='PoseDataPreprocessor')


def test_metainfo_from_a_file_is_written_out(tmp_path):
    joints = tmp_path / 'joints.py'
    joints.write_text((small_run.ROOT / 'configs/_base_/lspet.py').read_text())
    cfg = config_of(tiny_config())
    cfg.val_dataloader.dataset.metainfo = dict(from_file=str(joints))
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
    with pytest.raises(ValueError, match='needs mmpose_mum: it has LoadUnlabeledImage'):
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
