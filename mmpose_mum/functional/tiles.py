"""Mix and unmix: exchange grid cells between the images of a batch, and put them back exactly."""
import math
from typing import Any, Optional, Tuple

import torch
from torch import Tensor

Grid = Tuple[int, int]
SHORT = 4  # runs of this mean length are not worth a copy of their own


def check_mixing(grid: Grid, group_size: int) -> None:
    """Raise ``ValueError`` unless ``grid`` is two positive ints and ``group_size`` at least 2.

    Example:
        >>> check_mixing(grid=(2, 2), group_size=4)
        >>> check_mixing(grid=(2, 0), group_size=4)
        Traceback (most recent call last):
        ValueError: grid must be (rows, cols), two integers of at least 1, got (2, 0)
    """
    if (not isinstance(grid, (tuple, list)) or len(grid) != 2
            or not all(isinstance(n, int) and n >= 1 for n in grid)):
        raise ValueError(f'grid must be (rows, cols), two integers of at least 1, got {grid!r}')
    if not isinstance(group_size, int):
        raise ValueError(f'group_size must be an integer, got {group_size!r}')
    if group_size < 2:
        raise ValueError(f'group_size must be at least 2 (tiles are exchanged between the images '
                         f'of a group), got {group_size}; to train without mixing set '
                         'mix_unmix=None')


def dividing_grid(height: int, width: int) -> Grid:
    """Choose rows and columns of tiles that divide a map: each cell consists of whole pixels.

    The grid is as close to 4×3 as the map allows. Of two equally close numbers, the odd one wins,
    then the larger one. An odd number of columns keeps the seams off the middle of the image,
    where the person's body is.

    Args:
        height (int): Height in pixels of the smallest map that is mixed or unmixed.
        width (int): Its width in pixels.

    Returns:
        tuple[int, int]: Rows and columns, each at least 2, or 1 if the map has one pixel there.

    Example:
        >>> dividing_grid(8, 6), dividing_grid(3, 3), dividing_grid(8, 8), dividing_grid(12, 9)
        ((4, 3), (3, 3), (4, 4), (4, 3))
    """

    def cells(size: int, wanted: int) -> int:
        divisors = [n for n in range(2, size + 1) if size % n == 0] or [1]
        return min(divisors, key=lambda n: (abs(n - wanted), -(n % 2), -n))

    return cells(height, 4), cells(width, 3)


def misplaced_share(grid: Grid, mixed: Grid, unmixed: Grid) -> float:
    """Return the share of an image that mixing on one map and unmixing on another misplaces.

    If the grid does not divide a map, the cells' borders move to whole pixels of that map. The
    strip between a border on the one map and on the other ends up with the wrong person.

    Args:
        grid (tuple[int, int]): Rows and columns of tiles.
        mixed (tuple[int, int]): Height and width of the map that is mixed, in pixels.
        unmixed (tuple[int, int]): Height and width of the map that is unmixed, in pixels.

    Returns:
        float: The share, in [0, 1).

    Example:
        >>> round(misplaced_share((4, 4), mixed=(256, 192), unmixed=(8, 6)), 3)
        0.167
        >>> round(misplaced_share((4, 4), mixed=(96, 96), unmixed=(6, 6)), 3)
        0.306
        >>> misplaced_share((4, 3), mixed=(256, 192), unmixed=(8, 6))
        0.0
    """
    kept = 1.
    for cells, first, second in zip(grid, mixed, unmixed):
        kept *= 1 - sum(abs(_first_pixel(cell, first, cells) / first
                            - _first_pixel(cell, second, cells) / second)
                        for cell in range(1, cells))
    return 1 - kept


def sample_tile_permutation(batch: int,
                            grid: Grid,
                            group_size: int,
                            *,
                            generator: Optional[torch.Generator] = None,
                            device: Optional[torch.device] = None) -> Tensor:
    """Draw which image every cell of every mixed image comes from.

    Each cell of the grid gets its own permutation of the images of a group (MUM, CVPR 2022,
    section 3.2). A group is ``group_size`` consecutive images. The last group may be smaller; a
    group of one image stays as it is.

    Args:
        batch (int): Number of images B, at least 1.
        grid (tuple[int, int]): Rows R and columns C of the grid.
        group_size (int): Images per group (N_G in the paper), at least 2.
        generator (torch.Generator, optional): Draws the numbers, on its own device. Defaults to
            PyTorch's global generator of the CPU.
        device (torch.device, optional): Device of the result. Defaults to the generator's.

    Returns:
        Tensor: int64 (B, R, C). Image n gets its cell (r, c) from the image of batch index
        ``[n, r, c]``.

    Raises:
        ValueError: If ``batch``, ``grid`` or ``group_size`` is out of range.

    Example:
        >>> permutation = sample_tile_permutation(batch=4, grid=(2, 3), group_size=2)
        >>> permutation.shape
        torch.Size([4, 2, 3])
        >>> permutation[:, 0, 0].sort().values  # each image gives each of its tiles away once
        tensor([0, 1, 2, 3])
        >>> (permutation[:2] < 2).all()  # and only within its group
        tensor(True)
    """
    check_mixing(grid, group_size)
    if batch < 1:
        raise ValueError(f'cannot mix a batch of {batch} images')
    groups = math.ceil(batch / group_size)
    draw_on = generator.device if generator is not None else torch.device('cpu')
    keys = torch.rand((groups, group_size, *grid), generator=generator, device=draw_on)
    # The places beyond the batch sort behind every real image, so they are cut off below.
    keys.view(-1, *grid)[batch:] = 2
    first = torch.arange(groups, device=draw_on).view(-1, 1, 1, 1) * group_size
    permutation = (keys.argsort(dim=1) + first).view(-1, *grid)[:batch]
    return permutation.to(device if device is not None else draw_on)


