"""A labeler that is a frozen model of any kind: architecture, head, codec and input size."""
from contextlib import nullcontext
from typing import Any, ContextManager, Dict, List, Optional

import torch
from mmpose.datasets.datasets.utils import parse_pose_metainfo
from mmpose.models.pose_estimators import TopdownPoseEstimator
from mmpose.utils.typing import ConfigType, SampleList
from torch import Tensor

from ...checkpoint.plain import build_plain, weights_of
from ...checkpoint.safe_load import load_checkpoint
from ...configs.metainfo import keypoint_names, keypoints_of
from ...configs.plain import plain_model, read_config
from ...functional.normalization import Normalization
from ...functional.seeding import preserved
from ..precision import float32_outputs, without_autocast
from ..targets.base import target_maker_for
from .base import Labeler, Seen, check_names, digest_of

DTYPES = ('float32', 'float16', 'bfloat16')


class ModelLabeler(Labeler):
    """A top-down model from a config and a checkpoint of MMPose's.

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
        super().__init__(checkpoint)
        self.config = config
        self.dtype = dtype

    def load(self, names: List[str], head: ConfigType, views: 'Normalization') -> None:
        """Read the model; see the base class."""
        full = read_config(self.config).to_dict()
        content = load_checkpoint(self.source)
        config = plain_model(full)
        with preserved():  # a module draws its first weights
            model = build_plain(
                dict(model=config, default_scope=full.get('default_scope')),
                weights_of(content['state_dict']))
        if not isinstance(model, TopdownPoseEstimator):
            raise ValueError(f"the labeler's model {type(model).__name__} is not top-down: it "
                             'would not see one person an image')
        known = self._known(config, full, content)
        check_names(self.source, known, names)
        self._model, self._device = model.requires_grad_(False), torch.device('cpu')
        self.digest = digest_of(self.source)
        self._known_number = len(known)
        self._targets = target_maker_for(model.head)
        self.input_size = self._targets.input_size
        own = Normalization.of(model.data_preprocessor)
        self._normalized = None if views.same_as(own) else (views, own)
        self._index = None if known == names else torch.tensor([known.index(x) for x in names])
        # Then its output is one of the teacher's, and is carried over whole, with its doubts.
        self.like_teacher = known == names and _settled(config['head']) == _settled(head)

    def _known(self, model: Dict[str, Any], full: Dict[str, Any], content: Dict[str, Any]
               ) -> List[str]:
        """Return its keypoints' names: the model's, the checkpoint's, or the test data's."""
        if model.get('metainfo'):  # the others may name only those that it is tested on
            return keypoint_names(parse_pose_metainfo(model['metainfo']))
        meta = content.get('meta')
        known = keypoint_names(meta.get('dataset_meta')) if isinstance(meta, dict) else []
        return known or keypoint_names(keypoints_of(dict(
            full, test_dataloader=full.get('test_dataloader') or full.get('val_dataloader')
            or full.get('train_dataloader') or {})))

    def __call__(self, images: Tensor, samples: SampleList) -> Any:
        """Look at the weak view; return its head's output if that is ``like_teacher``."""
        return self._output(images) if self.like_teacher else self.seen(images, samples)

    @torch.no_grad()
    def _output(self, images: Tensor) -> Any:
        if self._normalized is not None:
            views, own = self._normalized
            images = views.into(own, images)
        if self._device != images.device:
            self._device = images.device
            self._model.to(images.device)
        with self._precision(images.device), float32_outputs(self._model.head):
            return self._model(images, None, mode='tensor')

    def _precision(self, device: torch.device) -> ContextManager[Any]:
        if self.dtype is None:
            return nullcontext()
        if self.dtype == 'float32':
            return without_autocast(device.type)
        return torch.autocast(device.type, dtype=getattr(torch, self.dtype))

    def seen(self, images: Tensor, samples: SampleList) -> Seen:
        """Look at the weak view; see the base class.

        Raises:
            ValueError: If the model tells another number of keypoints than it has names of.
        """
        keypoints, scores = self._targets.decoded(self._output(images))
        if scores.shape[1] != self._known_number:
            raise ValueError(
                f'the labeler {self.source!r} predicts {scores.shape[1]} keypoints, but has '
                f'{self._known_number} names: give it the config that it was trained with')
        if self._index is None:
            return Seen(keypoints, scores)
        self._index = self._index.to(scores.device, non_blocking=True)
        return Seen(keypoints.index_select(1, self._index), scores.index_select(1, self._index))


# Settings of heads that say nothing of their output's meaning: their layers, above all.
_LAYERS = {
    '_scope_', 'init_cfg', 'in_channels', 'deconv_out_channels', 'deconv_kernel_sizes',
    'deconv_num_groups', 'conv_out_channels', 'conv_kernel_sizes', 'final_layer',
    'final_layer_kernel_size', 'gau_cfg'}


def _settled(node: Any) -> Any:
    """Return a head's config without what says nothing of its output's meaning."""
    if isinstance(node, dict):
        return {key: _settled(value) for key, value in node.items() if key not in _LAYERS}
    return tuple(map(_settled, node)) if isinstance(node, (list, tuple)) else node
