"""Sequences of patch tokens: find their grid of patches, and mix them like a map."""
from typing import Callable, NamedTuple, Optional, Sequence, Tuple

import torch
from torch import Tensor

Size = Tuple[int, int]
MOST_EXTRA = 8  # a class and a distillation token, some registers


class Patches(NamedTuple):
    """How a token sequence (B, extra + height·width, C) lies on the image, row by row."""

    extra: int  # tokens of no place, such as the class token, at the front
    height: int
    width: int


def patches_of(length: int, input_size: Size, announced: Sequence[Size] = ()) -> Optional[Patches]:
    """Find the grid of patches of a token sequence.

    An announced grid takes precedence. Otherwise the patches have the same stride in both
    directions, a whole number of pixels, and the same padding, as in every patch embedding. There
    are fewer extra tokens than rows and columns, which distinguishes them from a larger grid.

    Args:
        length (int): Number of tokens L.
        input_size (tuple[int, int]): Width and height of the backbone's input, in pixels.
        announced (Sequence[tuple[int, int]]): Heights and widths that came along with the tokens,
            such as Swin's ``hw_shape``.

    Returns:
        Patches | None: The grid with the fewest extra tokens; None if there is none.
    """
    for height, width in announced:
        if height * width == length:
            return Patches(0, height, width)
    width, height = input_size
    best: Optional[Patches] = None
    for stride in range(1, max(input_size) + 1):
        # Up to `pad` pixels of padding change the size at two values alone.
        for pad in {0, -height % stride, -width % stride}:
            rows, cols = (height + pad) // stride, (width + pad) // stride
            extra = length - rows * cols
            fewest = min(rows, cols, MOST_EXTRA + 1) if best is None else best.extra
            if 0 <= extra < fewest:
                best = Patches(extra, rows, cols)
    return best


def on_patches(exchange: Callable[[Tensor, Tensor], Tensor], x: Tensor, permutation: Tensor,
               patches: Optional[Patches]) -> Tensor:
    """Mix or unmix feature maps or the patches of token sequences.

    Extra tokens stay where they are, as they have no place in the image and thus no tile. After the
    site they attend to the mixed patches, which cannot be undone; MMPose's heads read only patches.

    Args:
        exchange (callable): ``mix_tiles`` or ``unmix_tiles``.
        x (Tensor): (B, C, H, W) if ``patches`` is None, else (B, L, C).
        permutation (Tensor): int64 (B, rows, cols) of ``sample_tile_permutation``.
        patches (Patches, optional): The grid of a token sequence.

    Returns:
        Tensor: Of the shape of ``x``.

    Raises:
        RuntimeError: If the length of the sequence is not that of ``patches``.
    """
    if patches is None:
        return exchange(x, permutation)
    extra, height, width = patches
    if x.ndim != 3 or x.shape[1] != extra + height * width:
        raise RuntimeError(
            f'tokens of shape {tuple(x.shape)} are not the {height}×{width} patches and {extra} '
            'extra tokens of the input size that MixUnMix was attached with')
    # Tokens are a channels_last map by another name: a view, and so is the way back.
    maps = x[:, extra:].unflatten(1, (height, width)).permute(0, 3, 1, 2)
    if extra:
        # The gap between the images' patches would make the gather copy by single values.
        maps = maps.contiguous(memory_format=torch.channels_last)
    tokens = exchange(maps, permutation).permute(0, 2, 3, 1).flatten(1, 2)
    return torch.cat([x[:, :extra], tokens], 1) if extra else tokens
