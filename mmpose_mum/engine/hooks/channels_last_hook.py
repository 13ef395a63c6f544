"""Keep a model's convolutions in the channels_last memory format, which is faster with autocast."""
from typing import Any

import torch
from mmengine.hooks import Hook
from mmengine.model import MMDistributedDataParallel, is_model_wrapper
from mmpose.registry import HOOKS

from ..wrappers import unwrapped


@HOOKS.register_module()
class ChannelsLastHook(Hook):
    """Bring the model's weights into channels_last before training; activations follow them.

    With several processes, this wraps the model again. DistributedDataParallel remembers the memory
    format in which it got the weights, and would put gradients in wrong places.
    """

    priority = 'HIGH'  # before hooks that keep the wrapper

    def before_train(self, runner) -> None:
        """Convert the weights; shapes, names and checkpoints stay as they are.

        Raises:
            ValueError: If the model is in another wrapper than MMEngine's default one.
        """
        wrapped = is_model_wrapper(runner.model)
        if wrapped and not isinstance(runner.model, MMDistributedDataParallel):
            raise ValueError(
                f'the model is wrapped in {type(runner.model).__name__}, and ChannelsLastHook only '
                'knows how to change weights inside MMDistributedDataParallel. Remove the hook, or '
                'model_wrapper_cfg')
        model: Any = unwrapped(runner.model)
        model.to(memory_format=torch.channels_last)
        if wrapped:
            runner.model._remove_autograd_hooks()  # or both wrappers would average the gradients
            runner.model = runner.wrap_model(runner.cfg.get('model_wrapper_cfg'), model)
            runner._maybe_compile('train_step')  # the compiled one went with the old wrapper
