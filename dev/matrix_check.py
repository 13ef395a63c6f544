"""Convert, train and export one of MMPose's configs on generated samples, for model_matrix.py."""
import copy
import gc
import math
import tempfile
import types
from pathlib import Path
from typing import Dict, Iterator, List

import torch
from generated import GeneratedPoseDataset
from mmengine.config import Config, ConfigDict
from mmengine.dataset import pseudo_collate
from mmengine.hooks import Hook
from mmengine.runner import Runner, load_checkpoint
from mmpose.models.heads import RegressionHead, RLEHead
from mmpose.registry import DATASETS, MODELS
from torch.nn.modules.batchnorm import _BatchNorm

import mmpose_mum
from mmpose_mum.configs.datasets import leaves, map_leaves
from mmpose_mum.configs.metainfo import keypoints_of
from mmpose_mum.configs.plain import plain_config
from mmpose_mum.datasets.short_form import sources_of
from mmpose_mum.export.publish import check_keypoints, plain_checkpoint

BATCH = 2  # images of each kind
STEPS = 2
# What a generated sample set takes from the dataset that it stands for.
_KEPT = ('metainfo', 'pipeline', 'test_mode')


def check_config(name: str, root: Path) -> Dict[str, object]:
    """Convert a config and do with the model what a user would, on generated samples.

    Args:
        name (str): Path of a top-down config below ``root``.
        root (Path): Folder of MMPose's configs.

    Returns:
        dict: ``sites`` (list[str]), where the model was mixed, and ``gradients`` (list[float]), the
        norm of the unlabeled loss's gradient with mixing at each of them.

    Raises:
        AssertionError: If a result is not what it has to be; other errors as they come.
    """
    plain = Config.fromfile(root / name)
    config = mmpose_mum.semi_supervised(plain, unlabeled='unlabeled/', group_size=BATCH)
    # MMClassification's ViT has the same weights by the same names in mmpretrain, its successor.
    plain.model.backbone = copy.deepcopy(config.model.estimator.backbone)
    without_weights(config)
    without_weights(plain)
    sites = list(config.model.mix_unmix.sites)
    with tempfile.TemporaryDirectory() as work_dir:
        model, meta, probe = train(for_trial(config, work_dir), Probe(sites))
        entries = plain_config(config)[0]
        check_keypoints(keypoints_of(entries), dict(meta=meta), entries['model'])
        checkpoint = Path(work_dir) / 'plain.pth'
        torch.save(plain_checkpoint(dict(meta=meta, state_dict=model.state_dict())), checkpoint)
        sample = test_sample(plain)
        ours = predict(model, sample)
        del model
        exported = MODELS.build(plain.model)
        load_checkpoint(exported, str(checkpoint), strict=True)
        theirs = predict(exported, sample)
    assert len(probe.log_vars) == STEPS, f'{len(probe.log_vars)} steps instead of {STEPS}'
    assert probe.gradients.keys() == set(sites), f'only {list(probe.gradients)} were mixed'
    assert all(torch.isfinite(torch.as_tensor(ours[key])).all() for key in ours), \
        'the teacher predicts what is not finite'
    for key in ours:
        assert torch.equal(torch.as_tensor(ours[key]), torch.as_tensor(theirs[key])), \
            f'{key} of the exported model differ from the teacher\'s'
    return dict(sites=sites, gradients=[float(f'{probe.gradients[s]:.3g}') for s in sites])


def without_weights(config: Config) -> None:
    """Take every pretrained checkpoint out of a config, which would have to be downloaded."""
    for part in _dicts(config._cfg_dict.model):
        if (part.get('init_cfg') or {}) and 'Pretrained' in str(part['init_cfg']):
            part['init_cfg'] = None
    config.load_from = None


def _dicts(value) -> Iterator[dict]:
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        for item in value:
            yield from _dicts(item)


def for_trial(config: Config, work_dir: str) -> Config:
    """Make the converted config train two steps on generated samples, without validation."""
    config = copy.deepcopy(config)
    loader = config.train_dataloader
    loader.batch_size = 2 * BATCH
    loader.sampler.source_ratio = [1, 1]
    loader.num_workers, loader.persistent_workers = 0, False
    sources = [generated(dataset) for dataset in sources_of(loader.dataset)]
    loader.dataset = ConfigDict(type=loader.dataset.type, datasets=sources)
    for key in ('val_dataloader', 'val_evaluator', 'val_cfg', 'test_dataloader',
                'test_evaluator', 'test_cfg'):
        config[key] = None
    config.train_cfg.max_iters = STEPS
    config.model.update(burn_in=0, ramp_up=0)
    config.default_hooks.checkpoint = None
    # Twice as fast on CPUs that have it, and AmpOptimWrapper asserts a GPU.
    config.optim_wrapper.type = 'AutocastOptimWrapper'
    config.optim_wrapper.pop('loss_scale', None)
    config.visualizer = dict(type='Visualizer')
    config.randomness = dict(seed=0)
    config.log_level = 'WARNING'
    config.work_dir = work_dir
    config.experiment_name = Path(work_dir).name
    return config


def generated(dataset: dict) -> dict:
    """Replace the sets at the leaves of a dataset config by generated ones."""
    return map_leaves(copy.deepcopy(dataset), _generated_leaf)


