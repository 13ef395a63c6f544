"""Imports go one way: each folder of the package uses only the folders that are named here.

Read from the source, so that an import inside a function counts as well.
"""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / 'mmpose_mum'
# Folder -> the folders it may use, from the ground up: all of them stand above it in this table.
MAY_USE = {
    'functional': (),  # not even the host
    'files': (),
    'configs': (),
    'checkpoint': ('files', 'configs'),
    'evaluation': (),
    'demo': ('files', ),
    'visualization': ('functional', 'files', 'configs', 'checkpoint'),
    'coco': ('files', 'configs'),
    # The three kinds of registered parts meet in a config, not in an import.
    'models': ('functional', 'configs', 'checkpoint', 'coco'),
    'datasets': ('functional', 'files', 'configs', 'coco'),
    'engine': ('functional', 'files', 'configs', 'checkpoint', 'visualization', 'coco'),
    'testing': ('functional', 'models', 'datasets'),
    'convert': (
        'functional', 'files', 'configs', 'checkpoint', 'coco', 'models', 'datasets'),
    'export': ('files', 'configs', 'checkpoint', 'coco', 'datasets'),
    'suggest': ('files', 'checkpoint', 'visualization', 'coco', 'models', 'datasets', 'export'),
    'report': (
        'files', 'configs', 'checkpoint', 'visualization', 'datasets', 'export', 'version'),
}
BESIDE = ('_moved', 'host', 'register', 'version')  # of no folder
MAY_USE['cli'] = (*MAY_USE, *BESIDE)
HOST = ('mmcv', 'mmdet', 'mmengine', 'mmpose', 'mmpretrain')


def imported_modules(path):
    """Returns the absolute names of all modules that a file of the package imports."""
    package = ('mmpose_mum', *path.relative_to(PACKAGE).parent.parts)
    for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            base = '.'.join([*base, *([node.module] if node.module else [])])
            for alias in node.names:  # `from . import models` names a module as well
                yield f'{base}.{alias.name}'


def files():
    """Returns the Python files in the package's folders."""
    return sorted(path for path in PACKAGE.rglob('*.py')
                  if path.parent != PACKAGE and '.mim' not in path.parts)


def name_of(path):
    """Returns a file's path within the package, to name tests by."""
    return str(path.relative_to(PACKAGE))


@pytest.mark.parametrize('path', files(), ids=name_of)
def test_a_folder_uses_only_the_folders_below_it(path):
    own = path.relative_to(PACKAGE).parts[0]
    for module in imported_modules(path):
        parts = module.split('.')
        if parts[0] == 'mmpose_mum':
            # Old names have one home, which needs Python alone.
            assert parts[1] in (own, '_moved', *MAY_USE[own]), f'{module} in {own}'
        else:
            assert own != 'functional' or parts[0] not in HOST, f'{module}: no host in functional'


def test_no_two_folders_need_each_other():
    folders = list(MAY_USE)
    for number, folder in enumerate(folders):
        assert set(MAY_USE[folder]) <= {*folders[:number], *BESIDE}, folder


def test_the_reader_sees_every_form_of_import(tmp_path, monkeypatch):
    monkeypatch.setitem(globals(), 'PACKAGE', tmp_path)
    path = tmp_path / 'models' / 'one.py'
    path.parent.mkdir()
    path.write_text(
        'import mmengine.model as m\nfrom ..engine import hook\nfrom .. import datasets\n'
        'def f():\n    from .two import x\n    from mmpose_mum.functional import warp\n'
    )
    assert set(imported_modules(path)) == {
        'mmengine.model',
        'mmpose_mum.engine.hook',
        'mmpose_mum.datasets',
        'mmpose_mum.models.two.x',
        'mmpose_mum.functional.warp',
    }
