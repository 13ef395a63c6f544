"""Make the model of a converted config: the original as student and teacher, and its sites."""
from importlib.util import find_spec
from typing import Any, Dict

import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmpose.registry import MODELS
from torch import nn

from ..configs.components import map_dicts
from ..models.mixing.default_sites import default_sites
from .data import input_size
from .options import Options
from .references import Base, Changed, resolve, unscoped


def model_overrides(cfg: Config, options: Options) -> Dict[str, Any]:
    """Make the overrides of the model.

    Args:
        cfg (Config): The original config.
        options (Options): The options.

    Returns:
        dict: Top-level name → value with references.
    """
    estimator = _estimator(cfg)
    sites = list(options.sites) if options.sites else default_sites(
        build_without_weights(resolve(estimator, cfg)['backbone']), input_size(cfg), options.grid)
    imports = cfg.get('custom_imports') or dict(imports=[], allow_failed_imports=False)
    names = imports['imports']
    names = [names] if isinstance(names, str) else list(names)
    # MMEngine's Runner would give it to the whole model, whose parts it does not reach.
    preprocessor: Dict[str, Any] = (
        dict(data_preprocessor=None) if cfg.get('data_preprocessor') else {})
    return dict(
        preprocessor,
        custom_imports=dict(
            imports=list(dict.fromkeys([*names, 'mmpose_mum'])),  # the original may have it
            allow_failed_imports=imports.get('allow_failed_imports', False)),
        model=dict(
            _delete_=True,
            type='SemiSupervisedPoseEstimator',
            estimator=estimator,
            backbone={},
            mix_unmix=dict(type='MixUnMix', sites=sites, grid=options.grid,
                           group_size=options.group_size),
            unsup_weight=4.,
            burn_in=options.burn_in,
            ramp_up=options.burn_in,
            **_labeler(options)))


def _labeler(options: Options) -> Dict[str, Any]:
    if options.labeler_file is not None:
        return dict(labeler=dict(file=options.labeler_file))
    if options.labeler is None:
        return {}
    config, checkpoint = options.labeler
    return dict(labeler=dict(config=config, checkpoint=checkpoint))


def build_without_weights(config: dict) -> nn.Module:
    """Build a model to look at its structure, without a download and with little computation.

    Args:
        config (dict): Its config.

    Returns:
        nn.Module: The model, on the ``meta`` device if its constructor works there.
    """
    config = map_dicts(
        lambda node: dict(node, init_cfg=None) if 'init_cfg' in node else node, config)
    with DefaultScope.overwrite_default_scope('mmpose'):
        try:
            with torch.device('meta'):  # no memory, and no time for random weights
                return MODELS.build(config)
        except (NotImplementedError, RuntimeError):  # it computes with values
            return MODELS.build(config)


def _estimator(cfg: Config) -> Any:
    """Refer to the original model. A ViT of MMClassification becomes MMPretrain's."""
    changes: Dict[str, Any] = {}
    if cfg.get('data_preprocessor') and not cfg.model.get('data_preprocessor'):
        changes['data_preprocessor'] = Base('data_preprocessor')
    backbone = cfg.model['backbone']
    if backbone['type'] != 'mmcls.VisionTransformer' or find_spec('mmcls') or \
            not find_spec('mmpretrain'):
        return Changed(Base('model'), **changes) if changes else Base('model')
    changed = dict(unscoped(backbone), type='mmpretrain.VisionTransformer')
    if 'output_cls_token' in changed:
        changed['out_type'] = 'cls_token' if changed.pop('output_cls_token') else 'featmap'
    return Changed(Base('model'), backbone=changed, **changes)
