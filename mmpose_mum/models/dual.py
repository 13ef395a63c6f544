"""The two-student variant: each network is the other's teacher (PoseDual)."""
from typing import Any, Dict, Tuple

from mmengine.model import BaseModel
from mmpose.registry import MODELS

from .estimator import SemiSupervisedPoseEstimator, plain_keys


@MODELS.register_module()
class DualPoseEstimator(SemiSupervisedPoseEstimator):
    """Train two networks from different initial weights, each on the other's targets (PoseDual).

    After Xie et al., "An Empirical Study of the Collapsing Problem in Semi-Supervised 2D Human
    Pose Estimation" (ICCV 2021). Both learn from the labeled images. Each must reproduce in the
    strong view what the other one, without gradient, predicts in the weak view. The paper's loss
    has ``sup_weight=0.5, unsup_weight=1``.

    The networks keep the names ``student`` and ``teacher``, so validation, checkpoints and
    ``predict_on`` work as for one student. Both are optimized, so use MMEngine's default optimizer
    constructor, without :class:`EMANHook` and :class:`StudentOptimWrapperConstructor`. The log has
    the second network's figures with the prefix ``second_``. With a MixUnMix neck both networks are
    mixed.

    Args:
        **kwargs: As for :class:`SemiSupervisedPoseEstimator`.
    """

    trains_teacher = True

    def init_weights(self) -> None:
        """Initialize both networks independently."""
        self.student.init_weights()
        self.teacher.init_weights()

    def _start_teacher(self) -> None:
        """Leave the second network as it is: two equal ones could teach each other nothing."""

    @staticmethod
    def _take_plain(state_dict: Dict[str, Any], prefix: str, *_args: Any) -> None:
        """Raise ValueError for a plain model's weights: they would make both networks equal."""
        if plain_keys(state_dict, prefix):
            raise ValueError(
                'the checkpoint holds a single model, and DualPoseEstimator needs two different '
                'ones (keys that begin with student. and teacher.): equal networks have nothing to '
                "teach each other. Put the backbone's weights into its init_cfg, and let the heads "
                'start from different random ones')

    def pairs(self) -> Dict[str, Tuple[BaseModel, BaseModel]]:
        """Return both networks, each with the other as its teacher."""
        return {'': (self.student, self.teacher), 'second_': (self.teacher, self.student)}
