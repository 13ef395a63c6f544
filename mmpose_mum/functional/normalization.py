"""How a preprocessor normalizes images, and its images as another one normalizes them."""
from typing import NamedTuple

import torch
from torch import Tensor, nn


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


# Pixels as they are, with red as the first channel.
RGB = Normalization(True, torch.zeros(3, 1, 1), torch.ones(3, 1, 1))
