"""Which set of packages a machine gets, and what it hears when it gets none."""

import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / 'dev'))

import stacks  # noqa: E402
from setup_errors import SetupError  # noqa: E402


@pytest.mark.parametrize(
    'python, capability, override, name, reason',
    [
        ((3, 8), None, None, 'classic', 'Python 3.8 and no GPU'),
        ((3, 11), None, None, 'classic', 'Python 3.11 and no GPU'),
        ((3, 11), (9, 0), None, 'classic', 'capability 9.0'),
        ((3, 12), None, None, 'current', 'Python 3.12 is too new'),
        ((3, 13), (8, 0), None, 'current', 'Python 3.13 is too new'),
        ((3, 10), (10, 0), None, 'current', '10.0 is too new for the classic PyTorch 2.1'),
        ((3, 11), (12, 0), None, 'current', '12.0 is too new'),
        ((3, 11), None, 'current', 'current', 'asked for by STACK=current'),
        ((3, 11), (9, 0), 'classic', 'classic', 'asked for by STACK=classic'),
        ((3, 9), (12, 0), 'classic', 'classic', 'no kernels for a GPU of compute capability 12.0'),
        ((3, 13), (6, 1), None, 'current', 'no kernels for a GPU of compute capability 6.1'),
    ],
)
def test_the_set_and_why(python, capability, override, name, reason):
    stack, why = stacks.choose_stack(python, capability, override)
    assert stack.name == name
    assert reason in why
    assert ('no kernels' in why) == ('no kernels' in reason)


@pytest.mark.parametrize(
    'python, capability, override, expected, remedy',
    [
        ((3, 7), None, None, '3.8 to 3.11 for the classic set, Python 3.10 to 3.13', 'python3.11'),
        ((3, 14), None, None, '3.10 to 3.13 for the current set', 'python3.11'),
        ((3, 14), (12, 0), None, '3.10 to 3.13', 'python3.13 STACK=current'),
        ((3, 9), (12, 0), None, '3.10 to 3.13', 'python3.13 STACK=current'),
        ((3, 9), None, 'current', '3.10 to 3.13', 'python3.13 STACK=current'),
        ((3, 12), None, 'classic', '3.8 to 3.11', 'python3.11 STACK=classic'),
        ((4, 0), None, None, '3.10 to 3.13', 'python3.11'),
    ],
)
def test_a_python_that_fits_none_hears_which_one_to_take(
    python, capability, override, expected, remedy
):
    with pytest.raises(SetupError) as error:
        stacks.choose_stack(python, capability, override, lambda name: True)
    assert 'Python {}.{} '.format(*python) in error.value.found
    assert expected in error.value.expected
    first, *more = error.value.remedy.splitlines()
    assert first == f'make setup PYTHON={remedy}'
    on_cpu = override is None and python == (3, 9)
    assert [line.strip() for line in more] == [
        'or, to use the CPU alone: make setup STACK=classic'] * on_cpu
    with pytest.raises(SetupError, match='apt-get install python3') as error:
        stacks.choose_stack(python, capability, override, lambda name: None)
    assert f'then: make setup PYTHON={remedy}' in error.value.remedy


def test_the_python_to_take_is_one_that_is_there():
    with pytest.raises(SetupError, match='make setup PYTHON=python3.10$'):
        stacks.choose_stack((3, 7), which={'python3.10', 'python3.9'}.__contains__)


def test_a_set_that_does_not_exist_is_refused():
    with pytest.raises(SetupError, match='(?s)STACK=newest.*classic, current'):
        stacks.choose_stack((3, 11), None, 'newest')


@pytest.mark.parametrize(
    'text, capability',
    [
        ('9.0\n', (9, 0)),
        ('8.6\n12.0\n', (12, 0)),  # two GPUs: by number, not by letter
        ('Field "compute_cap" is not a valid field to query.\n', None),
        ('[N/A]\n', None),
        ('', None),
    ],
)
def test_the_capability_that_nvidia_smi_prints(text, capability):
    assert stacks.read_capability(text) == capability

def test_the_workflow_runs_each_set_on_its_first_and_last_python():
    workflow = yaml.safe_load((ROOT / '.github/workflows/tests.yml').read_text())
    tried = {name: [] for name in stacks.STACKS}
    for entry in workflow['jobs']['tests']['strategy']['matrix']['include']:
        stack = stacks.STACKS[entry['stack']]
        assert f"torch=={entry['pytorch']}\n" in (ROOT / stack.requirements).read_text()
        tried[stack.name].append(tuple(map(int, entry['python'].split('.'))))
    for name, stack in stacks.STACKS.items():
        assert (min(tried[name]), max(tried[name])) == stack.pythons
