"""The doctor runs in broken environments too, and names what is wrong with its remedy."""
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

import mmpose_mum
from mmpose_mum.cli.doctor import gpu_problems, has_kernels, hide_home
from mmpose_mum.host import numbers_of


def doctor(site: Path):
    """Run the doctor with a folder before all others on the path; return exit code and output."""
    package = Path(mmpose_mum.__file__).parents[1]
    path = os.pathsep.join([str(site), str(package), os.environ.get('PYTHONPATH', '')])
    script = 'import sys; sys.argv = ["mmpose-mum", "doctor"]\n' \
             'from mmpose_mum.cli import main; main()'
    run = subprocess.run([sys.executable, '-c', script], env={**os.environ, 'PYTHONPATH': path},
                         capture_output=True, text=True)
    assert 'Traceback' not in run.stderr
    return run.returncode, run.stdout


def break_import(site: Path, name: str, text: str):
    """Put a module before the real one, whose import fails."""
    (site / f'{name}.py').write_text(f'raise ImportError({text!r})')


def test_a_fitting_environment_takes_a_step(tmp_path):
    code, report = doctor(tmp_path)
    assert 'training step           works on cpu; AutocastOptimWrapper: ' in report
    assert f'torch                   {sys.modules["torch"].__version__.split("+")[0]}' in report
    assert 'mmpose_mum needs' not in report
    # a checkout on PYTHONPATH is trained with, but MIM does not see it
    assert (code == 0) == ('MIM' not in report)


@pytest.mark.parametrize('name, remedy', [
    ('torch', 'pip install torch'),
    ('mmdet', 'pip install mmdet==3.2.0'),
])
def test_what_does_not_load_is_named_with_its_remedy(name, remedy, tmp_path):
    break_import(tmp_path, name, 'it is broken')
    code, report = doctor(tmp_path)
    assert code == 1
    assert f'mmpose_mum needs {name}, which cannot be imported: ImportError: it is broken' in report
    assert remedy in report
    assert 'numpy' in report and 'works on' not in report


def test_setuptools_without_pkg_resources(tmp_path):
    break_import(tmp_path, 'pkg_resources', "No module named 'pkg_resources'")
    code, report = doctor(tmp_path)
    version = '70' if numbers_of(torch.__version__) < (2, 2) else '80'
    assert code == 1 and f'pip install "setuptools<{version}"' in report


def test_a_version_outside_the_packages_own_bounds(tmp_path):
    """By the metadata alone: this mmcv loads, but MMPose would refuse its version."""
    extras = ('Provides-Extra: mim\nRequires-Dist: mmcv<2.2,>=2.0.1; extra == "mim"\n'
              'Provides-Extra: models\nRequires-Dist: albumentations<1.4; extra == "models"\n'
              'Requires-Dist: numpy<0.1; extra == "models"\n')
    for name, version, more in (('mmcv', '9.9', ''), ('albumentations', '9.9', ''),
                                ('mmpose_mum', '0', extras)):
        folder = tmp_path / f'{name}-{version}.dist-info'
        folder.mkdir()
        (folder / 'METADATA').write_text(
            f'Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{more}')
    code, report = doctor(tmp_path)
    assert code == 1
    assert 'mmcv 9.9 is installed; mmpose_mum was tried with mmcv<2.2,>=2.0.1' in report
    assert 'albumentations 9.9 is installed; mmpose_mum was tried with albumentations<1.4' in report
    assert 'pip install "albumentations<1.4"\n' in report + '\n'
    assert 'numpy<0.1' not in report


@pytest.mark.parametrize('capability, architectures, runs', [
    ((9, 0), ['sm_80', 'sm_90'], True),
    ((8, 9), ['sm_80', 'sm_86'], True),
    ((8, 0), ['sm_86'], False),
    ((12, 0), ['sm_80', 'sm_90'], False),
    ((12, 0), ['sm_90', 'compute_90'], True),
    ((10, 0), ['sm_100a'], True),
    ((7, 5), [], False),
    ((9, 0), ['gfx90a'], False),
])
def test_which_gpus_a_pytorch_has_kernels_for(capability, architectures, runs):
    assert has_kernels(capability, architectures) is runs


def test_a_gpu_of_amd_is_no_problem(monkeypatch):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: True)
    monkeypatch.setattr(torch.cuda, 'get_arch_list', lambda: ['gfx90a'])
    monkeypatch.setattr(torch.cuda, 'device_count', lambda: 1)
    monkeypatch.setattr(torch.cuda, 'get_device_properties', lambda _: SimpleNamespace(
        name='AMD Instinct MI250X', major=9, minor=0))
    monkeypatch.setattr(torch.version, 'hip', '5.7')
    assert not list(gpu_problems())
    monkeypatch.setattr(torch.version, 'hip', None)
    assert ['no kernels for AMD' in problem for problem in gpu_problems()] == [True]


def test_no_home_folder_is_told(monkeypatch):
    monkeypatch.setenv('HOME', '/home/somebody')
    assert hide_home('in /home/somebody/site/mmcv') == 'in ~/site/mmcv'
    monkeypatch.delenv('HOME')
    monkeypatch.setattr(os, 'getuid', lambda: 2**30)  # of nobody whom the system knows
    assert hide_home('in /site') == 'in /site'
