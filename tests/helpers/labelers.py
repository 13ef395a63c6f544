"""Small plain models in files, as labelers, and people to label."""
import copy

import cv2
import numpy as np
import torch
from mmengine.logging import MessageHub
from mmengine.registry import DefaultScope
from mmpose.registry import MODELS

from helpers.target_views import FLIP_INDICES
from mmpose_mum.datasets import StrongView, WeakView

SIZE = (96, 128)  # width and height of a labeler's input; the student has 64×96
NAMES = [f'joint_{i}' for i in range(6)]  # mirrored as FLIP_INDICES says
CODECS = dict(
    heatmap=dict(type='MSRAHeatmap', input_size=SIZE, heatmap_size=(24, 32), sigma=2.),
    simcc=dict(type='SimCCLabel', input_size=SIZE, sigma=6.),
    regression=dict(type='RegressionLabel', input_size=SIZE))
HEADS = dict(
    heatmap=dict(type='HeatmapHead', in_channels=32, deconv_out_channels=(8, 8, 8)),
    simcc=dict(type='RTMCCHead', in_channels=32, input_size=SIZE, in_featuremap_size=(3, 4),
               loss=dict(type='KLDiscretLoss', beta=10., label_softmax=True)),
    regression=dict(type='RegressionHead', in_channels=32))


def metainfo(names=NAMES):
    swap = {name: NAMES[i] for name, i in zip(NAMES, FLIP_INDICES)
            if name != NAMES[i] and NAMES[i] in names}
    return dict(
        dataset_name='labeled', paper_info={}, skeleton_info={}, joint_weights=[1.] * len(names),
        sigmas=[.1] * len(names), keypoint_info={
            i: dict(name=name, id=i, color=[0, 0, 0], type='', swap=swap.get(name, ''))
            for i, name in enumerate(names)})


def write_labeler(folder, kind='heatmap', names=NAMES, of_coco=False, **changes):
    """Writes a model's config and random weights; returns the labeler's config."""
    head = dict(copy.deepcopy(HEADS[kind]), decoder=CODECS[kind])
    head['num_joints' if kind == 'regression' else 'out_channels'] = 17 if of_coco else len(names)
    keypoints = dict(from_file='configs/_base_/datasets/coco.py') if of_coco else metainfo(names)
    model = dict(
        type='TopdownPoseEstimator',
        data_preprocessor=dict(
            type='PoseDataPreprocessor', mean=[10., 20., 30.], std=[50., 60., 70.]),
        backbone=dict(type='ResNet', depth=18, base_channels=4, stem_channels=4),
        neck=dict(type='GlobalAveragePooling') if kind == 'regression' else None,
        head=head, test_cfg=dict(flip_test=False))
    model.update(changes)
    pipeline = [dict(type='LoadImage'), dict(type='GetBBoxCenterScale'),
                dict(type='TopdownAffine', input_size=model['head']['decoder']['input_size']),
                dict(type='PackPoseInputs')]
    text = f"""
default_scope = 'mmpose'
model = {model!r}
test_dataloader = dict(dataset=dict(
    type='CocoDataset', metainfo={keypoints!r}, pipeline={pipeline!r}))
"""
    folder.mkdir(exist_ok=True)
    (folder / f'{kind}.py').write_text(text)
    torch.manual_seed(3)
    with DefaultScope.overwrite_default_scope('mmpose'):
        built = MODELS.build(copy.deepcopy(model))
    built.init_weights()
    for name, value in built.state_dict().items():
        if value.is_floating_point() and value.ndim > 1 and 'head' in name:
            value.mul_(20)  # else all keypoints lie in a corner or in the middle
    torch.save(dict(meta={}, state_dict=built.state_dict()), folder / f'{kind}.pth')
    return dict(config=str(folder / f'{kind}.py'), checkpoint=str(folder / f'{kind}.pth'))


def tell_names(names=NAMES):
    """Tells the hub which keypoints the training has, as the Runner does."""
    MessageHub.get_current_instance().update_info(
        'dataset_meta', dict(keypoint_id2name=dict(enumerate(names))))


def make_person(seed=0, size=(150, 200)):
    """Returns an image of some gray shapes and noise, and a person's box in it."""
    rng, (width, height) = np.random.default_rng(seed), size
    image = rng.integers(0, 256, (height // 20, width // 20, 3), dtype=np.uint8)
    image = cv2.resize(image, size, interpolation=cv2.INTER_CUBIC)
    return image, np.array([[20, 25, 110, 180]], dtype=np.float32)


def view_of(image, box, view, seed):
    """Returns a view's packed sample."""
    height, width = image.shape[:2]
    results = dict(
        img=image.copy(), img_shape=(height, width), ori_shape=(height, width), bbox=box.copy(),
        bbox_score=np.ones(1, np.float32), flip_indices=FLIP_INDICES, id=0, img_id=0, img_path='')
    state = np.random.get_state()
    np.random.seed(seed)
    try:
        return view(results)
    finally:
        np.random.set_state(state)


def two_views(images, weak_size=SIZE, still=True, student_size=(64, 96)):
    """Returns what a loader yields of both unlabeled branches, for :func:`make_person`'s.

    Args:
        images: Those and their boxes.
        weak_size: Width and height of the weak view.
        still: Whether the weak view is the crop that MMPose tests on.
        student_size: Width and height of the strong view.
    """
    options = dict(flip_prob=0., rotate_prob=0., scale_prob=0.) if still else {}
    weak, strong = WeakView(weak_size, **options), StrongView(student_size, photometric=None)
    pairs = [[view_of(*image, view, 7 * i + k) for i, image in enumerate(images)]
             for k, view in enumerate((weak, strong))]
    names = ('unsup_teacher', 'unsup_student')
    return {key: {name: [sample[key] for sample in samples]
                  for name, samples in zip(names, pairs)} for key in ('inputs', 'data_samples')}
