"""Optimize the student alone: the teacher follows by averaging, never by gradient."""
from typing import Optional

from mmengine.optim import OptimWrapper
from mmpose.registry import OPTIM_WRAPPER_CONSTRUCTORS
from torch import nn

from ..wrappers import unwrapped


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class StudentOptimWrapperConstructor:
    """Hand the student, not the whole semi-supervised model, to the usual constructor.

    MMEngine's constructor puts frozen parameters into the optimizer too, so the teacher would
    double its state; and ``paramwise_cfg`` and layer decay look at parameter names, which here
    would all begin with ``student.``.

    Args:
        optim_wrapper_cfg (dict): Config of the optimizer wrapper. Its key ``base_constructor``,
            if present, names the constructor that does the work. Defaults to MMEngine's
            ``DefaultOptimWrapperConstructor``.
        paramwise_cfg (dict, optional): As for that constructor, with the plain model's names.

    Raises:
        ValueError: If it has rates by layer, which the default constructor does not know.
    """

    def __init__(self, optim_wrapper_cfg: dict, paramwise_cfg: Optional[dict] = None) -> None:
        optim_wrapper_cfg = optim_wrapper_cfg.copy()
        base = optim_wrapper_cfg.pop('base_constructor', None)
        by_layer = {'layer_decay_rate', 'num_layers'} & set(paramwise_cfg or ())
        if by_layer and base is None:
            raise ValueError(
                f"optim_wrapper.paramwise_cfg has {sorted(by_layer)}, which MMEngine's default "
                'constructor would ignore: name the one that reads it, such as '
                "base_constructor='LayerDecayOptimWrapperConstructor', in optim_wrapper")
        base = base or 'DefaultOptimWrapperConstructor'
        self.constructor = OPTIM_WRAPPER_CONSTRUCTORS.build(
            dict(type=base, optim_wrapper_cfg=optim_wrapper_cfg, paramwise_cfg=paramwise_cfg))

    def __call__(self, model: nn.Module) -> OptimWrapper:
        """Build the wrapper of the optimizer for ``model.student``.

        Raises:
            TypeError: If the model has no student.
            ValueError: If its teacher learns by gradient, too.
        """
        model = unwrapped(model)
        if not hasattr(model, 'student'):
            raise TypeError(f'{type(self).__name__} is for SemiSupervisedPoseEstimator, got '
                            f'{type(model).__name__}, which has no student')
        if getattr(model, 'trains_teacher', False):
            raise ValueError(
                f'{type(self).__name__} would leave the second network of {type(model).__name__} '
                "without an optimizer: set constructor='DefaultOptimWrapperConstructor'")
        return self.constructor(model.student)
