"""The package's import: its version, and a host that is missing."""

import subprocess
import sys

import mmpose_mum


def test_version_is_the_packages_own():
    assert mmpose_mum.__version__ == mmpose_mum.version.__version__


def test_a_real_import_fails_clearly_when_the_host_is_missing():
    code = 'import sys; sys.modules["mmengine"] = None; import mmpose_mum'
    run = subprocess.run([sys.executable, '-c', code], stderr=subprocess.PIPE, text=True)
    assert run.returncode != 0
    assert 'ImportError: mmpose_mum needs mmengine' in run.stderr
    assert 'pip install mmengine' in run.stderr
