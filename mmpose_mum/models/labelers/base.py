"""What a labeler of its own is to the estimator: whoever tells the unlabeled people's keypoints."""
import hashlib
from logging import WARNING
from pathlib import Path
from typing import Any, List, NamedTuple, Optional, Tuple

from mmengine.logging import MessageHub, print_log
from mmpose.utils.typing import ConfigType, SampleList
from torch import Tensor

from ...configs.metainfo import keypoint_names

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


class Labeler:
    """Tells the student's keypoints in the weak view.

    A labeler is no module, so no state dict, optimizer or reduction has it. Its files are read when
    the training first asks for it. A model that only predicts does not need them.

    Args:
        source (str): Path of the file that it is read from.

    Attributes:
        digest (str): Tells its file from others; '' until it has been read.
        input_size (tuple[int, int], optional): Width and height that the weak view must have; None
            if it may have any.
    """

    input_size: Optional[Tuple[int, int]] = None

    def __init__(self, source: str) -> None:
        self.source = source
        self.digest = ''

    def load(self, names: List[str], head: ConfigType, views: Any) -> None:
        """Read it.

        Args:
            names (list[str]): The student's keypoints.
            head (dict): Config of the student's head.
            views (Normalization): What the weak view has gone through.

        Raises:
            FileNotFoundError: If a file is missing.
            ValueError: If they do not fit each other, or lack one of the keypoints.
        """
        raise NotImplementedError

    def check_view(self, images: Tensor) -> None:
        """Raise ValueError if a weak view (B, 3, H, W) has another size than it must have."""
        size = tuple(images.shape[:1:-1])
        if self.input_size not in (None, size):
            raise ValueError(
                f'the labeler {self.source!r} takes images of the size {self.input_size} (width, '
                f'height), and its weak view has {size}: give the SemiSupervisedDataset '
                f'weak=dict(input_size={self.input_size}), or the WeakView in its pipeline that '
                'input_size')

    def check_people(self, dataset: Any) -> None:
        """Raise ValueError if it cannot know all unlabeled people of a training's dataset."""

    def seen(self, images: Tensor, samples: SampleList) -> Seen:
        """Look at the weak view.

        Args:
            images (Tensor): (B, 3, H, W), normalized by the training.
            samples (list[PoseDataSample]): Its samples.

        Returns:
            Seen: The student's keypoints, on the images' device.
        """
        raise NotImplementedError

    def __call__(self, images: Tensor, samples: SampleList) -> Any:
        """Look at the weak view; see :meth:`seen`. Another result is an output of the teacher's."""
        return self.seen(images, samples)


def check_names(source: str, known: List[str], names: List[str]) -> None:
    """Raise ValueError, with the names, if a labeler lacks one of the student's keypoints."""
    lacking = [name for name in names if name not in known]
    if lacking:
        raise ValueError(
            f'the labeler {source!r} does not know the keypoints {lacking} that the training has; '
            f'it knows {known}. Keypoints are matched by name: take a labeler that knows them all, '
            'or call them alike in the metainfo')


def digest_of(path: str) -> str:
    """Return what tells a file from others."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()[:16]


def student_names(hub: MessageHub) -> List[str]:
    """Return the names of the training's keypoints, as MMEngine's RuntimeInfoHook tells the hub.

    Raises:
        ValueError: If the hub has no names.
    """
    names = keypoint_names(hub.get_info('dataset_meta', default=None))
    if not names:
        raise ValueError("a labeler's keypoints are matched by name, and the training data have "
                         'no names: they need the metainfo of a dataset of MMPose\'s')
    return names


def remember(labeler: Labeler, hub: MessageHub) -> None:
    """Keep in the checkpoint which file the labeler is, and warn if a resume finds another."""
    before = hub.get_info(_FILE, default=None)
    if before not in (None, labeler.digest):
        print_log(f'the labeler {labeler.source!r} is not the file that this training began '
                  'with: from here on its keypoints are other ones', 'current', WARNING)
    hub.update_info(_FILE, labeler.digest)
