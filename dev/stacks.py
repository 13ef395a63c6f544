"""The two sets of packages that the set-up can install, and which of them fits a machine.

Standard library and old syntax, as in ``setup_env.py``.
"""

import re
import shutil
import sys
from collections import namedtuple

from setup_errors import SetupError

# Pythons are the first and last that a set is pinned for, capabilities those of the oldest and the
# newest GPU that its PyTorch has kernels for (`torch.cuda.get_arch_list()`).
Stack = namedtuple('Stack', 'name requirements torch pythons capabilities')

CLASSIC = Stack('classic', 'requirements.txt', '2.1', ((3, 8), (3, 11)), ((5, 0), (9, 0)))
# The last Python is MMEngine 0.10.7's: it calls pkgutil.find_loader, which 3.14 no longer has.
CURRENT = Stack('current', 'requirements-current.txt', '2.14', ((3, 10), (3, 13)),
                ((7, 5), (12, 1)))
STACKS = {stack.name: stack for stack in (CLASSIC, CURRENT)}


def choose_stack(python, capability=None, override=None, which=shutil.which):
    """Chooses the set of packages for a machine.

    Args:
        python (tuple[int, int]): The version of the Python that shall run it.
        capability (tuple[int, int] | None): The compute capability of the GPU, if there is one.
        override (str | None): The name of the set that the user asks for.
        which (callable): Finds a program, as ``shutil.which``; names a Python that would do.

    Returns:
        tuple[Stack, str]: The set, and why it is this one.

    Raises:
        SetupError: If there is no such set, or none for this Python and GPU.
    """
    gpu = 'a GPU of compute capability {}.{}'.format(*capability) if capability else 'no GPU'
    too_new = capability is not None and capability > CLASSIC.capabilities[1]
    if override:
        if override not in STACKS:
            raise SetupError(f'STACK={override}', 'one of ' + ', '.join(sorted(STACKS)),
                             'make setup STACK=current, or leave STACK out')
        stack, reason = STACKS[override], f'asked for by STACK={override}'
    elif python > CLASSIC.pythons[1]:
        stack, reason = CURRENT, 'Python {}.{} is too new for the classic one'.format(*python)
    elif too_new:
        stack, reason = CURRENT, f'{gpu} is too new for the classic PyTorch {CLASSIC.torch}'
    else:
        stack, reason = CLASSIC, 'Python {}.{} and {}'.format(*python + (gpu,))
    if not stack.pythons[0] <= python <= stack.pythons[1]:
        allowed = [stack] if override or too_new else [CLASSIC, CURRENT]
        error = python_error(python, allowed, which, f' and {gpu}' if too_new else '')
        if not override and CLASSIC.pythons[0] <= python <= CLASSIC.pythons[1]:  # but for the GPU
            error.remedy += '\n            or, to use the CPU alone: make setup STACK=classic'
        raise error
    if capability and not stack.capabilities[0] <= capability <= stack.capabilities[1]:
        reason += f'; note that its PyTorch {stack.torch} has no kernels for {gpu}'
    return stack, reason


def python_error(python, stacks, which, beside):
    """Returns the error for a Python that none of some sets is pinned for.

    Args:
        python (tuple[int, int]): The version.
        stacks (list[Stack]): The sets.
        which (callable): Finds a program.
        beside (str): What else was found that leaves these sets alone.
    """
    minors = [minor for stack in stacks
              for minor in range(stack.pythons[1][1], stack.pythons[0][1] - 1, -1)]
    names = [f'python3.{minor}' for minor in minors]
    present = [name for name in names if which(name)]
    option = f' STACK={stacks[0].name}' if len(stacks) == 1 else ''
    ranges = ', '.join('Python {}.{} to {}.{} for the {} set'.format(
        *stack.pythons[0] + stack.pythons[1] + (stack.name,)) for stack in stacks)
    return SetupError(
        'Python {}.{} ({}){}'.format(*python + (sys.executable, beside)), ranges,
        f'make setup PYTHON={present[0]}{option}' if present
        else f'install one (Debian: apt-get install {names[0]} {names[0]}-venv {names[0]}-dev), '
        f'then: make setup PYTHON={names[0]}{option}')


def read_capability(text):
    """Returns the newest compute capability that nvidia-smi has printed, or None.

    A driver that cannot tell it is older than any GPU that the classic set does not know.

    Args:
        text (str): The output of ``nvidia-smi --query-gpu=compute_cap --format=csv,noheader``.
    """
    found = re.findall(r'^\s*(\d+)\.(\d+)\s*$', text, re.MULTILINE)
    return max((int(major), int(minor)) for major, minor in found) if found else None
