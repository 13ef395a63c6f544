"""A labeler of its own: a frozen model of any kind that tells the unlabeled people's keypoints."""
import hashlib
from contextlib import nullcontext
from logging import WARNING
from pathlib import Path
from typing import Any, ContextManager, Dict, List, NamedTuple, Optional, Tuple

import torch
from mmengine.logging import MessageHub, print_log
from mmpose.models.pose_estimators import TopdownPoseEstimator
from mmpose.utils.typing import ConfigType
from torch import Tensor, nn

from ..checkpoint.keypoints import keypoint_names
from ..checkpoint.plain import build_plain, plain_state_dict
from ..checkpoint.safe_load import load_checkpoint
from ..configs.metainfo import joints_of
from ..configs.plain import plain_model, read_config
from ..configs.shipped import find_config
from ..functional.seeding import preserved
from .targets.base import target_maker_for

DTYPES = ('float32', 'float16', 'bfloat16')
_FILE = 'labeler'  # in the checkpoint's message hub


class Seen(NamedTuple):
    """What a labeler sees.

    Attributes:
        keypoints: (B, K, 2), the student's keypoints in pixels of the weak view, float32.
        scores: (B, K), how sure the labeler is of them.
    """
    keypoints: Tensor
    scores: Tensor


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
        self._model = model.requires_grad_(False)
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

    @torch.no_grad()
    def __call__(self, images: Tensor) -> Any:
        """Look at the weak view.

        Args:
            images (Tensor): The weak view (B, 3, H, W), normalized by the training.

        Returns:
            Any: What it has :class:`Seen`, or its head's output if that is ``like_teacher``.

        Raises:
            ValueError: If the view has another size than the model's input.
        """
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
        self._model.to(images.device)
        with self._precision(images.device):
            output = self._model(images, None, mode='tensor')
        return output if self.like_teacher else self._seen(output)

    def _precision(self, device: torch.device) -> ContextManager[Any]:
        if self.dtype is None:
            return nullcontext()
        if self.dtype == 'float32':
            return torch.autocast(device.type, enabled=False)
        return torch.autocast(device.type, dtype=getattr(torch, self.dtype))

    def _seen(self, output: Any) -> Seen:
        """Find the student's keypoints in an output."""
        found = self._targets.decoded(output)
        if found[0].shape[1] != self._known_number:
            raise ValueError(
                f'the labeler {self.checkpoint!r} has names of {self._known_number} keypoints, '
                f'and tells {found[0].shape[1]}: the metainfo of its config is not its own')
        if self._index is None:
            return Seen(*found)
        self._index = self._index.to(found[0].device, non_blocking=True)
        return Seen(*(x.index_select(1, self._index) for x in found))


def build_labeler(config: ConfigType) -> ModelLabeler:
    """Make a labeler of its config.

    Args:
        config (dict): Arguments of :class:`ModelLabeler`.

    Raises:
        ValueError: If they are not.
    """
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


def remember(labeler: ModelLabeler) -> None:
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
