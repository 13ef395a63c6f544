"""A real training whose names are as hostile as files, keypoints and metrics can be."""
import atexit
import json
import shutil
import tempfile
import uuid
from functools import lru_cache
from pathlib import Path
from unittest.mock import patch

from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmengine.runner import Runner

from . import small_run

KEYPOINT = '<script>document.title = "owned"</script>$x_{1'
IMAGE = '<img src=x onerror="document.title = 1">.png'
WORK_DIR = '<b>run & "others"'
METRIC = '</svg><script>document.title = "owned"</script>'


@lru_cache(maxsize=1)
def train() -> Path:
    """Train two iterations, once for all tests, with all hooks that a report shows.

    Returns:
        Path: The work dir.
    """
    root = Path(tempfile.mkdtemp(prefix='hostile_run_'))
    atexit.register(shutil.rmtree, str(root), ignore_errors=True)
    names = [IMAGE, '#.png', 'c.png']
    labels = small_run.write_people(root / 'people', names)
    (root / 'people.json').write_text(json.dumps(labels))
    cfg = Config.fromfile(str(small_run.train().parents[1] / 'original.py')).to_dict()
    cfg = renamed(cfg, 'head_top', KEYPOINT)
    place = dict(ann_file=str(root / 'people.json'), data_prefix=dict(img=f'{root}/people/'))
    labeled, unlabeled = cfg['train_dataloader']['dataset']['datasets']
    for dataset in (labeled, unlabeled, cfg['val_dataloader']['dataset']):
        dataset.update(place)
    unlabeled['keep_hidden'] = True
    cfg['val_evaluator'] = cfg['test_evaluator'] = dict(
        type='PCKAccuracy', thr=.1, prefix=METRIC)
    cfg['custom_hooks'] += [
        dict(type='PseudoLabelVisualizationHook', interval=1),
        dict(type='HiddenLabelHook', interval=1), dict(type='ReportHook')]
    cfg.update(work_dir=str(root / WORK_DIR), experiment_name=uuid.uuid4().hex)
    DefaultScope.get_instance(uuid.uuid4().hex, scope_name='mmpose')
    with patch('mmengine.config.config.FormatCode', lambda text, **kwargs: (text, True)):
        Runner.from_cfg(Config(cfg)).train()
    return root / WORK_DIR


def renamed(node, old, new):
    """Replace a text wherever it stands in nested lists and dicts."""
    if isinstance(node, dict):
        return {key: renamed(value, old, new) for key, value in node.items()}
    if isinstance(node, (list, tuple)):
        return type(node)(renamed(item, old, new) for item in node)
    return new if node == old else node
