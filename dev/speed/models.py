"""The models that are measured, those of the package's own configs, and batches for them."""
from functools import partial
from pathlib import Path
from typing import Collection, Dict, List

import numpy as np
import torch
from mmengine.config import Config, ConfigDict
from mmengine.registry import init_default_scope
from mmengine.structures import InstanceData, PixelData
from mmpose.registry import MODELS
from mmpose.structures import PoseDataSample
from torch import Tensor, nn

from mmpose_mum.functional.branches import BRANCHES
from mmpose_mum.functional.ema import ema_update_

FOLDER = Path(__file__).parents[2] / 'configs'
CONFIGS = dict(
    small='demo/pose_mum.py',  # ResNet-18 of half width at 96×96
    resnet18='pose_mum/res18_coco_1k.py',
    resnet50='pose_mum/res50_coco_10pct.py',
    hrnet_w32='pose_mum/hrnet_w32_coco_10pct.py')

# What a config can switch on: AutocastOptimWrapper, ChannelsLastHook, a backbone's `with_cp`.
OPTIONS = ('bfloat16', 'channels_last', 'with_cp')


def model_config(name: str) -> ConfigDict:
    """Return a semi-supervised model's config; its ``estimator`` is the plain model's."""
    init_default_scope('mmpose')
    model = Config.fromfile(FOLDER / CONFIGS[name]).model
    model.update(burn_in=0, ramp_up=0)
    model.estimator.backbone.init_cfg = None
    model.estimator.train_cfg = dict(model.estimator.get('train_cfg') or {}, compute_acc=False)
    return model


def build(config: ConfigDict, device: torch.device) -> nn.Module:
    """Build a model in training mode, with the random weights of a fixed seed."""
    torch.manual_seed(0)
    return MODELS.build(config).to(device).train()


class Step:
    """A semi-supervised training step, and the plain passes that it cannot do without.

    Both are without the optimizer's own step, which is the same for either.

    Args:
        name (str): A key of :data:`CONFIGS`.
        site (str): Where every step is mixed; one of :func:`sites_of`.
        labeled (int): Images with labels.
        unlabeled (int): Images without.
        device (torch.device): Where.
        options (Collection[str]): Some of :data:`OPTIONS`, for the step and the plain passes alike.
    """

    def __init__(self, name: str, site: str, labeled: int, unlabeled: int,
                 device: torch.device, options: Collection[str] = ()) -> None:
        config = model_config(name)
        config.mix_unmix.sites = [site]
        config.estimator.backbone.with_cp = 'with_cp' in options
        self.model = build(config, device)
        self.averaged = [list(model.state_dict().values())
                         for model in (self.model.teacher, self.model.student)]
        self.student, self.teacher = (build(config.estimator, device) for _ in range(2))
        self.teacher.eval().requires_grad_(False)
        if 'channels_last' in options:
            for model in (self.model, self.student, self.teacher):
                model.to(memory_format=torch.channels_last)
        self.autocast = partial(torch.autocast, device.type, torch.bfloat16,
                                enabled='bfloat16' in options)
        sizes = dict(zip(BRANCHES, (labeled, unlabeled, unlabeled)))
        head = config.estimator.head
        width, height = head.decoder.input_size
        self.images = {branch: torch.randn((size, 3, height, width), device=device)
                       for branch, size in sizes.items()}
        self.samples = {branch: _samples(size, head.out_channels, head.decoder, device)
                        for branch, size in sizes.items()}

    def semi_supervised(self) -> Dict[str, float]:
        """Take the three branches forward and backward, update the teacher, read the logs."""
        return {name: value.item() for name, value in self.forward_backward().items()}

    def forward_backward(self) -> Dict[str, Tensor]:
        """Do so without reading the logs."""
        self.model.zero_grad()
        with self.autocast():
            losses = self.model(self.images, self.samples, mode='loss')
            loss, logs = self.model.parse_losses(losses)
        loss.backward()
        ema_update_(*self.averaged, .999)
        return logs

    def plain(self) -> None:
        """Take MMPose's models forward and backward: labeled, unlabeled, and the teacher."""
        self.student.zero_grad()
        labeled, teacher_view, student_view = BRANCHES
        with torch.no_grad(), self.autocast():
            self.teacher(self.images[teacher_view], None, mode='tensor')
        for branch in (labeled, student_view):
            self.student_loss(branch).backward()

    def student_loss(self, branch: str) -> Tensor:
        """Return the plain student's loss of a branch's images."""
        with self.autocast():
            losses = self.student(self.images[branch], self.samples[branch], mode='loss')
            return self.student.parse_losses(losses)[0]


def sites_of(name: str) -> List[str]:
    """Return the sites that a model's config mixes at."""
    return list(model_config(name).mix_unmix.sites)


def _samples(number: int, keypoints: int, codec: dict,
             device: torch.device) -> List[PoseDataSample]:
    width, height = codec['heatmap_size']
    return [PoseDataSample(
        metainfo=dict(warp_mat=np.eye(3, dtype=np.float32), flip=i % 2 == 1,
                      flip_indices=list(range(keypoints))),
        gt_fields=PixelData(heatmaps=torch.rand((keypoints, height, width), device=device)),
        gt_instance_labels=InstanceData(
            keypoint_weights=torch.ones((1, keypoints), device=device))) for i in range(number)]
