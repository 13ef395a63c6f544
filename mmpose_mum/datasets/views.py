"""The weak and the strong view of an image, and the map that made each."""
import copy
from typing import Any, Dict, Optional, Sequence, Tuple

import cv2
import numpy as np
import torch
from mmcv.transforms import Compose
from mmcv.transforms.utils import cache_randomness
from mmdet.datasets.transforms import CutOut, MultiBranch
from mmengine.structures import InstanceData
from mmpose.datasets.transforms import (
    GetBBoxCenterScale,
    PackPoseInputs,
    RandomBBoxTransform,
    RandomFlip,
    TopdownAffine,
)
from mmpose.registry import TRANSFORMS
from mmpose.structures import PoseDataSample
from mmpose.structures.bbox import get_udp_warp_matrix
from scipy.special import ndtr, ndtri

from ..coco.layout import is_number
from ..functional.branches import BRANCHES, KEYPOINT_WEIGHTS
from .photometric import PhotometricRandAugment

# What the estimator and the images of a run need to know of a view, and HiddenLabelHook of the
# keypoints that are kept from the training, if the dataset has them; in pixels of the image.
VIEW_META_KEYS = ('id', 'img_id', 'img_path', 'ori_shape', 'img_shape', 'input_size',
                  'input_center', 'input_scale', 'flip', 'flip_direction', 'flip_indices',
                  'dataset_name', 'warp_mat', 'hidden_keypoints', 'hidden_visible')

# What MMPose's datasets add to each sample from their metainfo.
PIPELINE_METAINFO = ('dataset_name', 'upper_body_ids', 'lower_body_ids', 'flip_pairs',
                     KEYPOINT_WEIGHTS, 'flip_indices', 'skeleton_links')


@TRANSFORMS.register_module()
class PoseMultiBranch(MultiBranch):
    """MMDetection's ``MultiBranch`` for MMPose's datasets.

    MMPose's datasets put themselves and their metainfo into the results, and ``MultiBranch``
    deep-copies the results for each branch. So the whole dataset would be copied for each sample.
    Here the branches share the metainfo, which no transform changes, and the image, which is
    read-only.

    Args:
        branch_field (Sequence[str]): Names of all branches.
        **branch_pipelines (list[dict]): The pipeline of each branch that this source fills.
    """

    def __init__(self, branch_field: Sequence[str] = BRANCHES, **branch_pipelines) -> None:
        pipelines = {name: [TRANSFORMS.build(step) if isinstance(step, dict) else step
                            for step in steps] for name, steps in branch_pipelines.items()}
        super().__init__(branch_field, **pipelines)

    def transform(self, results: dict) -> Optional[dict]:
        """Run every branch's pipeline on its own copy; None if one of them drops the sample.

        Raises:
            ValueError: If the sample's box or a visible keypoint is not finite: labels that
                MMPose's datasets let through, and that would make the loss NaN.
        """
        results.pop('dataset', None)
        _check_finite(results)
        if len(self.branch_pipelines) > 1 and isinstance(results.get('img'), np.ndarray):
            results['img'] = results['img'].view()
            results['img'].flags.writeable = False
        shared = {id(results[key]): results[key]
                  for key in (*PIPELINE_METAINFO, 'img') if key in results}
        branches = {name: dict(inputs=None, data_samples=None) for name in self.branch_field}
        last = list(self.branch_pipelines)[-1]  # all others have copies: it may have the original
        for name, pipeline in self.branch_pipelines.items():
            branches[name] = pipeline(
                results if name == last else copy.deepcopy(results, dict(shared)))
            if branches[name] is None:
                return None
        return {key: {name: branch[key] for name, branch in branches.items()}
                for key in ('inputs', 'data_samples')}


def _check_finite(results: dict) -> None:
    wrong = [] if np.isfinite(results.get('bbox', 0)).all() else ['bbox']
    if 'keypoints' in results:
        finite = np.isfinite(results['keypoints']).all(-1)
        visible = np.asarray(results['keypoints_visible']).reshape(*finite.shape, -1)[..., 0]
        wrong += ['keypoints'] * bool((visible[~finite] > 0).any())
        # A hidden keypoint's place means nothing, but its weight of 0 does not make up for a NaN.
        results['keypoints'] = np.where(
            finite[..., None], results['keypoints'], results['keypoints'].dtype.type(0))
    if wrong:
        raise ValueError(f"the annotation {results.get('id')} of {results.get('img_path')} has NaN "
                         f"or infinite numbers in {' and '.join(wrong)}: correct or remove it")


