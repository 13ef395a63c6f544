"""Where MMPose's own configs lie."""
from pathlib import Path

import mmpose
import pytest


@pytest.fixture(scope='session')
def mmpose_configs():
    return Path(mmpose.__file__).parent / '.mim/configs'
