"""What the documentation shows is there and works: configs, paths, the launcher, the citation."""
import json
import os
import re
import shlex
import stat
import subprocess
from importlib import import_module
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
import yaml
from mmengine.config import Config, ConfigDict
from mmengine.dataset import pseudo_collate
from mmpose.registry import DATASETS, MODELS

import mmpose_mum
from mmpose_mum import cli
from mmpose_mum.datasets.short_form import sources_of

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / 'README.md', ROOT / 'CONTRIBUTING.md', *sorted(ROOT.glob('docs/*.md'))]
CONFIG_BLOCK = re.compile(
    r'(?:<!-- config: (?P<file>\S+) -->\n)?'
    r'```python\n(?P<text>(?:"""[^\n]*"""\n\n)?_base_ = .*?)```', re.S)
BLOCKS = [(page, block) for page in PAGES
          for block in CONFIG_BLOCK.finditer(page.read_text(encoding='utf-8'))]
# What a reader has to fill in.
PLACES = {
    '../../configs/': f'{ROOT}/configs/',
    'path/to/this/checkout/': f'{ROOT}/',
    './my_config.py': f'{ROOT}/docs/examples/animals.py',
    "'/data": "'data",
    'my_plain_mmpose_config.py':
    'mmpose::body_2d_keypoint/topdown_heatmap/coco/td-hm_res50_8xb64-210e_coco-256x192.py',
}
SIZE = (64, 96)  # width and height of a generated image
BOX = [4., 6., 50., 80.]


def name_of(block):
    return f'{block[0].name}:{block[1]["file"] or "without file"}'


def write_images(folder: Path, number=3):
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    for i in range(number):
        image = rng.integers(0, 255, (SIZE[1], SIZE[0], 3), dtype=np.uint8)
        cv2.imwrite(str(folder / f'{i}.jpg'), image)


def write_video(path: Path):
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*'MJPG'), 4, SIZE)
    for i in range(8):
        writer.write(np.full((SIZE[1], SIZE[0], 3), 20 * i, np.uint8))
    writer.release()


def coco_json(number: int) -> dict:
    """Three images with a person each, whose keypoints lie on a diagonal."""
    keypoints = [[10 + i, 12 + 2 * i, 2] for i in range(number)]
    return dict(
        images=[dict(id=i, file_name=f'{i}.jpg', width=SIZE[0], height=SIZE[1]) for i in range(3)],
        categories=[dict(id=1, name='thing', keypoints=[str(i) for i in range(number)])],
        annotations=[dict(
            id=i, image_id=i, category_id=1, bbox=BOX, area=BOX[2] * BOX[3], iscrowd=0,
            num_keypoints=number, keypoints=sum(keypoints, [])) for i in range(3)])


def write_data(dataset, number: int):
    """Write what a dataset's config reads, below the current folder."""
    if dataset.type == 'SemiSupervisedDataset':
        dataset = ConfigDict(datasets=sources_of(dataset))
    for part in dataset.get('datasets', []):
        write_data(part, number)
    if 'datasets' in dataset:
        return
    root = Path(dataset.get('data_root') or '')
    images = root / dataset.data_prefix.img
    if images.suffix:
        write_video(images)
    else:
        write_images(images)
    contents = {
        root / (dataset.get('ann_file') or ''): coco_json(number),
        Path(dataset.get('bbox_file') or ''):
        [dict(image_id='1.jpg', category_id=1, bbox=BOX, score=0.9)],
    }
    for path, content in contents.items():
        if path.suffix == '.json':
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(content))


def converted(cfg):
    """Converts the plain config that lies in the current folder, with data of its keypoints."""
    names = [point.name for point in cfg.train_dataloader.dataset.metainfo.keypoint_info.values()]
    content = coco_json(len(names))
    content['categories'][0]['keypoints'] = names
    Path('labels.json').write_text(json.dumps(content))
    write_images(Path('images'))
    cli.main('convert config.py --labeled labels.json --labeled-images images --val labels.json '
             '--val-images images --unlabeled images --max-iters 20 --out semi.py'.split())
    return Config.fromfile('semi.py')


def test_there_are_configs_in_the_docs():
    assert {page.name for page, _ in BLOCKS} >= {'config.md', 'custom_data.md'}
    shown = {block['file'] for _, block in BLOCKS}
    assert {f'examples/{path.name}' for path in (ROOT / 'docs/examples').glob('*.py')} <= shown


def test_the_config_by_hand_is_short():
    (text, ) = [block['text'] for page, block in BLOCKS if page.name == 'config.md']
    assert len([line for line in text.splitlines() if line]) <= 20


@pytest.mark.parametrize('block', [b for b in BLOCKS if b[1]['file']], ids=name_of)
def test_shown_config_is_the_file(block):
    page, match = block
    assert (page.parent / match['file']).read_text(encoding='utf-8') == match['text']


