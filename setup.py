"""Packages mmpose_mum, with its configs and tools where MIM looks for them.

MIM finds the configs and tools of an OpenMMLab package in ``<package>/.mim``. A checkout gets
links there, so that an edited config is seen at once; a wheel gets copies, made in the build
folder, so that building one leaves no trace.
"""

import os
import re
import shutil

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py
from setuptools.command.develop import develop

ROOT = os.path.dirname(os.path.abspath(__file__))
MIM_CONTENT = ('configs', 'tools', 'model-index.yml')


def read(name):
    """Returns the text of a file of the checkout."""
    with open(os.path.join(ROOT, name), encoding='utf-8') as file:
        return file.read()


def fill_mim(package_dir, link):
    """Puts configs, tools and the model index under ``package_dir/.mim``.

    Args:
        package_dir (str): The package's folder: in the checkout or in the build folder.
        link (bool): Whether to link them rather than to copy them.
    """
    mim = os.path.join(package_dir, '.mim')
    shutil.rmtree(mim, ignore_errors=True)
    os.makedirs(mim)
    for name in MIM_CONTENT:
        source, target = os.path.join(ROOT, name), os.path.join(mim, name)
        if link:  # even to what is not there yet: it may be added to the checkout later
            os.symlink(os.path.relpath(source, mim), target)
        elif os.path.isdir(source):
            shutil.copytree(source, target, ignore=shutil.ignore_patterns('__pycache__'))
        elif os.path.exists(source):
            shutil.copy2(source, target)


class BuildPyWithMim(build_py):
    """Adds ``.mim`` to what is built: a wheel, or an editable install in the newer manner."""

    def run(self):
        """Builds, then fills ``.mim``."""
        super().run()
        editable = getattr(self, 'editable_mode', False)
        package = ROOT if editable else self.build_lib
        fill_mim(os.path.join(package, 'mmpose_mum'), link=editable)


class DevelopWithMim(develop):
    """Adds ``.mim`` to the checkout when it is installed in place."""

    def install_for_development(self):
        """Installs, then fills ``.mim``."""
        super().install_for_development()
        fill_mim(os.path.join(ROOT, 'mmpose_mum'), link=True)


setup(
    name='mmpose_mum',
    version=re.search(r"__version__ = '(.+)'", read('mmpose_mum/version.py')).group(1),
    description='Semi-supervised training, by Pose-MUM, for every top-down model of MMPose',
    long_description=read('README.md') if os.path.exists(os.path.join(ROOT, 'README.md')) else '',
    long_description_content_type='text/markdown',
    license='Apache License 2.0',
    packages=find_packages(include=['mmpose_mum', 'mmpose_mum.*']),
    python_requires='>=3.8',
    # As everywhere in OpenMMLab, the host's packages are left to MIM (extra "mim"): pip would take
    # an mmcv without its ops, fail on mmpose's chumpy, and install over forks of the same names.
    install_requires=['numpy', 'torch>=2.1'],
    extras_require={
        'mim': [
            'mmengine>=0.10.0,<1.0',
            'mmcv>=2.0.1,<2.2',
            'mmdet>=3.2.0,<3.4',
            'mmpose>=1.3.0,<2.0',
        ],
        # some of MMPose's own configs need them: ViTs mmpretrain, RTMPose's views albumentations
        'models': [
            'mmpretrain>=1.2.0,<2.0',
            'albumentations>=1.3.1,<1.4',
            'numpy<2',  # or xtcocotools' wheel does not load
            'opencv-python-headless<4.12',  # albumentations' own wish; later ones need NumPy 2
            'scipy<1.15',  # as everywhere here
        ],
    },
    entry_points={'console_scripts': ['mmpose-mum = mmpose_mum.cli:main']},
    cmdclass={'build_py': BuildPyWithMim, 'develop': DevelopWithMim},
    zip_safe=False,
)