def invert_tile_permutation(permutation: Tensor) -> Tensor:
    """Return the permutation (B, R, C) that undoes ``permutation``.

    Example:
        >>> permutation = torch.tensor([1, 2, 0]).view(3, 1, 1)  # image 0 gets the tile of image 1
        >>> invert_tile_permutation(permutation).flatten()  # which gets it back
        tensor([2, 0, 1])
    """
    return permutation.argsort(dim=0)


def mix_tiles(x: Tensor, permutation: Tensor) -> Tensor:
    """Exchange grid cells between the images of a batch.

    Row i of H belongs to the cell row ⌊(i + ½)·R / H⌋; columns likewise. This holds for every
    size, whether the grid divides it or not. So a cell covers the same part of the image at each
    stride, and :func:`unmix_tiles` is exact. A value moves to another image, and keeps its pixel.

    Args:
        x (Tensor): (B, C, H, W) of any dtype and memory format.
        permutation (Tensor): int64 (B, R, C) of :func:`sample_tile_permutation`, on x's device.

    Returns:
        Tensor: The mixed batch, with the shape and memory format of ``x``. The backward pass
        unmixes the gradient.

    Raises:
        ValueError: If the shapes do not fit, or the grid has more cells than x has pixels.

    Example:
        >>> x = torch.tensor([[[[1, 2],
        ...                     [3, 4]]],
        ...                   [[[5, 6],
        ...                     [7, 8]]]])
        >>> permutation = torch.tensor([[[0, 1],
        ...                              [1, 0]],
        ...                             [[1, 0],
        ...                              [0, 1]]])
        >>> mix_tiles(x, permutation)
        tensor([[[[1, 6],
                  [7, 4]]],
        <BLANKLINE>
        <BLANKLINE>
                [[[5, 2],
                  [3, 8]]]])
    """
    _check(x, permutation)
    return _MixTiles.apply(x, permutation)


def unmix_tiles(x: Tensor, permutation: Tensor) -> Tensor:
    """Undo :func:`mix_tiles` with the same ``permutation``, at this or any other resolution.

    Example:
        >>> x = torch.rand(4, 3, 8, 8)
        >>> permutation = sample_tile_permutation(batch=4, grid=(2, 2), group_size=4)
        >>> torch.equal(unmix_tiles(mix_tiles(x, permutation), permutation), x)
        True
    """
    _check(x, permutation)
    return _MixTiles.apply(x, invert_tile_permutation(permutation))


class _MixTiles(torch.autograd.Function):
    """A gather. Its backward gathers too, by the inverse permutation, without scatter-add."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, permutation: Tensor) -> Tensor:
        ctx.save_for_backward(permutation)
        return _gather_tiles(x, permutation)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tuple[Tensor, None]:  # type: ignore[override]
        permutation, = ctx.saved_tensors
        return _MixTiles.apply(grad, invert_tile_permutation(permutation)), None


def _check(x: Tensor, permutation: Tensor) -> None:
    if x.ndim != 4:
        raise ValueError(f'tiles are mixed in (B, C, H, W) maps, got shape {tuple(x.shape)}')
    if permutation.ndim != 3 or permutation.shape[0] != x.shape[0]:
        raise ValueError(f'the permutation must be ({x.shape[0]}, rows, cols) for a batch of '
                         f'{x.shape[0]}, got shape {tuple(permutation.shape)}')
    if permutation.shape[1] > x.shape[2] or permutation.shape[2] > x.shape[3]:
        raise ValueError(
            f'a grid of {tuple(permutation.shape[1:])} (rows, cols) does not fit a feature map of '
            f'{tuple(x.shape[2:])} (height, width): use a coarser grid, a larger input, or '
            'mixing sites and outputs of a smaller stride')


def _gather_tiles(x: Tensor, permutation: Tensor) -> Tensor:
    """Copy runs of memory: the pixels of a row that lie in one cell.

    A run has all channels if x is channels_last, else one channel. So the index is a fraction of
    x's size. One gather takes runs of one length. If the cells have different widths, each column
    of the grid needs its own gather.
    """
    channels, height, width = x.shape[1:]
    rows, columns = permutation.shape[1:]
    by_pixel = not x.is_contiguous() and x.is_contiguous(memory_format=torch.channels_last)
    if not by_pixel and width < SHORT * columns and min(channels, height * width) > 1:
        # Copying such short runs costs more than two changes of the memory format.
        return _gather_tiles(x.contiguous(memory_format=torch.channels_last),
                             permutation).contiguous()
    x = x if by_pixel else x.contiguous()
    mixed = torch.empty_like(x)
    planes, values = (1, channels) if by_pixel else (channels, 1)
    source, target = ((t.permute(0, 2, 3, 1) if by_pixel else t).view(-1, width * values)
                      for t in (x, mixed))
    device = permutation.device
    together = columns if width % columns == 0 else 1
    place = torch.arange(planes * height * together, device=device).view(planes, height, together)
    cell_row = (torch.arange(height, device=device) * 2 + 1) * rows // (2 * height)
    image = (permutation * place.numel())[:, None, cell_row]  # (B, 1, H, columns), its first run
    for column in range(0, columns, together):
        start, end = (_first_pixel(c, width, columns) * values
                      for c in (column, column + together))
        run = (end - start) // together
        index = image[..., column:column + together] + place
        torch.index_select(source[:, start:end].view(-1, run), 0, index.view(-1),
                           out=target[:, start:end].view(-1, run))
    return mixed


def _first_pixel(cell: int, size: int, cells: int) -> int:
    """Return the first of ``size`` pixels i with ⌊(i + ½)·cells / size⌋ = ``cell``."""
    return -((cells - 2 * size * cell) // (2 * cells))