def _generated_leaf(leaf: dict) -> dict:
    kept = {key: leaf[key] for key in _KEPT if key in leaf}
    if 'subset' in leaf:  # DeepFashion has other keypoints in each
        kept['metainfo'] = dict(
            from_file=f'configs/_base_/datasets/deepfashion_{leaf["subset"]}.py')
    return dict(type=GeneratedPoseDataset.__name__, source=leaf['type'], **kept)


class TrialRunner(Runner):
    """A Runner that leaves out what takes longer than the training of a small model."""

    def dump_config(self) -> None:
        """Write no config."""

    def _log_env(self, env_cfg) -> None:
        """Ask for no compilers and cards."""


def train(config: Config, probe: 'Probe'):
    """Train by MMEngine's Runner; return the model, a checkpoint's metainfo and the probe."""
    runner = TrialRunner.from_cfg(config)
    runner.register_hook(probe)
    runner.train()
    meta = dict(dataset_meta=runner.train_dataloader.dataset.metainfo)
    model = runner.model
    del runner, model.train_step  # and with them the optimizer's state
    gc.collect()
    return model, meta, probe


def test_sample(config: Config) -> dict:
    """Make a batch of one generated sample by the config's own pipeline for validation."""
    dataset = config.val_dataloader.dataset
    if dataset.get('type') != 'CombinedDataset':
        dataset = next(leaves(dataset))
    return pseudo_collate([DATASETS.build(generated(dataset))[0]])


def predict(model, batch: dict) -> Dict[str, object]:
    """Predict as MMPose does at a validation; return the numbers that came out."""
    model.eval()
    with torch.no_grad():
        instances = model.val_step(copy.deepcopy(batch))[0].pred_instances
    return {key: instances[key] for key in ('keypoints', 'keypoint_scores') if key in instances}


class Probe(Hook):
    """Mix at one site after the other, and look at the unlabeled loss's gradient alone.

    Args:
        sites (list[str]): The sites of the model's MixUnMix neck.
    """

    def __init__(self, sites: List[str]) -> None:
        self.sites = sites
        self.gradients: Dict[str, float] = {}
        self.log_vars: List[dict] = []

    def before_train(self, runner) -> None:
        """Take over the model's step."""
        model = runner.model
        model.train_step = types.MethodType(self._train_step, model)

    def _train_step(self, model, data, optim_wrapper) -> Dict[str, torch.Tensor]:
        step = len(self.log_vars)
        data = model.data_preprocessor(data, True)
        if step == 0:
            _burn_in(model, data['inputs']['sup'])
        with optim_wrapper.optim_context(model):
            if step == 0:
                for site in self.sites[STEPS:]:
                    self._mix_at(model, site)
                    losses = model.loss_by_teacher(
                        model.student, model.teacher, data['inputs'], data['data_samples'], 1.)
                    self._backward(model, site, losses)
                    optim_wrapper.zero_grad()
            site = self.sites[step % len(self.sites)]
            self._mix_at(model, site)
            losses = model(**data, mode='loss')
        _, log_vars = model.parse_losses(losses)
        self._backward(model, site, losses)
        labeled, _ = model.parse_losses(
            {key: value for key, value in losses.items() if key != 'unsup_loss'})
        labeled.backward()
        optim_wrapper.step()
        optim_wrapper.zero_grad()
        assert all(math.isfinite(value) for value in map(float, log_vars.values())), \
            f'a logged figure is not finite: {log_vars}'
        self.log_vars.append(log_vars)
        return log_vars

    def _mix_at(self, model, site: str) -> None:
        model.student.neck._site_probs = torch.tensor(
            [float(name == site) for name in model.student.neck.sites], dtype=torch.float64)

    def _backward(self, model, site: str, losses: dict) -> None:
        """Propagate the unlabeled loss alone, and look at its gradient."""
        losses['unsup_loss'].mean().backward(retain_graph=True)
        squares = [p.grad.double().square().sum() for p in model.student.parameters()
                   if p.grad is not None]
        gradient = math.sqrt(sum(squares)) if squares else 0.
        assert math.isfinite(gradient) and gradient > 0, \
            f"the unlabeled loss's gradient is {gradient} with mixing at {site!r}"
        assert all(p.grad is None for p in model.teacher.parameters()), 'the teacher has a gradient'
        self.gradients[site] = max(gradient, self.gradients.get(site, 0.))


def _burn_in(model, images: torch.Tensor) -> None:
    """Give student and teacher what a short supervised training would: answers of a sane size.

    An untrained BatchNorm in evaluation mode knows no statistics, and the outputs of a deep network
    overflow; an untrained regression answers the crop's corner, from where keypoints leave the
    view.
    """
    norms = [m for m in model.student.modules() if isinstance(m, _BatchNorm)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 1.
    with torch.no_grad():
        model.student(images, None)
    for norm, momentum in zip(norms, momenta):
        norm.momentum = momentum
    head = model.student.head
    if isinstance(head, (RegressionHead, RLEHead)):
        head.fc.bias.data.view(head.num_joints, -1)[:, :2] = .5
    model.teacher.load_state_dict(model.student.state_dict())
