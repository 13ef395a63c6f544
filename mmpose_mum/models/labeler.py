"""A labeler of its own: a frozen model of any kind that tells the unlabeled people's keypoints."""
import hashlib
from contextlib import nullcontext
from logging import WARNING
from pathlib import Path
from typing import Any, ContextManager, Dict, List, NamedTuple, Optional, Sequence, Union

import numpy as np
import torch
from mmengine.logging import MessageHub, print_log
from mmpose.models.pose_estimators import TopdownPoseEstimator
from mmpose.utils.typing import ConfigType, SampleList
from torch import Tensor, nn

from ..checkpoint.keypoints import keypoint_names
from ..checkpoint.plain import build_plain, plain_state_dict
from ..checkpoint.safe_load import load_checkpoint
from ..configs.metainfo import joints_of
from ..configs.plain import plain_model, read_config
from ..configs.shipped import find_config
from ..functional.agreement import average_by_agreement
from ..functional.seeding import preserved
from .targets.base import target_maker_for

DTYPES = ('float32', 'float16', 'bfloat16')
_FILE = 'labeler'  # in the checkpoint's message hub


class Seen(NamedTuple):
    """What a labeler sees.

    Attributes:
        keypoints: (B, K, 2), the student's keypoints in pixels of the weak view, float32.
        scores: (B, K), how sure the labeler is of them.
        weights: (B, K), what they count besides; None where each counts fully.
    """
    keypoints: Tensor
    scores: Tensor
    weights: Optional[Tensor] = None