@TRANSFORMS.register_module()
class WarpTopdownAffine(TopdownAffine):
    """MMPose's ``TopdownAffine`` that also flips, and records the map it applied.

    Added key: ``warp_mat``, float32 (3, 3): pixel of the image in its file → pixel of the
    network's input, including a flip that MMPose's ``RandomFlip`` made before. Put ``'flip'`` and
    ``'warp_mat'`` into the ``meta_keys`` of ``PackPoseInputs``, else they are dropped.

    Optional key: ``source_mat``, (3, 3): pixel of ``img`` → pixel of the image in its file, where
    that was decoded at a reduced scale.
    """

    def transform(self, results: Dict) -> Optional[dict]:
        """Crop and record; see the class for the keys."""
        img, (height, width), (w, h) = results['img'], results['img_shape'], self.input_size
        results['bbox_scale'] = self._fix_aspect_ratio(results['bbox_scale'], w / h)
        center, scale = results['bbox_center'][0], results['bbox_scale'][0]
        results.update(input_size=(w, h), input_center=center, input_scale=scale)
        rotation = results['bbox_rotation'][0] if 'bbox_rotation' in results else 0.
        make = get_udp_warp_matrix if self.use_udp else _warp_matrix
        warp_mat = np.eye(3)
        warp_mat[:2] = make(center, scale, rotation, output_size=(w, h))
        if results.get('keypoints') is None:
            results.update(transformed_keypoints=np.zeros([]), keypoints_visible=np.ones((1, 1, 1)))
        else:
            points = results['keypoints'].copy()
            points[..., :2] = cv2.transform(points[..., :2], warp_mat[:2])
            results['transformed_keypoints'] = points
        flip = np.eye(3)
        direction = results.get('flip_direction') if results.setdefault('flip', False) else None
        # RandomFlip has made a mirrored view of the image. Mirrored once more it is the image, and
        # the warp mirrors for nothing, where OpenCV would first copy the view, pixel by pixel.
        if direction in ('horizontal', 'diagonal'):
            flip[0] = [-1, 0, width - 1]
            img = img[:, ::-1]
        if direction in ('vertical', 'diagonal'):
            flip[1] = [0, -1, height - 1]
            img = img[::-1]
        warp_mat = warp_mat @ flip
        from_img = warp_mat @ results['source_mat'] if 'source_mat' in results else warp_mat
        results['img'] = cv2.warpAffine(img, from_img[:2], (w, h), flags=cv2.INTER_LINEAR)
        results['warp_mat'] = warp_mat.astype(np.float32)
        return results

    @staticmethod
    def _fix_aspect_ratio(bbox_scale: np.ndarray, aspect_ratio: float) -> np.ndarray:
        """Widen or heighten boxes, as MMPose does but with fewer small arrays."""
        width, height = bbox_scale[:, 0], bbox_scale[:, 1]
        least = height * aspect_ratio
        fixed = np.empty_like(bbox_scale)
        fixed[:, 0] = np.maximum(width, least)
        fixed[:, 1] = np.where(width > least, width / aspect_ratio, height)
        return fixed


def _warp_matrix(center: np.ndarray, scale: np.ndarray, rotation: float,
                 output_size: Tuple[int, int]) -> np.ndarray:
    """Return the same bits as MMPose's ``get_warp_matrix``, in a third of its time.

    Args:
        center (np.ndarray): Of the box, (2, ), in pixels of the image.
        scale (np.ndarray): Width and height of the box, (2, ), likewise.
        rotation (float): In degrees.
        output_size (tuple[int, int]): Width and height of the crop, in pixels.

    Returns:
        np.ndarray: float64 (2, 3), pixel of the image → pixel of the crop.
    """
    width, height = output_size
    angle = np.deg2rad(rotation)  # and its sine in the angle's precision, as in MMPose
    half = -.5 * float(scale[0])
    x, y = center.tolist()
    # The center, the middle of the left edge, and the point a quarter turn about that.
    source = np.array([[x, y], [x + float(np.cos(angle)) * half, y + float(np.sin(angle)) * half],
                       [0, 0]], dtype=np.float32)
    toward_x, toward_y = source[0] - source[1]
    source[2] = source[1, 0] - toward_y, source[1, 1] + toward_x
    crop = np.array([[width, height], [0, height], [0, height + width]], dtype=np.float32) / 2
    return cv2.getAffineTransform(source, crop)


