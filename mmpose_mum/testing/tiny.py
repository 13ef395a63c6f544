"""Small semi-supervised models and batches, for tests here and in packages that build on this."""
import copy
from typing import Any, Dict, Union

import numpy as np
from mmengine.dataset import Compose, pseudo_collate
from mmengine.model import BaseModel
from mmpose.datasets.transforms import (
    GenerateTarget,
    GetBBoxCenterScale,
    PackPoseInputs,
    TopdownAffine,
)

from ..datasets import PoseMultiBranch, StrongView, WeakView
from ..functional.branches import BRANCHES
from ..functional.seeding import preserved

INPUT_SIZE = (64, 96)  # width and height: not square, with maps of 2×3 pixels at stride 32
CODEC = dict(type='MSRAHeatmap', input_size=INPUT_SIZE, heatmap_size=(16, 24), sigma=1.5)

_DECONVS = dict(deconv_out_channels=(8, 8, 8), deconv_kernel_sizes=(4, 4, 4))
_HRNET = dict(
    stage1=dict(num_modules=1, num_branches=1, block='BOTTLENECK', num_blocks=(1, ),
                num_channels=(4, )),
    stage2=dict(num_modules=1, num_branches=2, block='BASIC', num_blocks=(1, 1),
                num_channels=(4, 8)),
    stage3=dict(num_modules=1, num_branches=3, block='BASIC', num_blocks=(1, 1, 1),
                num_channels=(4, 8, 16)),
    stage4=dict(num_modules=1, num_branches=4, block='BASIC', num_blocks=(1, 1, 1, 1),
                num_channels=(4, 8, 16, 32)))
# The backbone, the head's arguments that depend on it, and its sites.
_MODELS: Dict[str, Any] = dict(
    resnet=(dict(type='ResNet', depth=18, base_channels=4, stem_channels=4),
            dict(in_channels=32, **_DECONVS),
            ('input', 'layer1', 'layer2', 'layer3', 'layer4')),
    hrnet=(dict(type='HRNet', in_channels=3, extra=_HRNET),
           dict(in_channels=4, deconv_out_channels=None),
           ('input', 'layer1', 'stage2', 'stage3')),
    mobilenet_v2=(dict(type='MobileNetV2', widen_factor=0.25, out_indices=(7, )),
                  dict(in_channels=1280, **_DECONVS),
                  ('input', 'layer2', 'layer4')))


def tiny_config(model: str = 'resnet',
                *,
                num_keypoints: int = 4,
                mix_unmix: Union[bool, dict] = True,
                **options) -> dict:
    """Make the config of a semi-supervised model that takes a step in a fraction of a second.

    Args:
        model (str): ``'resnet'``, ``'hrnet'`` or ``'mobilenet_v2'``.
        num_keypoints (int): Number of keypoints.
        mix_unmix (bool | dict): True mixes a 2×2 grid at every site of the model, False does not
            mix. A dict changes arguments of :class:`MixUnMix`.
        **options: Further arguments of :class:`SemiSupervisedPoseEstimator`.

    Returns:
        dict: Config for ``MODELS.build``, a copy that you may change. Its input size and codec are
        this module's ``INPUT_SIZE`` and ``CODEC``.
    """
    backbone, head, sites = copy.deepcopy(_MODELS[model])
    estimator = dict(
        type='TopdownPoseEstimator',
        data_preprocessor=dict(
            type='PoseDataPreprocessor', mean=[127.5] * 3, std=[64.] * 3, bgr_to_rgb=True),
        backbone=backbone,
        head=dict(
            type='HeatmapHead',
            out_channels=num_keypoints,
            loss=dict(type='KeypointMSELoss', use_target_weight=True),
            decoder=dict(CODEC),
            **head),
        test_cfg=dict(flip_test=False))
    if mix_unmix is not False:
        changes = {} if mix_unmix is True else mix_unmix
        options['mix_unmix'] = dict(
            {'type': 'MixUnMix', 'sites': list(sites), 'grid': (2, 2)}, **changes)
    return dict(type='SemiSupervisedPoseEstimator', _scope_='mmpose', estimator=estimator,
                **options)


def tiny_loader_batch(num_labeled: int = 2,
                      num_unlabeled: int = 4,
                      *,
                      num_keypoints: int = 4,
                      seed: int = 0) -> Dict[str, dict]:
    """Make a dataloader's batch: images of noise, after the real transforms.

    Args:
        num_labeled (int): Number of samples in the branch ``sup``.
        num_unlabeled (int): Number of samples in each of the branches ``unsup_teacher`` and
            ``unsup_student``.
        num_keypoints (int): Number of keypoints. Keypoints 0 and 1 are each other's mirror image,
            as are 2 and 3, and so on.
        seed (int): Seed of everything in the batch. NumPy's global generator, from which MMPose's
            transforms draw, keeps its state.

    Returns:
        dict: ``inputs`` and ``data_samples``. Each has a list per branch, with None for the samples
        of other branches, as :func:`mmengine.dataset.pseudo_collate` makes it.
    """
    labeled = PoseMultiBranch(BRANCHES, sup=[
        GetBBoxCenterScale(), TopdownAffine(input_size=INPUT_SIZE), GenerateTarget(dict(CODEC)),
        PackPoseInputs()])
    unlabeled = PoseMultiBranch(
        BRANCHES, unsup_teacher=[WeakView(INPUT_SIZE)], unsup_student=[StrongView(INPUT_SIZE)])
    with preserved():
        np.random.seed(seed)
        samples = [_noise_person(i, num_keypoints) for i in range(num_labeled + num_unlabeled)]
        pipelines = [Compose([labeled])] * num_labeled + [Compose([unlabeled])] * num_unlabeled
        return pseudo_collate([run(sample) for run, sample in zip(pipelines, samples)])


def tiny_batch(model: BaseModel, *args, **kwargs) -> Dict[str, dict]:
    """Make a batch for ``model.loss(**batch)``, on the model's device.

    Args:
        model (BaseModel): A model of :func:`tiny_config`, on the device to which ``model.to`` moved
            it.
        *args: Arguments of :func:`tiny_loader_batch`.
        **kwargs: Keyword arguments of it.

    Returns:
        dict: ``inputs``, the normalized images (N, 3, H, W) of each branch, and ``data_samples``.
    """
    return model.data_preprocessor(tiny_loader_batch(*args, **kwargs), training=True)


def _noise_person(number: int, num_keypoints: int) -> dict:
    height, width = 120, 90
    flip_indices = [i ^ 1 if i ^ 1 < num_keypoints else i for i in range(num_keypoints)]
    return dict(
        id=number,
        img_id=number,
        img_path=f'noise/{number}.png',
        img=np.random.randint(0, 256, (height, width, 3), dtype=np.uint8),
        img_shape=(height, width),
        ori_shape=(height, width),
        bbox=np.array([[5, 5, width - 5, height - 5]], dtype=np.float32),
        bbox_score=np.ones(1, dtype=np.float32),
        keypoints=np.random.uniform(
            [15, 15], [width - 15, height - 15], (1, num_keypoints, 2)).astype(np.float32),
        keypoints_visible=np.ones((1, num_keypoints), dtype=np.float32),
        category_id=1,
        dataset_keypoint_weights=np.ones(num_keypoints, dtype=np.float32),
        flip_indices=flip_indices)