class ModelLabeler:
    """A top-down model from a config and a checkpoint of MMPose's.

    It is read when the training first asks for it, and no module: it is in no state dict, no
    optimizer and no reduction, and a model that only predicts does not need the files.

    Args:
        config (str): A path, or ``mmpose::…`` for one of MMPose's: of a plain model, or of a
            semi-supervised training.
        checkpoint (str): Its weights; of a training, the teacher's. May come from a stranger.
        dtype (str, optional): ``'float16'`` or ``'bfloat16'`` runs it under autocast, and
            ``'float32'`` without. Defaults to what the training's own precision is.

    Raises:
        ValueError: If ``dtype`` is none of these.
    """

    def __init__(self, config: str, checkpoint: str, dtype: Optional[str] = None) -> None:
        if dtype not in (None, *DTYPES):
            raise ValueError(f"the labeler's dtype must be one of {DTYPES}, got {dtype!r}")
        self.config = config
        self.checkpoint = checkpoint
        self.dtype = dtype
        self._model: Any = None

    @property
    def loaded(self) -> bool:
        """Whether it has been read."""
        return self._model is not None

    def load(self, names: List[str], head: ConfigType, views: 'Normalization') -> None:
        """Read the model.

        Args:
            names (list[str]): The student's keypoints.
            head (dict): Config of the student's head.
            views (Normalization): What the weak view has gone through.

        Raises:
            FileNotFoundError: If a file is missing.
            ValueError: If they do not fit each other, or the model does not know a keypoint.
        """
        full = read_config(find_config(self.config)).to_dict()
        content = load_checkpoint(self.checkpoint)
        weights = content['state_dict']
        if any(key.startswith('teacher.') for key in weights):
            weights = plain_state_dict(weights)
        config = plain_model(full)
        with preserved():  # a module draws its first weights
            model = build_plain(
                dict(model=config, default_scope=full.get('default_scope') or 'mmpose'), weights)
        if not isinstance(model, TopdownPoseEstimator):
            raise ValueError(f"the labeler's model {type(model).__name__} is not top-down: it "
                             'would not see one person an image')
        known = self._known(full, content)
        lacking = [name for name in names if name not in known]
        if lacking:
            raise ValueError(
                f'the labeler {self.checkpoint!r} does not know the keypoints {lacking} that the '
                f'training has; it knows {known}. Keypoints are matched by name: take a labeler '
                'that knows them all, or call them alike in the metainfo')
        self._model, self._device = model.requires_grad_(False), torch.device('cpu')
        self.digest = _digest(self.checkpoint)
        self._known_number = len(known)
        self._targets = target_maker_for(model.head)
        own = Normalization.of(model.data_preprocessor)
        self._normalized = None if views.same_as(own) else (views, own)
        self._index = None if known == names else torch.tensor([known.index(x) for x in names])
        # Then its output is one of the teacher's, and is carried over whole, with its doubts.
        self.like_teacher = known == names and _settled(config['head']) == _settled(head)

    def _known(self, full: Dict[str, Any], content: Dict[str, Any]) -> List[str]:
        """Return its keypoints' names: the checkpoint's, or those of the config's test data."""
        meta = content.get('meta')
        known = keypoint_names(meta.get('dataset_meta')) if isinstance(meta, dict) else []
        return known or keypoint_names(joints_of(dict(
            full, test_dataloader=full.get('test_dataloader') or full.get('val_dataloader')
            or full.get('train_dataloader') or {})))

    def __call__(self, images: Tensor, samples: SampleList) -> Any:
        """Look at the weak view.

        Args:
            images (Tensor): (B, 3, H, W), normalized by the training.
            samples (list[PoseDataSample]): Its samples.

        Returns:
            Any: What it has :class:`Seen`, or its head's output if that is ``like_teacher``.
        """
        return self._output(images) if self.like_teacher else self.seen(images, samples)

    @torch.no_grad()
    def _output(self, images: Tensor) -> Any:
        width, height = self._targets.input_size
        if tuple(images.shape[2:]) != (height, width):
            raise ValueError(
                f'the labeler {self.config!r} takes images of {width}×{height} pixels, and its '
                f'weak view has {images.shape[3]}×{images.shape[2]}: give the '
                f'SemiSupervisedDataset weak=dict(input_size=({width}, {height})), or the WeakView '
                'in its pipeline that input_size')
        if self._normalized is not None:
            views, own = self._normalized
            images = views.into(own, images)
        if self._device != images.device:
            self._device = images.device
            self._model.to(images.device)
        with self._precision(images.device):
            return self._model(images, None, mode='tensor')

    def _precision(self, device: torch.device) -> ContextManager[Any]:
        if self.dtype is None:
            return nullcontext()
        if self.dtype == 'float32':
            return torch.autocast(device.type, enabled=False)
        return torch.autocast(device.type, dtype=getattr(torch, self.dtype))

    def seen(self, images: Tensor, samples: SampleList) -> Seen:
        """Look at the weak view, and find the student's keypoints; see :meth:`__call__`.

        Raises:
            ValueError: If the view has another size than the model's input, or the model other
                keypoints than it has names of.
        """
        keypoints, scores = self._targets.decoded(self._output(images))
        if scores.shape[1] != self._known_number:
            raise ValueError(
                f'the labeler {self.checkpoint!r} has names of {self._known_number} keypoints, '
                f'and tells {scores.shape[1]}: the metainfo of its config is not its own')
        if self._index is None:
            return Seen(keypoints, scores)
        self._index = self._index.to(scores.device, non_blocking=True)
        return Seen(keypoints.index_select(1, self._index), scores.index_select(1, self._index))


class SeveralLabelers:
    """Labelers of which each looks at the weak view; their keypoints are averaged.

    By :func:`average_by_agreement`; what they agree on is each keypoint's weight.

    Args:
        labelers (list): At least two.
    """

    def __init__(self, labelers: List[ModelLabeler]) -> None:
        self.labelers = labelers
        self.checkpoint = ', '.join(labeler.checkpoint for labeler in labelers)

    @property
    def loaded(self) -> bool:
        """Whether all have been read."""
        return all(labeler.loaded for labeler in self.labelers)

    @property
    def digest(self) -> str:
        """What tells their files from others."""
        return ' '.join(labeler.digest for labeler in self.labelers)

    def load(self, names: List[str], head: ConfigType, views: 'Normalization') -> None:
        """Read them; as for one."""
        for labeler in self.labelers:
            labeler.load(names, head, views)

    def __call__(self, images: Tensor, samples: SampleList) -> Seen:
        """Look at the weak view; as for one."""
        seen = [labeler.seen(images, samples) for labeler in self.labelers]
        keypoints, scores = (torch.stack([getattr(x, name) for x in seen])
                             for name in ('keypoints', 'scores'))
        return Seen(*average_by_agreement(
            keypoints, scores, box_sizes(samples).to(images.device, non_blocking=True)))


