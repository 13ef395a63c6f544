"""What a step did with the unlabeled images, for those who watch the training."""
from typing import Any, NamedTuple, Optional

from torch import Tensor

from .._moved import old_methods
from ..functional.tiles import mix_tiles
from .labelers import Seen
from .targets.base import PseudoTargets, TargetMaker


class UnlabeledStep(NamedTuple):
    """The unlabeled branches of one step of a student and its teacher, without gradients.

    Handed to ``SemiSupervisedPoseEstimator.watchers``. All of it lies on the model's device.

    Attributes:
        prefix: That of the pair in the log: ``''``, or ``'second_'`` of the dual model's second.
        weak: (B, 3, H, W), the normalized images that the teacher saw.
        strong: (B, 3, H, W), those that the student got, after keypoint cutout and before mixing.
        seen: The teacher's output, as its head makes it, or what a labeler has :class:`Seen`.
        output: The student's output.
        targets: What the student had to reproduce.
        target_maker: What made the targets, and can read outputs.
        site: Where tiles were mixed, see :class:`MixUnMix`; None if they were not.
        permutation: int64 (B, R, C), which image each tile came from; None likewise.
    """
    prefix: str
    weak: Tensor
    strong: Tensor
    seen: Any
    output: Any
    targets: PseudoTargets
    target_maker: TargetMaker
    site: Optional[str]
    permutation: Optional[Tensor]

    def mixed(self) -> Optional[Tensor]:
        """Return the strong views with their tiles exchanged; None if nothing was mixed.

        This entered the student if ``site`` is ``'input'``. At another site, its features were
        mixed in the same way.
        """
        return None if self.permutation is None else mix_tiles(self.strong, self.permutation)

    def teacher_keypoints(self) -> Tensor:
        """Return the teacher's keypoints (B, K, 2), float32, in pixels of ``weak``."""
        if isinstance(self.seen, Seen):
            return self.seen.keypoints
        return self.target_maker.keypoints(self.seen)[0]

    def student_keypoints(self) -> Tensor:
        """Return the student's keypoints (B, K, 2), float32, in pixels of ``strong``."""
        return self.target_maker.keypoints(self.output)[0]

    def target_heatmaps(self) -> Optional[Tensor]:
        """Return the target's heatmaps (B, K, h, w); None for heads whose loss needs none."""
        return self.target_maker.target_heatmaps(self.targets)

    def student_heatmaps(self) -> Optional[Tensor]:
        """Return the student's heatmaps (B, K, h, w); None for heads that have none."""
        return self.target_maker.heatmaps(self.output)


old_methods(UnlabeledStep, 'teacher_joints', 'student_joints')
