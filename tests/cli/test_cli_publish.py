"""The tool that publishes: what it says, and its errors."""
import shutil
from pathlib import Path

import pytest
import torch

from helpers import small_run
from mmpose_mum.cli import main

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope='module')
def run():
    return small_run.train()


def refused(*args, match):
    with pytest.raises(SystemExit, match=match):
        main(['publish', *map(str, args)])


def test_publishes_and_names_the_files(run, tmp_path, capsys):
    main(['publish', str(run), str(tmp_path / 'out' / 'model.pth')])
    files = sorted((tmp_path / 'out').iterdir())
    said = capsys.readouterr().out
    assert [path.suffix for path in files] == ['.pth', '.py']
    assert all(str(path) in said for path in files) and 'need this package: TorsoPCK' in said
    assert f'the config has data instead of {run.parents[1]}' in said
    refused(run, tmp_path / 'out' / 'model.pth', match=f'{files[1].name} exists already')
    # The student is another model; the config may lie elsewhere.
    main(['publish', str(run), str(tmp_path / 'out' / 'model.pth'), '--which', 'student',
                        '--config', str(run.parents[1] / 'original.py')])
    assert len(list((tmp_path / 'out').iterdir())) == 4


def test_mistakes_have_names(run, tmp_path):
    out = tmp_path / 'model.pth'
    refused(tmp_path / 'no.pth', out, match='no checkpoint .*no.pth')
    refused(run.parent, out, match=f'is a folder, and a checkpoint was expected.*{run.name}')
    refused(run, tmp_path / 'model.onnx', match='must end in .pth')
    refused(run, out, '--config', tmp_path / 'no.py', match='no config .*no.py')
    lonely = tmp_path / 'lonely' / 'a.pth'
    lonely.parent.mkdir()
    shutil.copy(str(run), str(lonely))
    refused(lonely, out, match='no config next to .*--config')
    for name in ('b.py', 'c.py'):
        (lonely.parent / name).write_text('a = 1')
    refused(lonely, out, match='several configs next to .*b.py, c.py')
    refused(lonely, out, '--config', lonely.with_name('b.py'), match='has no model')
    lonely.with_name('a.py').write_text('a = 1')  # by its name it is the checkpoint's
    refused(lonely, out, match='has no model')
    plain = tmp_path / 'plain.pth'
    torch.save(dict(state_dict={'backbone.a': torch.zeros(1)}), str(plain))
    refused(plain, out, match='no weights of a teacher')
    # Another model's config, and other keypoints than it was trained with.
    text = (run.parents[1] / 'original.py').read_text()
    other = tmp_path / 'other.py'
    other.write_text(text.replace("'depth': 18", "'depth': 50"))
    refused(run, out, '--config', other, match="config is not the checkpoint's")
    joints = (ROOT / 'configs/_base_/lspet.py').read_text()
    base = tmp_path / 'joints.py'
    other.write_text(text.replace(str(ROOT / 'configs/_base_/lspet.py'), str(base)))
    base.write_text(joints.replace("'head_top'", "'crown'"))
    refused(run, out, '--config', other,
            match='other keypoints than the checkpoint.*crown.*head_top')
    base.write_text(joints.replace("name='head_top'", "name='crown'"))
    refused(run, out, '--config', other,
            match=r"link \('neck', 'head_top'\) in the metainfo names 'head_top', which is not")
    assert not list(tmp_path.glob('model*'))


def test_a_config_of_vis_data_serves_as_well(run, tmp_path):
    shutil.copy(str(run), str(tmp_path / 'a.pth'))
    (tmp_path / '20260101' / 'vis_data').mkdir(parents=True)
    shutil.copy(str(run.parent / 'original.py'), str(tmp_path / '20260101/vis_data/config.py'))
    main(['publish', str(tmp_path / 'a.pth'), str(tmp_path / 'out.pth')])
    assert len(list(tmp_path.glob('out-*'))) == 2