def box_sizes(samples: SampleList) -> Tensor:
    """Return the longer sides (B,) of people's boxes in pixels of their views, on the CPU."""
    boxes = np.concatenate([sample.gt_instances.bboxes for sample in samples])
    linear = np.stack([sample.metainfo['warp_mat'] for sample in samples])[:, :2, :2]
    sides = (boxes[:, 2:] - boxes[:, :2]).max(1) * np.sqrt(np.abs(np.linalg.det(linear)))
    return torch.from_numpy(sides).float()


Labeler = Union[ModelLabeler, SeveralLabelers]


def build_labeler(config: Union[ConfigType, Sequence[ConfigType]]) -> Labeler:
    """Make a labeler of its config.

    Args:
        config (dict | list): Arguments of :class:`ModelLabeler`; of each of several.

    Raises:
        ValueError: If they are not.
    """
    if isinstance(config, (list, tuple)) and len(config) > 1:
        return SeveralLabelers([_build_one(one) for one in config])
    return _build_one(config[0] if isinstance(config, (list, tuple)) and config else config)


def _build_one(config: Any) -> ModelLabeler:
    if not isinstance(config, dict) or not {'config', 'checkpoint'} <= set(config) <= {
            'config', 'checkpoint', 'dtype'}:
        raise ValueError('the labeler must be a dict(config=…, checkpoint=…), with a dtype if it '
                         f'is to run in another precision than the training, got {config}')
    return ModelLabeler(**config)


def student_names() -> List[str]:
    """Return the names of the training's keypoints, which MMEngine's Runner tells its hub.

    Raises:
        ValueError: If there is no Runner that trains.
    """
    names = keypoint_names(MessageHub.get_current_instance().get_info('dataset_meta', default=None))
    if not names:
        raise ValueError("a labeler's keypoints are matched by name, and the training data have "
                         'no names: they need the metainfo of a dataset of MMPose\'s')
    return names


def remember(labeler: Labeler) -> None:
    """Keep in the checkpoint which file the labeler is, and warn if a resume finds another."""
    hub = MessageHub.get_current_instance()
    before = hub.get_info(_FILE, default=None)
    if before not in (None, labeler.digest):
        print_log(f'the labeler {labeler.checkpoint!r} is not the file that this training began '
                  'with: from here on its keypoints are other ones', 'current', WARNING)
    hub.update_info(_FILE, labeler.digest)


class Normalization(NamedTuple):
    """What one of MMPose's preprocessors makes of pixels.

    Attributes:
        turned: Whether it exchanges the first and the last channel.
        mean: (3, 1, 1), on the CPU; 0 where it does not normalize.
        std: Likewise; 1 where it does not.
    """
    turned: bool
    mean: Tensor
    std: Tensor

    @classmethod
    def of(cls, preprocessor: nn.Module) -> 'Normalization':
        """Look at a preprocessor, or at one around it that serves each branch."""
        inner = getattr(preprocessor, 'data_preprocessor', preprocessor)
        return cls(bool(getattr(inner, '_channel_conversion', False)), *(
            getattr(inner, name, torch.full((3, 1, 1), value)).float().cpu()
            for name, value in (('mean', 0.), ('std', 1.))))

    def same_as(self, other: 'Normalization') -> bool:
        """Tell whether both make the same of pixels."""
        return self.turned == other.turned and self.mean.equal(other.mean) and (
            self.std.equal(other.std))

    def into(self, other: 'Normalization', images: Tensor) -> Tensor:
        """Normalize images as another one does; pixels are integers, so that nothing is lost.

        Args:
            other (Normalization): The other one.
            images (Tensor): (B, 3, H, W), normalized by this one.

        Returns:
            Tensor: float32 (B, 3, H, W).
        """
        mean, std, new_mean, new_std = (
            x.to(images.device, non_blocking=True) for x in (*self[1:], *other[1:]))
        pixels = (images.float() * std + mean).round()
        return ((pixels if self.turned == other.turned else pixels.flip(1)) - new_mean) / new_std


def _settled(node: Any) -> Any:
    """Return a head's config without what says nothing of its output's meaning."""
    if isinstance(node, dict):
        return {key: _settled(value) for key, value in node.items()
                if key not in ('_scope_', 'in_channels', 'init_cfg')}
    return tuple(map(_settled, node)) if isinstance(node, (list, tuple)) else node


def _digest(path: str) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()[:16]
