"""Every test starts with MMEngine's global state as a process of MMPose's has it at its start."""
import logging
import uuid

import pytest
from hypothesis import settings
from mmengine.logging import MessageHub, MMLogger
from mmengine.registry import DefaultScope

# No test times anything: a machine may be busy.
settings.register_profile('untimed', deadline=None)
settings.load_profile('untimed')


@pytest.fixture(autouse=True)
def fresh_global_state():
    """The scope that names are looked up in, and the hub that holds the Runner's iteration."""
    name = uuid.uuid4().hex
    DefaultScope.get_instance(name, scope_name='mmpose')
    MessageHub.get_instance(name)


@pytest.fixture
def log():
    """What MMEngine's logger tells, as tuples of level and text."""
    records, handler = [], logging.Handler()
    handler.emit = lambda record: records.append((record.levelname, record.getMessage()))
    handler.setLevel(logging.INFO)
    logger = MMLogger.get_current_instance()
    logger.addHandler(handler)
    yield records
    logger.removeHandler(handler)
