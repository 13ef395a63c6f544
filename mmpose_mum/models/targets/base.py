"""Turn the teacher's output into a target in the student's view, for any head."""
from contextlib import contextmanager
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple, Type

import numpy as np
import torch
from mmpose.models.losses import KeypointMSELoss
from torch import Tensor, nn

from ..._moved import old_methods
from ...functional.nested import map_tensors, tensors_of
from ...functional.warp import inside_view, swap_left_right, view_to_view, warp_keypoints
from ..precision import without_autocast

CONFIDENCE_MODES = ('none', 'threshold', 'soft')
_KINDS: List[Type['TargetMaker']] = []  # each subclass registers itself
_OLD_METHODS = ('joints', '_joints')


class PseudoTargets(NamedTuple):
    """What the student is to reproduce in its view of the unlabeled images.

    Attributes:
        keypoints: (B, K, 2), the teacher's keypoints in pixels of the student's input.
        scores: (B, K), how sure the teacher is of them, see :class:`TargetMaker`.
        weights: (B, K) float, each keypoint's weight in the loss.
        maps: What else the head's loss compares the output with: for heads with one heatmap per
            keypoint (B, K, h, w); for other heads see there; None for those whose loss needs only
            the keypoints.
        valid: (B, 1, h, w) float, 1 where the teacher has seen the pixel of ``maps``. All 1 if the
            heatmaps were made from the keypoints; None for other maps, such as UDP's combined ones.
    """
    keypoints: Tensor
    scores: Tensor
    weights: Tensor
    maps: Any = None
    valid: Optional[Tensor] = None


