"""Keep a model's convolutions in the channels_last memory format, which is faster with autocast."""
import torch
from mmengine.hooks import Hook
from mmpose.registry import HOOKS


@HOOKS.register_module()
class ChannelsLastHook(Hook):
    """Bring the model's weights into channels_last before training; activations follow them."""

    def before_train(self, runner) -> None:
        """Convert the weights; shapes, names and checkpoints stay as they are."""
        runner.model.to(memory_format=torch.channels_last)
