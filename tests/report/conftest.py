"""Work dirs that a page is made of."""
import shutil
from pathlib import Path

import pytest

from helpers import hostile_run as hostile
from helpers import small_run


@pytest.fixture
def hostile_run() -> Path:
    """The work dir of a run whose names are as hostile as they can be; not to be changed."""
    return hostile.train()


@pytest.fixture
def work_dir(tmp_path) -> Path:
    """A copy of the work dir of a run without hostile names, to be changed."""
    return Path(shutil.copytree(str(small_run.train().parent), str(tmp_path / 'work')))
