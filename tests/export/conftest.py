"""A small run that has been trained, and its config."""
import pytest

from helpers import small_run
from mmpose_mum.configs.plain import read_config


@pytest.fixture(scope='module')
def run():
    return small_run.train()


@pytest.fixture(scope='module')
def cfg(run):
    return read_config(run.parent / 'original.py')  # as MMEngine dumped it
