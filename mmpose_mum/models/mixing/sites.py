"""Where a backbone can be mixed: names of its stages, and the outputs that depend on each."""
from typing import AbstractSet, Any, Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple

import torch
from mmengine.runner.activation_checkpointing import turn_on_activation_checkpointing
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from ...functional.modes import evaluating
from ...functional.nested import map_tensors, tensors_of
from .tokens import Patches, Size, patches_of

INPUT = 'input'
BATCH = 2


def site_module(backbone: nn.Module, site: str) -> nn.Module:
    """Return the submodule whose entrance is the mixing site ``site``.

    Args:
        backbone (nn.Module): The backbone.
        site (str): ``'input'`` or a dotted submodule name such as ``'layer2'`` or ``'stages.1'``.

    Raises:
        ValueError: If the backbone has no such submodule; the message lists those it has.
    """
    if site == INPUT:
        return backbone
    modules = dict(backbone.named_modules())
    if site and site in modules:
        return modules[site]
    names = [name for name in modules if name and name.count('.') < 2
             and any(True for _ in modules[name].parameters())
             and not isinstance(modules[name], _BatchNorm)]
    raise ValueError(
        f'the backbone {type(backbone).__name__} has no stage {site!r} to mix at. Valid sites are '
        f'{INPUT!r} and the names of its submodules: {", ".join(names)}')


def modules_around(backbone: nn.Module, site: str) -> Dict[str, nn.Module]:
    """Return the modules whose forward contains a site, by name; the backbone's is ``''``."""
    parts = [] if site == INPUT else site.split('.')
    names = ['.'.join(parts[:i]) for i in range(len(parts))]
    return {name: backbone.get_submodule(name) for name in names}


def recomputes(module: nn.Module) -> bool:
    """Tell whether MMEngine's ``activation_checkpointing`` was turned on for a module."""
    forward = vars(module).get('forward')
    turned_on = turn_on_activation_checkpointing.__module__
    return getattr(forward, '__globals__', {}).get('__name__') == turned_on


def own_checkpoints(module: nn.Module) -> List[str]:
    """Return a module's own switches that let the backward pass run its forward again."""
    return [key for key in ('with_cp', 'use_checkpoint') if getattr(module, key, False) is True]


class Call(NamedTuple):
    """One entrance of a module in a traced forward."""

    tensors: List[Tensor]  # the floating point ones among the positional arguments
    nodes: List[Any]  # their nodes of autograd's graph, which only this module uses
    sizes: List[Tuple[int, int]]  # pairs of integers among the arguments
    image: bool  # whether what enters is the backbone's input itself


class Trace(NamedTuple):
    """What entered some modules of a backbone in one forward, and what came out at its end."""

    backbone: str
    input_size: Tuple[int, int]  # width, height
    image: Any  # the input's node of autograd's graph
    calls: Dict[str, List[Call]]  # in the order of the first calls
    outputs: List[Tensor]
    checkpointing: List[str]  # modules whose forward is run again in the backward pass


class Site(NamedTuple):
    """How a backbone is mixed and unmixed at one site."""

    entering: List[Optional[Patches]]  # of each floating point tensor; None for feature maps
    behind: List[bool]  # for each output, whether it depends on the site
    leaving: List[Optional[Patches]]  # of each output that does; None for feature maps


def trace(backbone: nn.Module, input_size: Tuple[int, int],
          modules: Dict[str, nn.Module]) -> Trace:
    """Run a backbone once, on the ``meta`` device if it can, where a forward computes only shapes.

    Args:
        backbone (nn.Module): The backbone; it is not changed.
        input_size (tuple[int, int]): Width and height of the input, in pixels.
        modules (dict[str, nn.Module]): The modules whose calls are recorded, by name.

    Returns:
        Trace: Of a batch of two images in evaluation mode.
    """
    try:
        return _trace(backbone, input_size, modules, torch.device('meta'))
    except RuntimeError:
        # It reads a value, or a tensor that is neither a parameter nor a buffer (as LeViT's).
        return _trace(backbone, input_size, modules, next(backbone.parameters()).device)


