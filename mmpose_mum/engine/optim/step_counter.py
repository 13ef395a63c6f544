"""Count the steps that an optimizer really makes."""
from functools import wraps

from torch.optim import Optimizer


class StepCounter:
    """Count an optimizer's steps, which gradient accumulation and a gradient scaler leave out.

    Not by ``register_step_post_hook``: torch.compile takes those hooks off every optimizer. This is
    how learning rate schedulers count, too.

    Args:
        optimizer (Optimizer): The optimizer.
        start (int): Steps that count already.

    Attributes:
        count (int): The steps; free to be set back.
    """

    def __init__(self, optimizer: Optimizer, start: int = 0) -> None:
        self.count = start
        self._optimizer = optimizer
        # A scheduler's, which is the optimizer's own attribute, or the method of its class.
        self._replaced = vars(optimizer).get('step')
        step = optimizer.step

        @wraps(step)
        def counted(*args, **kwargs):
            result = step(*args, **kwargs)
            self.count += 1
            return result

        optimizer.step = counted  # type: ignore[method-assign]

    def stop(self) -> None:
        """Count no more, and leave the optimizer as it was."""
        if self._replaced is None:
            del self._optimizer.step
        else:
            self._optimizer.step = self._replaced  # type: ignore[method-assign]
