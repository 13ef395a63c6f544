"""Packages mmpose_mum, with its configs and tools where MIM looks for them.

MIM finds an OpenMMLab package's configs and tools in ``mmpose_mum/.mim``, beside the distribution's
metadata. A wheel gets copies there. An editable install gets copies of the tools and of the lists
of models, and for each config a line that inherits from the checkout's: an edit is seen at once.
The checkout gets links, for a Python that is started in it and finds its metadata first.
"""

import os
import shutil

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = os.path.dirname(os.path.abspath(__file__))
CONFIGS, REST = 'configs', ('tools', 'model-index.yml')


def new_mim(folder):
    """Makes an empty ``.mim`` in the package's folder below another, and returns its path."""
    mim = os.path.join(folder, 'mmpose_mum', '.mim')
    shutil.rmtree(mim, ignore_errors=True)
    os.makedirs(mim)
    return mim


def copy(name, mim):
    """Copies a folder or a file of the checkout into ``.mim``."""
    source, target = os.path.join(ROOT, name), os.path.join(mim, name)
    if os.path.isdir(source):
        shutil.copytree(source, target, ignore=shutil.ignore_patterns('__pycache__'))
    else:
        shutil.copy2(source, target)


def point_at_configs(mim):
    """Writes a config into ``.mim`` for each of the checkout's, which inherits from that one.

    It copies the lists of models, which ``mim search`` reads.
    """
    for folder, _, files in os.walk(os.path.join(ROOT, CONFIGS)):
        os.makedirs(os.path.join(mim, os.path.relpath(folder, ROOT)))
        for name in files:
            source = os.path.join(folder, name)
            target = os.path.join(mim, os.path.relpath(source, ROOT))
            if name.endswith('.yml'):
                shutil.copy2(source, target)
            elif name.endswith('.py'):
                with open(target, 'w', encoding='utf-8') as file:
                    file.write(f'_base_ = {source!r}\n')


class BuildPyWithMim(build_py):
    """Adds ``.mim`` to what is built: a wheel, or an editable install."""

    def run(self):
        """Builds, then fills ``.mim``."""
        super().run()
        if not getattr(self, 'editable_mode', False):
            mim = new_mim(self.build_lib)
            for name in (CONFIGS, *REST):
                copy(name, mim)
            return
        # The modules stay in the checkout; this folder is the rest of the editable wheel.
        mim = new_mim(self.get_finalized_command('install').install_lib)
        for name in REST:
            copy(name, mim)
        point_at_configs(mim)
        mim = new_mim(ROOT)
        for name in (CONFIGS, *REST):
            try:
                os.symlink(os.path.join('..', '..', name), os.path.join(mim, name))
            except OSError:  # a disk without links, or Windows
                copy(name, mim)


setup(license='Apache-2.0', cmdclass={'build_py': BuildPyWithMim})