@torch.enable_grad()
def _trace(backbone: nn.Module, input_size: Tuple[int, int], modules: Dict[str, nn.Module],
           device: torch.device) -> Trace:
    # Activation checkpointing knows no meta device. What it recomputes in the backward pass would
    # no longer be mixed, and it hides the graph.
    checkpointing = {name: module for name, module in backbone.named_modules()
                     if own_checkpoints(module)}
    switches = [(module, key) for module in checkpointing.values()
                for key in own_checkpoints(module)]
    calls: Dict[str, List[Call]] = {}
    shape = BATCH, _image_channels(backbone), input_size[1], input_size[0]
    leaf = torch.zeros(shape, device=device, requires_grad=True)
    image = leaf.clone()
    image_nodes = {image.grad_fn}

    def hook_of(name: str) -> Callable[..., Any]:
        def hook(_module: nn.Module, args: Any, kwargs: Dict[str, Any]) -> Any:
            marked: List[Tuple[Tensor, Any, bool]] = []

            def mark(x: Tensor) -> Tensor:
                if not x.is_floating_point():
                    return x
                # A node of its own, so that a way past this entrance is another one. What hangs
                # on no image, as behind a `detach`, can still be mixed.
                own = (x if x.requires_grad else x.detach().requires_grad_()).clone()
                marked.append((own, own.grad_fn, x.grad_fn in image_nodes))
                return own

            args = map_tensors(mark, args)
            from_image = any(is_image for *_, is_image in marked)
            if from_image:
                image_nodes.update(node for _, node, is_image in marked if is_image)
            calls.setdefault(name, []).append(Call(
                [x for x, *_ in marked], [node for _, node, _ in marked],
                [v for v in (*args, *kwargs.values()) if _is_size(v)], from_image))
            return args, kwargs
        return hook

    weights = {name: x.detach().to(
                   device, leaf.dtype if x.is_floating_point() else x.dtype, copy=True)
               for name, x in (*backbone.named_parameters(), *backbone.named_buffers())}
    handles = [module.register_forward_pre_hook(hook_of(name), with_kwargs=True)
               for name, module in modules.items()]
    for module, key in switches:
        setattr(module, key, False)
    try:
        # BatchNorm in training would refuse a 1×1 map of one image, dropout would draw.
        with evaluating(backbone):
            outputs = tensors_of(torch.func.functional_call(backbone, weights, (image, )))
    finally:
        for handle in handles:
            handle.remove()
        for module, key in switches:
            setattr(module, key, True)
    return Trace(type(backbone).__name__, (input_size[0], input_size[1]), image.grad_fn, calls,
                 outputs, list(checkpointing))


def _image_channels(backbone: nn.Module) -> int:
    """Return how many channels a backbone's images have: 3, or fewer, as of a thermal camera."""
    return next((module.in_channels for module in backbone.modules()
                 if isinstance(module, nn.Conv2d) and module.in_channels <= 3), 3)


def inspect_site(traced: Trace, site: str, grid: Tuple[int, int]) -> Site:
    """Find how a backbone is mixed at a site, and which of its outputs to unmix.

    Autograd's graph shows which outputs depend on the site, and whether one of them also depends on
    a path around it.

    Args:
        traced (Trace): A forward that recorded the site.
        site (str): See :func:`site_module`.
        grid (tuple[int, int]): Rows and columns of the mixing grid.

    Returns:
        Site: The site.

    Raises:
        ValueError: If the site cannot be mixed and unmixed consistently; the message says why.
    """
    where = f'cannot mix {traced.backbone} at {site!r}: '
    for name in traced.checkpointing:
        if name and site.startswith(name + '.'):
            raise ValueError(where + f'it lies inside {name!r}, whose forward runs again in the '
                             'backward pass (with_cp or use_checkpoint). Mix at its entrance, or '
                             'set that to False')
    calls = traced.calls.get(site, [])
    if len(calls) != 1:
        raise ValueError(where + f'its forward enters the site {len(calls)} times, and mixing '
                         'needs exactly one entrance')
    call, = calls
    if not call.tensors:
        raise ValueError(where + 'no tensor enters it as a positional argument')
    nodes = set(call.nodes)
    behind = [_reaches(output, nodes) for output in traced.outputs]
    if not any(behind):
        raise ValueError(where + 'no output of the backbone depends on it')
    for i, output in enumerate(traced.outputs):
        if behind[i] and _reaches(output, {traced.image}, past=nodes):
            raise ValueError(where + f'output {i} also depends on a path around it, so it would '
                             'hold mixed and unmixed parts at once. Mix before the branches split, '
                             'or where all of them enter')
    entering = [_patches(x, traced.input_size, call.sizes, grid, where) for x in call.tensors]
    leaving = [_patches(x, traced.input_size, (), grid, where) if is_behind else None
               for x, is_behind in zip(traced.outputs, behind)]
    return Site(entering, behind, leaving)


