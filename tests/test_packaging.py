"""The package as MIM wants it, in a wheel and in an editable install, by this environment's pip."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MIM_CONTENT = {'configs/pose_mum/one.py', 'tools/one.py', 'model-index.yml'}
# What MIM does to find a package, and a config of it, then an import of the package.
ASK = """
import os
from mim.utils import get_installed_path
mim = os.path.join(get_installed_path('mmpose_mum'), '.mim')
print(mim)
from mmengine.config import Config
print(Config.fromfile(os.path.join(mim, 'configs', 'pose_mum', 'one.py')).answer)
import mmpose_mum.version
print(mmpose_mum.version.__file__)
"""


@pytest.fixture
def checkout(tmp_path):
    """A small checkout with one of each thing that must be packaged."""
    copy = tmp_path / 'checkout'
    copy.mkdir()
    for name in ('setup.py', 'pyproject.toml', 'MANIFEST.in', 'LICENSE', 'README.md',
                 'requirements.txt'):
        shutil.copy(str(ROOT / name), str(copy))
    skip = shutil.ignore_patterns('__pycache__', '.mim')
    shutil.copytree(str(ROOT / 'mmpose_mum'), str(copy / 'mmpose_mum'), ignore=skip)
    # what is asked here needs no host, which the package's import would load
    (copy / 'mmpose_mum' / '__init__.py').write_text('')
    for name in (*MIM_CONTENT, 'dev/one.py', 'tests/test_one.py'):
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        (copy / name).write_text('answer = 1')
    return copy


@pytest.fixture
def install(checkout, tmp_path):
    """Installs by pip into a folder of its own; returns what ``ASK`` finds with it in front."""
    site = tmp_path / 'site'

    def install(*what):
        run(checkout, '-m', 'pip', 'install', '-q', '--no-compile', '--no-deps',
            '--no-build-isolation', '--target', str(site), *what)
        start = ('import site, sys\n'  # what it adds goes before this environment's own
                 'known, sys.path[:] = sys.path[:], []\n'
                 f'site.addsitedir({str(site)!r})\n'
                 'sys.path += known\n')
        return run(tmp_path, '-W', 'ignore', '-c', start + ASK).split()
    install.site = site
    return install


def run(folder, *arguments):
    """Runs Python in a folder, without what surrounds these tests, and returns its output."""
    environment = {name: value for name, value in os.environ.items() if name != 'PYTHONPATH'}
    return subprocess.run([sys.executable, *arguments], cwd=str(folder), check=True, text=True,
                          env=environment, stdout=subprocess.PIPE).stdout


def test_wheel_holds_the_package_its_configs_and_tools(checkout, install, tmp_path):
    run(checkout, '-m', 'pip', 'wheel', '-q', '--no-deps', '--no-build-isolation', '-w',
        str(tmp_path), '.')
    (wheel,) = tmp_path.glob('mmpose_mum-*.whl')
    content = zipfile.ZipFile(str(wheel))
    names = set(content.namelist())
    scripts, = (name for name in names if name.endswith('.dist-info/entry_points.txt'))
    assert b'mmpose-mum = mmpose_mum.cli:main' in content.read(scripts)
    assert {f'mmpose_mum/.mim/{name}' for name in MIM_CONTENT} <= names
    sources = {str(path.relative_to(ROOT)) for path in (ROOT / 'mmpose_mum').rglob('*.py')
               if '.mim' not in path.parts}
    assert {*sources, 'mmpose_mum/report/page.html'} <= names
    assert not [name for name in names if name.startswith(('tests', 'configs', 'tools', 'dev'))]
    assert not (checkout / 'mmpose_mum' / '.mim').exists(), 'building a wheel left a trace'
    package = install.site / 'mmpose_mum'
    assert install(str(wheel)) == [str(package / '.mim'), '1', str(package / 'version.py')]


def test_editable_install_sees_the_checkouts_edits(checkout, install):
    """In the manner of PEP 660, the only one that pip has since 25.3."""
    (checkout / 'configs' / 'pose_mum' / 'one.py').write_text('answer = 2')
    mim, answer, module = install('-e', '.')
    assert Path(mim) == install.site / 'mmpose_mum' / '.mim'
    assert (answer, module) == ('2', str(checkout / 'mmpose_mum' / 'version.py'))
    assert {str(path.relative_to(mim)) for path in Path(mim).rglob('*') if path.is_file()} \
        == MIM_CONTENT
    (checkout / 'configs' / 'pose_mum' / 'one.py').write_text('answer = 3')
    assert run(install.site.parent, '-c', (
        'from mmengine.config import Config\n'
        f'print(Config.fromfile({mim!r} + "/configs/pose_mum/one.py").answer)')) == '3\n'


def test_a_python_started_in_the_checkout_finds_its_configs_and_tools(checkout, install):
    install('-e', '.')
    for name in ('configs', 'tools', 'model-index.yml'):
        link = checkout / 'mmpose_mum' / '.mim' / name
        assert link.is_symlink() and link.samefile(checkout / name)
