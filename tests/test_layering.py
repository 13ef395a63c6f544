"""Imports go one way: ``functional`` stands alone; models, datasets and engine stand side by side;
``visualization`` draws for the engine and the tools, and uses none of these three;
``conversion`` may use them, and nothing uses it but the package itself.

Read from the source, so that an import inside a function counts as well.
"""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / 'mmpose_mum'
NEIGHBOURS = {'models', 'datasets', 'engine'}


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


def files_of(*folders):
    """Returns the Python files of some of the package's folders."""
    return sorted(path for folder in folders for path in (PACKAGE / folder).rglob('*.py'))


def name_of(path):
    """Returns a file's path within the package, to name tests by."""
    return str(path.relative_to(PACKAGE))


@pytest.mark.parametrize('path', files_of('functional'), ids=name_of)
def test_functional_stands_alone(path):
    for module in imported_modules(path):
        top, *rest = module.split('.')
        assert not top.startswith('mm') or top == 'mmpose_mum', f'{module}: no host in functional'
        if top == 'mmpose_mum':
            assert rest[:1] == ['functional'], f'{module}: functional uses nothing of the package'


@pytest.mark.parametrize('path', files_of('visualization', *NEIGHBOURS), ids=name_of)
def test_neighbours_do_not_import_one_another(path):
    own = path.relative_to(PACKAGE).parts[0]
    for module in imported_modules(path):
        parts = module.split('.')
        if parts[0] == 'mmpose_mum':
            assert not set(parts[1:2]) & (NEIGHBOURS - {own}), f'{module} in {own}'


@pytest.mark.parametrize(
    'path', files_of('functional', 'evaluation', 'visualization', *NEIGHBOURS), ids=name_of)
def test_nothing_below_imports_the_conversion(path):
    for module in imported_modules(path):
        assert module.split('.')[:2] != ['mmpose_mum', 'conversion'], module


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
