"""The examples in the docstrings are right, and each public function has one."""
import doctest
import inspect
import pkgutil
from importlib import import_module

import pytest
import torch

from mmpose_mum import coco, functional

MODULES = [f'{package.__name__}.{module.name}' for package in (functional, coco)
           for module in pkgutil.iter_modules(package.__path__)]


@pytest.mark.parametrize('name', MODULES)
def test_examples_are_right(name):
    with functional.preserved():  # other tests' random numbers
        torch.manual_seed(0)
        assert doctest.testmod(import_module(name)).failed == 0


@pytest.mark.parametrize('name', functional.__all__)
def test_each_public_function_has_an_example(name):
    assert '>>> ' in inspect.getdoc(getattr(functional, name))
