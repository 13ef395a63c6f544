"""The models that are measured: those of the package's own configs, with random weights."""
from pathlib import Path

import torch
from mmengine.config import Config, ConfigDict
from mmengine.registry import init_default_scope
from mmpose.registry import MODELS
from torch import nn

FOLDER = Path(__file__).parents[2] / 'configs'
CONFIGS = dict(
    resnet18='pose_mum/res18_coco_1k.py',
    resnet50='pose_mum/res50_coco_10pct.py',
    hrnet_w32='pose_mum/hrnet_w32_coco_10pct.py',
    small='demo/pose_mum.py')


def model_config(name: str) -> ConfigDict:
    """Return a semi-supervised model's config; ``.estimator`` in it is the plain model's."""
    init_default_scope('mmpose')
    model = Config.fromfile(FOLDER / CONFIGS[name]).model
    model.estimator.backbone.init_cfg = None
    return model


def build(config: ConfigDict, device: torch.device) -> nn.Module:
    """Build a model with the random weights of a fixed seed."""
    torch.manual_seed(0)
    model = MODELS.build(config)
    return model.to(device)