class TargetMaker:
    """Make the pseudo targets of one kind of head, and compare outputs with them.

    :func:`target_maker_for` finds the kind of a head. Each subclass registers itself.

    A score means the same for all heads, so a threshold carries over. It says how sure the head is
    that the keypoint lies within about one label width of its prediction. 1 is an output as sharp
    as the label, 0 an output without information.

    ================================  ============================================================
    HeatmapHead, ViPNASHead, CPMHead  the heatmap's peak over the codec's (which a raw output may
    MSPNHead, InternetHead            exceed, or fall below 0)
    HeatmapHead, UDP's combined type  the blurred class map's peak over a label's
    SimCCHead, RTMCCHead, RTMWHead    peak of the loss's own softmax over a label's there; the
                                      smaller of x and y
    DSNTHead, IntegralRegressionHead  peak of the softmax over that of a label of sum 1
    RLEHead                           probability of at most 5 % of the crop off, in x and in y, by
                                      the scale that the head predicts
    RegressionHead                    1; it says nothing about that, and takes no confidence
    VisPredictHead                    that of its pose head; its visibility is about something else
    ================================  ============================================================

    Keypoints that do not count get no gradient, however the head's loss uses weights: the loss gets
    the student's own output there, detached.

    Args:
        head (nn.Module): The head. Its codec (``decoder``) says where a keypoint lies in the input.
            Its loss is used unchanged.
        confidence (dict, optional): ``mode`` is ``'none'`` (every keypoint counts fully),
            ``'threshold'`` (it counts when the teacher's score reaches ``threshold``) or
            ``'soft'`` (its score, clipped to [0, 1], is its weight in the head's loss; MMPose's
            OHKM, SmoothL1 and combined losses square weights).

    Attributes:
        input_size (tuple[int, int]): Width and height of the head's input image.
        takes_keypoints (bool): Whether keypoints in the plane are all that a target is made of.
        any_size (bool): Whether the head may look at images of another size.

    Raises:
        ValueError: If the head has no codec or an unsupported one, if ``confidence`` is none of the
            above, or if it is ``'soft'`` and the head's loss ignores weights.
    """

    heads: Tuple[type, ...] = ()
    takes_keypoints = True
    any_size = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        _KINDS.append(cls)
        old_methods(cls, *_OLD_METHODS)

    def __init__(self, head: nn.Module, confidence: Optional[Dict[str, Any]] = None) -> None:
        self.head = head
        self.input_size = self._input_size(self._codec(head))
        confidence = dict(confidence or {})
        self.mode = confidence.pop('mode', 'none')
        self.threshold = confidence.pop('threshold', None)
        if confidence:
            raise ValueError(f'confidence has unknown keys {sorted(confidence)}; it knows mode '
                             'and threshold')
        if self.mode not in CONFIDENCE_MODES:
            raise ValueError(f'confidence mode must be one of {CONFIDENCE_MODES}, got '
                             f'{self.mode!r}')
        if (self.threshold is None) == (self.mode == 'threshold'):
            raise ValueError(f'confidence has threshold={self.threshold} with mode={self.mode!r}: '
                             "mode='threshold' needs a threshold, and the other modes take none")
        if self.mode == 'soft':
            self.check_weights("confidence mode 'soft'")

    @classmethod
    def fits(cls, head: nn.Module) -> bool:
        """Tell whether this class makes the targets of a head."""
        return isinstance(head, cls.heads)

    def __call__(self, output: Any, teacher_views: Dict[str, Tensor],
                 student_views: Dict[str, Tensor],
                 flip_indices: Sequence[int]) -> PseudoTargets:
        """Carry what the teacher sees into the student's view.

        Args:
            output (Any): The teacher's output in its own view, as its head makes it.
            teacher_views (dict): ``warp_mat`` float (B, 3, 3), image pixel → pixel of the input,
                and ``flip`` bool (B,), of the teacher's view; on the host, see :func:`views_of`.
            student_views (dict): The same of the student's.
            flip_indices (Sequence[int]): K indices of the keypoints' mirror images.

        Returns:
            PseudoTargets: float32.
        """
        matrix, mirrored = between(teacher_views, student_views)
        with _float32(output) as output:
            return self._carry(output, matrix, mirrored, flip_indices)

    def of_keypoints(self, keypoints: Tensor, scores: Tensor, teacher_views: Dict[str, Tensor],
                     student_views: Dict[str, Tensor], flip_indices: Sequence[int],
                     weights: Optional[Tensor] = None) -> PseudoTargets:
        """Carry keypoints into the student's view, whoever has found them.

        Args:
            keypoints (Tensor): (B, K, 2), (x, y) in pixels of the teacher's view, under the names
                that they have there.
            scores (Tensor): (B, K), see the class.
            teacher_views (dict): As for :meth:`__call__`; of any size.
            student_views (dict): Likewise.
            flip_indices (Sequence[int]): Likewise.
            weights (Tensor, optional): (B, K), what each counts besides. Defaults to 1.

        Returns:
            PseudoTargets: float32; ``maps`` are what the head's codec makes of the keypoints.
        """
        matrix, mirrored = between(teacher_views, student_views)
        mirrored = mirrored.to(scores.device, non_blocking=True)
        with _float32((keypoints, scores)) as found:
            keypoints, scores = (swap_left_right(x, flip_indices, mirrored) for x in found)
            targets = self._encoded(warp_keypoints(keypoints, matrix), scores)
        if weights is None:
            return targets
        weights = swap_left_right(weights, flip_indices, mirrored)
        return targets._replace(weights=targets.weights * weights)

    def check_size(self, images: Tensor, encoded: bool = False) -> None:
        """Check the size of an unlabeled view.

        Args:
            images (Tensor): Its images (B, 3, H, W).
            encoded (bool): Whether the codec encodes keypoints for it, always for its own size.

        Raises:
            ValueError: If the head, or the codec, would mean other places.
        """
        size = tuple(images.shape[:1:-1])
        if (encoded or not self.any_size) and size != self.input_size:
            raise ValueError(
                f'an unlabeled view has the size {size} (width, height), and the codec of the '
                f'{type(self.head).__name__} is for {self.input_size}: its keypoints would lie at '
                'other places. Give the SemiSupervisedDataset, or the WeakView and StrongView in '
                f'its pipeline, input_size={self.input_size}')

    def check_number(self, number: int) -> None:
        """Check the number of keypoints that the data have.

        Args:
            number (int): Of the data.

        Raises:
            ValueError: If the head tells another number.
        """
        found = number_of_keypoints(self.head)
        if found not in (None, number):
            raise ValueError(
                f'the {type(self.head).__name__} predicts {found} keypoints, and the data have '
                f"{number}: set the head's out_channels or num_joints, or the metainfo of the data")

    def check_weights(self, who: str) -> None:
        """Check that the head's loss looks at weights between 0 and 1.

        Args:
            who (str): What gives keypoints such weights.

        Raises:
            ValueError: If it would count all of them fully.
        """
        loss = getattr(self.head, 'loss_module', None)
        for part in loss.modules() if isinstance(loss, nn.Module) else ():
            # KeypointMSELoss weights by what it is given, whatever this says.
            if not getattr(part, 'use_target_weight', True) and not isinstance(
                    part, KeypointMSELoss):
                raise ValueError(
                    f'{who} gives each keypoint a weight, and the {type(part).__name__} of the '
                    f'{type(self.head).__name__} ignores it: set use_target_weight=True in the '
                    "head's loss")

    def keypoints(self, output: Any) -> Tuple[Tensor, Tensor]:
        """Find the keypoints in an output, in its own view.

        Args:
            output (Any): An output of the head.

        Returns:
            tuple[Tensor, Tensor]: float32 (B, K, 2), (x, y) in pixels of the input, and their
            scores (B, K).
        """
        with _float32(output) as output:
            return self._keypoints(output)

    def decoded(self, output: Any) -> Tuple[Tensor, Tensor]:
        """Find the keypoints as finely as the output tells; else as :meth:`keypoints`."""
        with _float32(output) as output:
            return self._decoded(output)

    def loss(self, output: Any, targets: PseudoTargets,
             head: Optional[nn.Module] = None) -> Tensor:
        """Compare the student's output with the targets by the head's own loss, in float32.

        Args:
            output (Any): The student's output.
            targets (PseudoTargets): Targets in the student's view.
            head (nn.Module, optional): The head whose loss is used, as a loss may have weights that
                differ between two students. Defaults to the head that this was made for.

        Returns:
            Tensor: Scalar, in the unit that the head's loss has for labeled images.
        """
        with _float32(output) as output:
            return self._loss(output, targets, self.head if head is None else head)

    @torch.no_grad()
    def distance(self, output: Any, targets: PseudoTargets) -> Tuple[Tensor, Tensor]:
        """Measure the distance of the student's keypoints to the target's, and how many count.

        Args:
            output (Any): The student's output.
            targets (PseudoTargets): Targets in the student's view.

        Returns:
            tuple[Tensor, Tensor]: Scalars: the mean distance over the keypoints that count, in
            pixels of the input, and their share of all.
        """
        used = (targets.weights > 0).float()
        distance = (self.keypoints(output)[0] - self._goals(targets)).norm(dim=-1)
        return (distance * used).sum() / used.sum().clamp(min=1), used.mean()

    def heatmaps(self, output: Any) -> Optional[Tensor]:
        """Return the heatmaps (B, K, h, w) in an output, for drawing; None if it has none."""
        return None

    def target_heatmaps(self, targets: PseudoTargets) -> Optional[Tensor]:
        """Return the heatmaps (B, K, h, w) to reproduce, for drawing; None if there are none."""
        maps = targets.maps
        if isinstance(maps, Tensor) and maps.ndim == 4 and maps.shape[:2] == targets.weights.shape:
            return maps
        return None if maps is None else self.heatmaps(maps)  # made like an output

    # What the kinds of heads fill in. Outputs are float32 here, and autocast is off.

    def _keypoints(self, output: Any) -> Tuple[Tensor, Tensor]:
        """See :meth:`keypoints`."""
        raise NotImplementedError

    def _decoded(self, output: Any) -> Tuple[Tensor, Tensor]:
        """See :meth:`decoded`."""
        return self._keypoints(output)

    def _encode(self, keypoints: Tensor) -> Tuple[Any, Tensor]:
        """Return the maps of keypoints in pixels of the input, and weights (B, K)."""
        raise NotImplementedError

    def _loss(self, output: Any, targets: PseudoTargets, head: nn.Module) -> Tensor:
        """See :meth:`loss`."""
        raise NotImplementedError

    def _carry(self, output: Any, matrix: Tensor, mirrored: Tensor,
               flip_indices: Sequence[int]) -> PseudoTargets:
        """Carry the keypoints over and encode them there.

        ``matrix`` is of the input's pixels. It is on the host, as is ``mirrored``: matrices are
        composed there in float64, which not all devices have.
        """
        mirrored = mirrored.to(tensors_of(output)[0].device, non_blocking=True)
        keypoints, scores = (
            swap_left_right(x, flip_indices, mirrored) for x in self._keypoints(output))
        return self._encoded(warp_keypoints(keypoints, matrix), scores)

    def _encoded(self, keypoints: Tensor, scores: Tensor) -> PseudoTargets:
        """Encode keypoints that are in pixels of the student's input."""
        maps, weights = self._encode(keypoints)
        weights = weights * inside_view(keypoints, self.input_size[::-1])
        return PseudoTargets(keypoints, scores, self._weights(weights, scores), maps)

    def _goals(self, targets: PseudoTargets) -> Tensor:
        """Return the keypoints (B, K, 2) with which the student's are compared."""
        return targets.keypoints

    @staticmethod
    def _codec(head: nn.Module) -> Any:
        codec = getattr(head, 'decoder', None)
        if codec is None:
            raise ValueError(f'the head {type(head).__name__} has no codec: set its `decoder`, '
                             'which says where its output lies in the input')
        return codec

    def _input_size(self, codec: Any) -> Tuple[int, int]:
        return tuple(codec.input_size)

    def _weights(self, weights: Tensor, scores: Tensor) -> Tensor:
        """Apply the confidence mode to weights (B, K)."""
        if self.mode == 'threshold':
            return weights * (scores >= self.threshold)
        if self.mode == 'soft':
            return weights * scores.clamp(0, 1)
        return weights


