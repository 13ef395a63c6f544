"""The package as MIM wants it: a wheel with ``.mim``, an editable install with links to it."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope='module')
def checkout(tmp_path_factory):
    """A small checkout with one of each thing that must be packaged."""
    copy = tmp_path_factory.mktemp('packaging') / 'checkout'
    for name in ('setup.py', 'setup.cfg', 'MANIFEST.in', 'LICENSE', 'requirements.txt'):
        copy.mkdir(exist_ok=True)
        shutil.copy(str(ROOT / name), str(copy))
    skip = shutil.ignore_patterns('__pycache__', '.mim')
    shutil.copytree(str(ROOT / 'mmpose_mum'), str(copy / 'mmpose_mum'), ignore=skip)
    for name in ('configs/pose_mum/one.py', 'tools/one.py', 'dev/one.py', 'model-index.yml',
                 'tests/test_one.py'):
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        (copy / name).write_text('# ' + name)
    return copy


def run(checkout, *arguments):
    """Runs Python in the checkout."""
    subprocess.run([sys.executable, *arguments], cwd=str(checkout), check=True,
                   stdout=subprocess.DEVNULL)


def test_wheel_holds_the_package_its_configs_and_tools(checkout, tmp_path):
    run(checkout, '-m', 'pip', 'wheel', '-q', '--no-deps', '--no-build-isolation', '-w',
        str(tmp_path), '.')
    (wheel,) = tmp_path.glob('mmpose_mum-*.whl')
    content = zipfile.ZipFile(str(wheel))
    names = set(content.namelist())
    scripts, = (name for name in names if name.endswith('.dist-info/entry_points.txt'))
    assert b'mmpose-mum = mmpose_mum.cli:main' in content.read(scripts)
    mim = {'configs/pose_mum/one.py', 'tools/one.py', 'model-index.yml'}
    assert {f'mmpose_mum/.mim/{name}' for name in mim} <= names
    assert {'mmpose_mum/__init__.py', 'mmpose_mum/version.py'} <= names
    sources = {str(path.relative_to(ROOT)) for path in (ROOT / 'mmpose_mum').rglob('*.py')
               if '.mim' not in path.parts}
    assert sources <= names
    assert not [name for name in names if name.startswith(('tests', 'configs', 'tools', 'dev'))]
    assert not (checkout / 'mmpose_mum' / '.mim').exists(), 'building a wheel left a trace'


def test_editable_install_links_configs_and_tools(checkout, tmp_path):
    run(checkout, '-c', (
        'import sys, setuptools.command.develop as d\n'
        'd.develop.install_for_development = lambda self: None\n'  # installs nothing
        'sys.argv = ["setup.py", "-q", "develop", "--no-deps", "--install-dir", sys.argv[1]]\n'
        'exec(compile(open("setup.py").read(), "setup.py", "exec"), {"__file__": "setup.py"})'
    ), str(tmp_path))
    for name in ('configs', 'tools', 'model-index.yml'):
        link = checkout / 'mmpose_mum' / '.mim' / name
        assert link.is_symlink() and link.samefile(checkout / name)
