"""The host's versions: what fits passes, what does not is named with its remedy."""

from types import SimpleNamespace

import pytest

from mmpose_mum.host import HOST, check_host, numbers_of

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
    assert numbers_of(older) < numbers_of(newer)


def test_trailing_zeros_and_suffixes_do_not_count():
    same = [numbers_of(version) for version in ('2.0', '2.0.0', '2.0.0+cu118', '2.0.0rc1')]
    assert same == same[:1] * 4


def test_the_pinned_set_and_later_ones_pass():
    check_host(host())
    check_host(host(torch='2.13.0', mmengine='1.1.0', mmcv='3.0.0', mmdet='4.0', mmpose='2.0'))


@pytest.mark.parametrize('name', list(FITTING))
def test_too_old_says_what_was_found_needed_and_how_to_mend(name):
    minimum, remedy = HOST[name]
    with pytest.raises(ImportError) as error:
        check_host(host(**{name: '0.1.0'}))
    for part in (f'{name} >= {minimum}', '0.1.0', remedy):
        assert part in str(error.value)


@pytest.mark.parametrize('name', list(HOST))
def test_missing_is_named_with_its_remedy(name):
    missing = ModuleNotFoundError(f'No module named {name!r}')
    with pytest.raises(ImportError) as error:
        check_host(host(**{name.replace('.', '_'): missing}))
    for part in (f'needs {name},', str(missing), HOST[name][1]):
        assert part in str(error.value)


def test_a_refusal_by_the_host_itself_is_passed_on():
    refusal = AssertionError('MMCV==2.2.0 is used but incompatible.')
    with pytest.raises(ImportError, match='(?s)MMCV==2.2.0 is used.*mmcv < 2.2'):
        check_host(host(mmdet=refusal))