@TRANSFORMS.register_module()
class WeakView(Compose):
    """The teacher's view of an unlabeled person: crop, flip, mild rotation and scale.

    It is like the easy view of the SSHPE benchmark (Xie et al., ICCV 2021), with half its rotation.
    MMPose's ``RandomBBoxTransform`` draws from a normal distribution that is cut at one standard
    deviation, so 30° means at most 30°. SSHPE's is cut at 60°. Required keys: ``img``,
    ``img_shape`` and ``bbox``. The result is packed, with ``warp_mat`` and ``flip``.

    Args:
        input_size (tuple[int, int]): Width and height of the network's input, in pixels.
        use_udp (bool): Whether the model's codec is UDP's, as for ``TopdownAffine``.
        padding (float): Scale of the box, as for ``GetBBoxCenterScale``.
        flip_prob (float): Probability of a horizontal flip.
        use_dataset_keypoint_weights (bool): Whether the metainfo's ``joint_weights`` count in the
            student's loss, as for ``GenerateTarget``.
        **options: ``photometric``, arguments of :class:`PhotometricRandAugment`, or None to leave
            the colors alone; ``erasing``, arguments of MMDetection's ``CutOut``, which fills boxes
            with a color (BGR, uint8), or None to erase nothing; all others are arguments of
            MMPose's ``RandomBBoxTransform``. What is not given is as in ``DEFAULTS``.

    Raises:
        ValueError: If an argument is out of its range.
    """

    DEFAULTS: Dict[str, Any] = dict(
        photometric=None,
        erasing=None,
        shift_prob=0.,
        scale_factor=(0.75, 1.25),
        rotate_factor=30.,
        rotate_prob=0.6)

    def __init__(self,
                 input_size: Tuple[int, int],
                 use_udp: bool = False,
                 padding: float = 1.25,
                 flip_prob: float = 0.5,
                 use_dataset_keypoint_weights: bool = False,
                 **options) -> None:
        options = {**self.DEFAULTS, **options}
        photometric, erasing = options.pop('photometric'), options.pop('erasing')
        self._check(input_size=input_size, padding=padding, flip_prob=flip_prob, **options)
        steps = [
            GetBBoxCenterScale(padding=padding),
            FastRandomFlip(prob=float(flip_prob)),
            FastRandomBBoxTransform(**options),
            WarpTopdownAffine(input_size=tuple(input_size), use_udp=use_udp),
        ]
        if photometric is not None:
            steps.append(PhotometricRandAugment(**photometric))
        if erasing is not None:
            # Not RandomErasing: that goes by `img_shape`, which is the whole image's here.
            steps.append(CutOut(**erasing))
        weights = (KEYPOINT_WEIGHTS, ) if use_dataset_keypoint_weights else ()
        super().__init__([*steps, PackView(VIEW_META_KEYS + weights)])

    def _check(self, **settings: Any) -> None:
        """Refuse what MMPose would take, and stumble over in the first batch or never."""
        for name, value in settings.items():
            pair = isinstance(value, (list, tuple)) and len(value) == 2 and all(
                map(is_number, value))
            one = is_number(value)
            wanted, fits = 'a number from 0 to 1', one and 0 <= value <= 1
            if name == 'input_size':
                wanted = 'width and height in pixels, two whole numbers above 0'
                fits = pair and all(type(side) is int and side > 0 for side in value)
            elif name == 'scale_factor':
                wanted = 'two numbers above 0, the smaller one first'
                fits = pair and 0 < value[0] <= value[1]
            elif name == 'padding':
                wanted, fits = 'a number above 0', one and value > 0
            elif name in ('shift_factor', 'rotate_factor'):
                wanted, fits = 'a number of at least 0', one and value >= 0
            elif not name.endswith('_prob'):  # MMPose names what it does not know
                continue
            if not fits:
                raise ValueError(
                    f'{name} of the {type(self).__name__} must be {wanted}, got {value!r}')


@TRANSFORMS.register_module()
class StrongView(WeakView):
    """The student's view, with more rotation and scale than the weak one, and changed colors.

    Args:
        **kwargs: As for :class:`WeakView`.
    """

    DEFAULTS = dict(
        photometric=dict(),
        erasing=None,
        shift_prob=0.,
        scale_factor=(0.65, 1.35),
        rotate_factor=60.,
        rotate_prob=0.8)


class FastRandomFlip(RandomFlip):
    """MMPose's with the same draws, in one direction, without ``np.random.choice``."""

    @cache_randomness
    def _choose_direction(self) -> Optional[str]:
        flipped = self.prob / (self.prob + (1. - self.prob))  # rounded as choice does
        return self.direction if np.random.random_sample() < flipped else None


class FastRandomBBoxTransform(RandomBBoxTransform):
    """MMPose's with the same draws, without SciPy's slow checks of arguments."""

    @staticmethod
    def _truncnorm(low: float = -1., high: float = 1., size: tuple = (4, )) -> np.ndarray:
        """Sample a normal distribution between two limits, by the inverse of its integral."""
        below, above = ndtr(low), ndtr(high)
        return ndtri(below + np.random.uniform(size=size) * (above - below)).astype(np.float32)


class PackView(PackPoseInputs):
    """MMPose's ``PackPoseInputs`` for a sample without labels.

    MMPose's own moves the channels slowly, and deep-copies the metainfo.

    Args:
        view_keys (Sequence[str]): What of the results becomes metainfo, as it is.
    """

    def __init__(self, view_keys: Sequence[str]) -> None:
        super().__init__(meta_keys=())
        self.view_keys = view_keys

    def transform(self, results: dict) -> dict:
        """Pack the results; the image becomes a tensor (3, H, W) of its own."""
        sample, instances = PoseDataSample(), InstanceData()
        for key, name in self.instance_mapping_table.items():
            if key in results:
                instances.set_field(results[key], name)
        if self.pack_transformed and 'transformed_keypoints' in results:
            instances.set_field(results['transformed_keypoints'], 'transformed_keypoints')
        sample.gt_instances, sample.gt_instance_labels = instances, InstanceData()
        for key in self.view_keys:
            if key in results:
                sample.set_field(results[key], key, field_type='metainfo')
        return dict(inputs=torch.from_numpy(np.stack(cv2.split(results['img']))),
                    data_samples=sample)
