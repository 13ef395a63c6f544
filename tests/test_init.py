"""The version checks: what fits passes, what does not is named with its remedy."""

import subprocess
import sys
from types import SimpleNamespace

import pytest

import mmpose_mum
from mmpose_mum import _HOST, _check_host, _numbers

FITTING = {
    'torch': '2.1.2+cpu',
    'mmengine': '0.10.7',
    'mmcv': '2.1.0',
    'mmdet': '3.2.0',
    'mmpose': '1.3.2',
}


def host(**versions):
    """Returns an importer of a made-up host; a version that is an exception is raised."""

    def load(name):
        version = {**FITTING, **versions}.get(name.replace('.', '_'))
        if isinstance(version, Exception):
            raise version
        return SimpleNamespace(__version__=version)

    return load


def test_version_is_the_packages_own():
    assert mmpose_mum.__version__ == mmpose_mum.version.__version__


@pytest.mark.parametrize(
    'older, newer',
    [
        ('2.0.1', '2.1'),
        ('0.9.1', '0.10.0'),
        ('1.13.1+cu117', '2.1'),
        ('2.1.2', '2.13.0+cpu'),
        ('', '0.1'),
        ('parrots', '1.0'),
    ],
)
def test_versions_compare_by_number(older, newer):
    assert _numbers(older) < _numbers(newer)


def test_trailing_zeros_and_suffixes_do_not_count():
    assert _numbers('2.0') == _numbers('2.0.0') == _numbers('2.0.0+cu118') == _numbers('2.0.0rc1')


def test_the_pinned_set_and_later_ones_pass():
    _check_host(host())
    _check_host(host(torch='2.13.0', mmengine='1.1.0', mmcv='3.0.0', mmdet='4.0', mmpose='2.0'))


@pytest.mark.parametrize('name', list(FITTING))
def test_too_old_says_what_was_found_needed_and_how_to_mend(name):
    minimum, remedy = _HOST[name]
    with pytest.raises(ImportError) as error:
        _check_host(host(**{name: '0.1.0'}))
    for part in (f'{name} >= {minimum}', '0.1.0', remedy):
        assert part in str(error.value)


@pytest.mark.parametrize('name', list(_HOST))
def test_missing_is_named_with_its_remedy(name):
    missing = ModuleNotFoundError(f'No module named {name!r}')
    with pytest.raises(ImportError) as error:
        _check_host(host(**{name.replace('.', '_'): missing}))
    for part in (f'needs {name},', str(missing), _HOST[name][1]):
        assert part in str(error.value)


def test_a_refusal_by_the_host_itself_is_passed_on():
    refusal = AssertionError('MMCV==2.2.0 is used but incompatible.')
    with pytest.raises(ImportError, match='(?s)MMCV==2.2.0 is used.*mmcv < 2.2'):
        _check_host(host(mmdet=refusal))


def test_a_real_import_fails_clearly_when_the_host_is_missing():
    code = 'import sys; sys.modules["mmengine"] = None; import mmpose_mum'
    run = subprocess.run([sys.executable, '-c', code], stderr=subprocess.PIPE, text=True)
    assert run.returncode != 0
    assert 'ImportError: mmpose_mum needs mmengine' in run.stderr
    assert 'pip install mmengine' in run.stderr