def map_sizes(traced: Trace, name: str, site: Site) -> Tuple[List[Size], List[Size]]:
    """Return the height and width of each map that is mixed at a site, and of each unmixed map.

    Args:
        traced (Trace): The forward that :func:`inspect_site` looked at.
        name (str): The site's name.
        site (Site): What was found.

    Returns:
        tuple[list, list]: Of the maps that enter, and of the outputs that depend on the site.
    """
    call, = traced.calls[name]
    outputs = [(x, patches) for x, is_behind, patches in zip(
        traced.outputs, site.behind, site.leaving) if is_behind]
    return ([_size(x, patches) for x, patches in zip(call.tensors, site.entering)],
            [_size(x, patches) for x, patches in outputs])


def _size(x: Tensor, patches: Optional[Patches]) -> Size:
    return ((x.shape[2], x.shape[3]) if patches is None
            else (patches.height, patches.width))


def _is_size(value: Any) -> bool:
    return (isinstance(value, (tuple, list)) and len(value) == 2
            and all(isinstance(v, int) for v in value))


def _reaches(output: Tensor, targets: AbstractSet[Any],
             past: AbstractSet[Any] = frozenset()) -> bool:
    """Tell whether autograd would get from ``output`` to a target, not going through ``past``."""
    waiting, seen = [output.grad_fn], {output.grad_fn, None}
    while waiting:
        node = waiting.pop()
        if node in targets:
            return True
        if node is not None and node not in past:
            following = {function for function, _ in node.next_functions} - seen
            seen |= following
            waiting.extend(following)
    return False


def _is_map_of(size: Sequence[int], input_size: Tuple[int, int]) -> bool:
    """Tell whether height and width of a map have about one stride to those of the input."""
    strides = [pixels / n for pixels, n in zip(input_size[::-1], size)]
    return max(strides) <= 1.6 * min(strides)


def _patches(x: Tensor, input_size: Tuple[int, int], announced: Sequence[Tuple[int, int]],
             grid: Tuple[int, int], where: str) -> Optional[Patches]:
    """Return a token sequence's patches, None for feature maps; refuse everything else."""
    shape = tuple(x.shape)
    patches = None
    if x.ndim == 3 and shape[0] == BATCH:
        patches = patches_of(shape[1], input_size, announced)
        if patches is None:
            raise ValueError(
                where + f'the {shape[1]} tokens of shape {shape} are no grid of patches of an '
                f'input of {input_size[1]}×{input_size[0]} with one stride in both directions')
    elif x.ndim != 4 or shape[0] != BATCH:
        raise ValueError(where + f'tensors of shape {shape} are not (B, C, H, W) feature maps or '
                         f'(B, L, C) tokens of the {BATCH} images')
    elif not _is_map_of(shape[2:], input_size):
        raise ValueError(
            where + f'a tensor of shape {shape} is no (B, C, H, W) feature map of an input of '
            f'{input_size[1]}×{input_size[0]}, whose stride is about the same in both directions. '
            'Maps in another order, such as (B, H, W, C), cannot be mixed')
    size = _size(x, patches)
    if size[0] < grid[0] or size[1] < grid[1]:
        raise ValueError(
            where + f'a grid of {tuple(grid)} (rows, cols) does not fit a feature map of '
            f'{size} (height, width), which an input of {input_size[1]}×'
            f"{input_size[0]} gives. Use a coarser grid, such as grid='auto', or a larger input")
    return patches
