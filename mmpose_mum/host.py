"""What the host must provide: one table of it, and the check at the package's import.

Only the standard library is imported here, so the check works even if the host is broken.
"""

import re
from importlib import import_module
from typing import Callable, Optional

# What the host must provide, in the order of import: the lower bound (None: any) and the usual
# remedy. Only import names count, so forks work too. The host checks upper bounds itself.
HOST = {
    'torch': ('2.1', 'pip install torch==2.1.2 torchvision==0.16.2'),
    'mmengine': ('0.10.0', 'pip install mmengine==0.10.7'),
    'mmcv': ('2.0.1', 'install mmcv 2.1.0 from a wheel that was built for this PyTorch'),
    'mmcv.ops': (
        None,
        'uninstall mmcv, which was built without its ops or for another PyTorch, and install a '
        'wheel that was built for this PyTorch; or compile one in a checkout of mmpose_mum: '
        'python dev/build_mmcv.py mmcv==2.1.0 build build.log; '
        'pip install --no-deps --force-reinstall build/mmcv-*.whl',
    ),
    'mmdet': ('3.2.0', 'pip install mmdet==3.2.0 mmcv==2.1.0 (mmdet up to 3.3 needs mmcv < 2.2)'),
    'mmpose': ('1.3.0', 'pip install --no-deps mmpose==1.3.2 (its chumpy is not needed)'),
    'xtcocotools.mask': (
        None,
        'pip install xtcocotools "numpy<2" (its ready-made wheel does not load with NumPy 2)',
    ),
}


def numbers_of(version):
    """Return a version's leading numbers, to compare: ``'2.1.0+cpu'`` → ``(2, 1)``."""
    leading = re.match(r'v?(\d+(?:\.\d+)*)', str(version))
    numbers = [int(number) for number in leading.group(1).split('.')] if leading else []
    while numbers and numbers[-1] == 0:  # 2.0 and 2.0.0 are the same
        numbers.pop()
    return tuple(numbers)


def problem_with(name: str, load: Callable = import_module) -> Optional[str]:
    """Return what is wrong with one module of the host, and what to do.

    Args:
        name (str): A key of ``HOST``.
        load (Callable): Imports a module by its name.

    Returns:
        str | None: None if it is installed, can be imported and is new enough. The host's packages
        refuse versions of one another with an AssertionError; that counts as not importable.
    """
    minimum, remedy = HOST[name]
    try:
        version = getattr(load(name), '__version__', None)
    except Exception as error:
        found = (f'mmpose_mum needs {name}, which cannot be imported: '
                 f'{type(error).__name__}: {error}')
    else:
        if not minimum or numbers_of(version) >= numbers_of(minimum):
            return None
        found = f'mmpose_mum needs {name} >= {minimum}, but {version} is installed.'
    return f'{found}\nTo fix it: {remedy}'


def check_host(load: Callable = import_module) -> None:
    """Import what the host must provide, and compare versions.

    Args:
        load (Callable): Imports a module by its name.

    Raises:
        ImportError: If something is missing, cannot be imported or is too old.
    """
    for name in HOST:
        problem = problem_with(name, load)
        if problem:
            raise ImportError(problem)
