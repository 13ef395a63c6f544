"""Sources are fetched by pip's own settings, checked, mended, and their setup.py is not run."""

import io
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

DEV = Path(__file__).parents[2] / 'dev'
sys.path.insert(0, str(DEV))

import sources  # noqa: E402

SETUP = """from setuptools import setup

version_file = 'a/version.py'


def get_version():
    with open(version_file) as f:
        exec(compile(f.read(), version_file, 'exec'))
    return locals()['__version__']


setup(
    install_requires=['b'],
    setup_requires=parse_requirements('requirements.txt'),
    version=get_version(),
)
"""


@pytest.fixture
def shelf(tmp_path):
    """A folder of packages, as PIP_FIND_LINKS names it, with one whose setup.py leaves a trace."""
    shelf = tmp_path / 'shelf'
    shelf.mkdir()
    text = f'open({str(tmp_path / "trace")!r}, "w")\n' + SETUP
    with tarfile.open(str(shelf / 'thing_of_tests-1.2.tar.gz'), 'w:gz') as tar:
        entry = tarfile.TarInfo('thing_of_tests-1.2/setup.py')
        entry.size = len(text)
        tar.addfile(entry, io.BytesIO(text.encode()))
    return shelf


def fetch(shelf, requirement, folder):
    """Runs the script with pip's settings in the environment."""
    return subprocess.run(
        [sys.executable, str(DEV / 'sources.py'), requirement, str(folder)],
        env=dict(os.environ, PIP_NO_INDEX='1', PIP_FIND_LINKS=str(shelf)),
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def test_a_source_is_fetched_and_mended_and_its_setup_is_not_run(shelf, tmp_path):
    run = fetch(shelf, 'thing-of-tests==1.2', tmp_path / 'build')
    assert run.returncode == 0, run.stdout
    text = (tmp_path / 'build' / 'source' / 'setup.py').read_text()
    assert 'setup_requires' not in text and "globals()['__version__']" in text
    assert not (tmp_path / 'trace').exists()
    (shelf / 'thing_of_tests-1.2.tar.gz').unlink()
    run = fetch(shelf, 'thing-of-tests==1.2', tmp_path / 'build')
    assert run.returncode == 0, 'what is there is fetched again'


def test_a_source_that_is_not_there_is_named(shelf, tmp_path):
    run = fetch(shelf, 'thing-of-tests==1.3', tmp_path / 'build')
    assert run.returncode == 1
    assert 'pip finds no source of thing-of-tests==1.3' in run.stdout
    assert 'Traceback' not in run.stdout
    assert not (tmp_path / 'build' / 'source').exists()


def test_the_mended_setup_tells_the_version_on_every_python(tmp_path):
    """Since Python 3.13 the original raises KeyError."""
    (tmp_path / 'a').mkdir()
    (tmp_path / 'a' / 'version.py').write_text("__version__ = '1.2'\n")
    setup = tmp_path / 'setup.py'
    setup.write_text(SETUP)
    sources.patch_setup(setup)
    once = setup.read_text()
    sources.patch_setup(setup)
    assert setup.read_text() == once, 'not the same after a second time'
    code = once.split('setup(\n')[0] + 'print(get_version())\n'
    assert subprocess.check_output([sys.executable, '-c', code], cwd=str(tmp_path),
                                   text=True) == '1.2\n'
    assert "install_requires=['b']" in once
