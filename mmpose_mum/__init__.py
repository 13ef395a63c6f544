"""Semi-supervised training for MMPose's top-down models; the one module configs import.

Importing it checks that the host's packages fit and then registers every component, so that
``custom_imports = dict(imports=['mmpose_mum'], allow_failed_imports=False)`` is all a config needs.
"""

import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from .host import check_host
from .version import __version__

if TYPE_CHECKING:  # for those who read and do not run: `register` imports it
    from .convert import semi_supervised


def register():
    """Checks the host and registers every component, as the package's import does by itself."""
    global semi_supervised
    with warnings.catch_warnings():
        # MMEngine imports it, and both sets pin a setuptools that has it.
        warnings.filterwarnings('ignore', 'pkg_resources is deprecated')
        check_host()  # first: a misfit shall be named as such, not as an error deep in the host
        from . import _moved, datasets, engine, evaluation, models, report  # noqa: F401
    from .checkpoint.safe_globals import allow_mmengine_checkpoints
    from .convert import semi_supervised

    allow_mmengine_checkpoints()
    _moved.install()


def _is_the_command():
    """Tells whether this process is ``mmpose-mum`` or ``python -m mmpose_mum``.

    Such a process registers for the verb that it runs: help need not wait for PyTorch, and
    ``doctor`` must run where PyTorch does not. Before Python 3.10 the second looks like any import.
    """
    script = Path(*sys.argv[:1]).stem
    return script == 'mmpose-mum' or (
        script == '-m' and 'mmpose_mum' in getattr(sys, 'orig_argv', ()))


if not _is_the_command():
    register()

__all__ = ['__version__', 'datasets', 'engine', 'evaluation', 'models', 'semi_supervised']