old_methods(TargetMaker, *_OLD_METHODS)


def target_maker_for(head: nn.Module, confidence: Optional[Dict[str, Any]] = None) -> TargetMaker:
    """Return what makes the pseudo targets of a head.

    Args:
        head (nn.Module): A top-down head of MMPose or one derived from it.
        confidence (dict, optional): See :class:`TargetMaker`.

    Returns:
        TargetMaker: Of this head's kind.

    Raises:
        ValueError: If there is none; the message lists the supported heads. Also if the head does
            not support its codec or ``confidence``.
    """
    for kind in reversed(_KINDS):  # a kind that derives from another is asked before it
        if kind.fits(head):
            return kind(head, confidence)
    names = sorted({known.__name__ for kind in _KINDS for known in kind.heads})
    raise ValueError(f'pseudo targets of the head {type(head).__name__} are not supported, only '
                     f'those of {", ".join(names)} and of heads derived from them')


def number_of_keypoints(head: nn.Module) -> Optional[int]:
    """Return how many keypoints a head of MMPose's tells, None if it does not say."""
    head = getattr(head, 'pose_head', head)  # that of VisPredictHead
    number = getattr(head, 'out_channels', None) or getattr(head, 'num_joints', None)
    if not isinstance(number, int):
        return None
    # UDP's combined maps: for each, a class map and two of offsets.
    return number // 3 if getattr(
        getattr(head, 'decoder', None), 'heatmap_type', None) == 'combined' else number