@pytest.mark.parametrize('block', BLOCKS, ids=name_of)
def test_config_trains(block, tmp_path, monkeypatch):
    """Each config's model takes a batch of its data, here generated, to finite losses."""
    text = block[1]['text']
    for place, real in PLACES.items():
        text = text.replace(place, real)
    (tmp_path / 'config.py').write_text(text, encoding='utf-8')
    monkeypatch.chdir(tmp_path)
    cfg = Config.fromfile('config.py')
    if not cfg.train_dataloader.dataset.type.endswith('SemiSupervisedDataset'):
        cfg = converted(cfg)
    sources = cfg.train_dataloader.dataset
    write_data(sources, cfg.model.estimator.head.out_channels)
    labeled, unlabeled = DATASETS.build(sources).datasets
    batch = pseudo_collate([labeled[0], unlabeled[0], unlabeled[-1]])
    if cfg.model.estimator.backbone.type == 'ResNet':  # a smaller one, to be quick
        cfg.model.estimator.backbone.depth = 18
        cfg.model.estimator.head.in_channels = 512
    torch.manual_seed(0)
    model = MODELS.build(cfg.model)
    assert 'student' in cfg.optim_wrapper.constructor.lower()
    assert cfg.default_hooks.checkpoint.save_best.startswith('teacher/')
    with torch.no_grad():
        losses = model(**model.data_preprocessor(batch, True), mode='loss')
    assert {'sup_loss_kpt', 'unsup_loss'} <= losses.keys()
    assert all(torch.isfinite(value).all() for value in losses.values())


@pytest.mark.parametrize('page', PAGES, ids=lambda page: page.name)
def test_paths_in_the_docs_exist(page):
    text = page.read_text(encoding='utf-8')
    for link in re.findall(r'\]\((?!https?:|#)([^)#]+)', text):
        assert (page.parent / link).exists(), link
    named = re.findall(
        r'(?<![\w/.])(?:tools|dev|configs|tests|docs)/[\w./-]*\w\.(?:py|sh|md)\b', text)
    for path in named:
        # MMPose's keypoints are looked up in MMPose.
        assert (ROOT / path).exists() or path.startswith('configs/_base_/datasets/'), path


def commands():
    """Returns the commands that the pages and the configs' README show, each as a list of words."""
    for page in (*PAGES, ROOT / 'configs/pose_mum/README.md'):
        text = re.sub(r'\$\(.*?\)', 'x=y', page.read_text(encoding='utf-8'), flags=re.S)
        for command in re.findall(r'^    mmpose-mum ((?:.*\\\n)*.*)$', text, re.M):
            yield pytest.param(shlex.split(command.replace('\\\n', ' ')), id=page.name)


@pytest.mark.parametrize('words', commands())
def test_commands_in_the_docs_are_right(words, monkeypatch):
    ran = []
    monkeypatch.setattr(import_module(f'mmpose_mum.cli.{words[0]}'), 'run', ran.append)
    cli.main(words)
    assert len(ran) == 1


def test_dist_train_hands_on_its_arguments(tmp_path):
    """With a python and a torchrun that only tell what they are given."""
    for name, body in (('python', 'echo /host/train.py'), ('torchrun', 'echo "$@"')):
        (tmp_path / name).write_text(f'#!/bin/sh\n{body}\n')
        (tmp_path / name).chmod(stat.S_IRWXU)
    script = ROOT / 'tools/dist_train.sh'
    assert os.access(script, os.X_OK)
    environment = dict(os.environ, PATH=f'{tmp_path}:{os.environ["PATH"]}', NNODES='2',
                       NODE_RANK='1', MASTER_ADDR='host', PORT='123')
    done = subprocess.run([script, 'my config.py', '4', '--amp'], env=environment, text=True,
                          stdout=subprocess.PIPE, check=True)
    assert done.stdout.split('\n')[0] == (
        '--nnodes=2 --node_rank=1 --master_addr=host --master_port=123 --nproc_per_node=4 '
        '/host/train.py my config.py --launcher pytorch --amp')
    refused = subprocess.run([script, 'config.py'], env=environment, stderr=subprocess.PIPE)
    assert refused.returncode and b'usage' in refused.stderr


def test_slurm_train_hands_on_its_arguments(tmp_path):
    """With an srun that only tells what it is given."""
    (tmp_path / 'srun').write_text('#!/bin/sh\necho "$@"\n')
    (tmp_path / 'srun').chmod(stat.S_IRWXU)
    script = ROOT / 'tools/slurm_train.sh'
    assert os.access(script, os.X_OK)
    environment = dict(os.environ, PATH=f'{tmp_path}:{os.environ["PATH"]}', GPUS='2',
                       SRUN_ARGS='--time 1')
    done = subprocess.run([script, 'part', 'job', 'my config.py', '--amp'], env=environment,
                          text=True, stdout=subprocess.PIPE, check=True)
    assert done.stdout == (
        '--partition=part --job-name=job --gres=gpu:2 --ntasks=2 --ntasks-per-node=2 '
        f'--cpus-per-task=5 --kill-on-bad-exit=1 --time 1 python -u {ROOT}/tools/train.py '
        'my config.py --launcher slurm --amp\n')
    refused = subprocess.run([script, 'part', 'job'], env=environment, stderr=subprocess.PIPE)
    assert refused.returncode == 2 and b'usage' in refused.stderr


def test_citation_is_complete_and_of_this_version():
    citation = yaml.safe_load((ROOT / 'CITATION.cff').read_text(encoding='utf-8'))
    assert citation['cff-version'] == '1.2.0' and citation['license'] == 'Apache-2.0'
    assert citation['version'] == mmpose_mum.__version__
    for work in (citation, *citation['references']):
        assert work['title'] and work['authors']
    assert any('2203.07837' in str(work) for work in citation['references'])


def test_changelog_knows_this_version():
    changelog = (ROOT / 'CHANGELOG.md').read_text(encoding='utf-8')
    assert re.search(rf'^## \[{re.escape(mmpose_mum.__version__)}\]', changelog, re.M)
