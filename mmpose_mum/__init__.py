"""Semi-supervised training for MMPose's top-down models; the one module configs import.

Importing it checks that the host's packages fit and then registers every component, so that
``custom_imports = dict(imports=['mmpose_mum'], allow_failed_imports=False)`` is all a config needs.
"""

import re
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from .version import __version__

if TYPE_CHECKING:  # for those who read and do not run: `register` imports it
    from .convert import semi_supervised

# What the host must provide, in the order of import: the lower bound (None: any) and the usual
# remedy. Only import names count, so forks do as well; upper bounds are the host's own to tell.
_HOST = {
    'torch': ('2.1', 'pip install torch==2.1.2 torchvision==0.16.2'),
    'mmengine': ('0.10.0', 'pip install mmengine==0.10.7'),
    'mmcv': ('2.0.1', 'install mmcv 2.1.0, by a wheel that was built for this PyTorch'),
    'mmcv.ops': (
        None,
        'this mmcv was built without its ops or for another PyTorch; uninstall it and install a '
        'wheel that was built for this PyTorch, or compile one in a checkout of mmpose_mum: '
        'python dev/build_mmcv.py mmcv==2.1.0 build build.log; '
        'pip install --no-deps --force-reinstall build/mmcv-*.whl',
    ),
    'mmdet': ('3.2.0', 'pip install mmdet==3.2.0 mmcv==2.1.0 (mmdet up to 3.3 needs mmcv < 2.2)'),
    'mmpose': ('1.3.0', 'pip install --no-deps mmpose==1.3.2 (its chumpy is not needed)'),
    'xtcocotools.mask': (None, 'its wheel does not load with NumPy 2: pip install "numpy<2"'),
}


def _numbers(version):
    """Returns a version's leading numbers, to compare: ``'2.1.0+cpu'`` → ``(2, 1)``."""
    leading = re.match(r'v?(\d+(?:\.\d+)*)', str(version))
    numbers = [int(number) for number in leading.group(1).split('.')] if leading else []
    while numbers and numbers[-1] == 0:  # 2.0 and 2.0.0 are the same
        numbers.pop()
    return tuple(numbers)


def _check_host(load=import_module):
    """Imports what the host must provide and compares versions.

    Args:
        load (Callable): Imports a module by its name.

    Raises:
        ImportError: If something is missing, does not load or is too old. The host's packages
            refuse versions of one another by an AssertionError; that counts as not loading.
    """
    for name, (minimum, remedy) in _HOST.items():
        try:
            version = getattr(load(name), '__version__', None)
        except Exception as error:
            raise ImportError(
                f'mmpose_mum needs {name}, which cannot be imported: '
                f'{type(error).__name__}: {error}\nTo mend it: {remedy}'
            ) from error
        if minimum and _numbers(version) < _numbers(minimum):
            raise ImportError(
                f'mmpose_mum needs {name} >= {minimum}, but {version} is installed.\n'
                f'To mend it: {remedy}'
            )


def register():
    """Checks the host and registers every component, as the package's import does by itself."""
    global semi_supervised
    _check_host()  # first: a misfit shall be named as such, not as an error deep in the host
    from . import _moved, datasets, engine, evaluation, models  # noqa: F401
    from .checkpoint.safe_globals import allow_mmengine_checkpoints
    from .convert import semi_supervised

    allow_mmengine_checkpoints()
    _moved.install()


# The command does so itself for the verb that it runs: its help need not wait for PyTorch.
if Path(*sys.argv[:1]).stem != 'mmpose-mum':
    register()

__all__ = ['__version__', 'datasets', 'engine', 'evaluation', 'models', 'semi_supervised']