def detached_where(keep: Tensor, output: Tensor) -> Tensor:
    """Return the output, without its gradient where ``keep`` (bool, broadcast) is False."""
    return torch.where(keep, output, output.detach())


def views_of(data_samples: Sequence[Any]) -> Dict[str, Tensor]:
    """Collect how the views of a batch were made.

    Args:
        data_samples (Sequence[PoseDataSample]): Samples whose metainfo holds ``warp_mat``, float
            (3, 3), and ``flip``, bool.

    Returns:
        dict: On the host, ``warp_mat``, float32 (B, 3, 3), and ``flip``, bool (B,).

    Raises:
        KeyError: If a sample lacks one of them.
    """
    check_views(data_samples)
    warp_mat = np.stack([s.metainfo['warp_mat'] for s in data_samples]).astype(np.float32)
    flip = np.array([bool(s.metainfo['flip']) for s in data_samples])
    return dict(warp_mat=torch.from_numpy(warp_mat), flip=torch.from_numpy(flip))


def between(teacher_views: Dict[str, Tensor],
            student_views: Dict[str, Tensor]) -> Tuple[Tensor, Tensor]:
    """Return the map from the teacher's views to the student's, and which are mirrored by it.

    Args:
        teacher_views (dict): Of :func:`views_of`.
        student_views (dict): Likewise.

    Returns:
        tuple[Tensor, Tensor]: On the host, (B, 3, 3) float, pixel of the teacher's view → pixel of
        the student's, and bool (B, ).
    """
    matrix = view_to_view(teacher_views['warp_mat'], student_views['warp_mat'])
    return matrix, teacher_views['flip'] ^ student_views['flip']


def check_views(data_samples: Sequence[Any], *more: str) -> None:
    """Raise KeyError if a sample's metainfo lacks how its view was made, or one of more keys."""
    for sample in data_samples:
        for key in ('warp_mat', 'flip', *more):
            if key not in sample.metainfo:
                raise KeyError(
                    f'an unlabeled sample has no {key!r} in its metainfo: its pipeline must end '
                    "with WarpTopdownAffine and PackPoseInputs(meta_keys=(…, 'flip', "
                    "'flip_indices', 'warp_mat'))")


@contextmanager
def _float32(output: Any) -> Iterator[Any]:
    """Give an output's tensors in float32, and switch autocast off meanwhile."""
    with without_autocast(tensors_of(output)[0].device.type):
        yield map_tensors(Tensor.float, output)
