"""Where a backbone can be mixed: names of its stages, and what comes out from behind each."""
from typing import Any, Callable, List, Sequence, Tuple

import torch
from torch import Tensor, nn

INPUT = 'input'


def map_tensors(fn: Callable[[Tensor], Any], value: Any) -> Any:
    """Apply ``fn`` to every tensor in nested tuples, lists and dicts; keep everything else."""
    if isinstance(value, Tensor):
        return fn(value)
    if isinstance(value, (list, tuple)):
        return type(value)(map_tensors(fn, v) for v in value)
    if isinstance(value, dict):
        return type(value)((k, map_tensors(fn, v)) for k, v in value.items())
    return value


def tensors_of(value: Any) -> List[Tensor]:
    """List the tensors in nested tuples, lists and dicts, in order."""
    found = []
    map_tensors(found.append, value)
    return found


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
             and any(True for _ in modules[name].parameters())]
    raise ValueError(
        f'the backbone {type(backbone).__name__} has no stage {site!r} to mix at. Valid sites are '
        f'{INPUT!r} and the names of its submodules: {", ".join(names)}')


@torch.enable_grad()
def outputs_behind_site(backbone: nn.Module, site: str, input_size: Tuple[int, int],
                        grid: Tuple[int, int]) -> List[bool]:
    """Find which of the backbone's outputs depend on what enters a mixing site.

    The backbone runs once on the ``meta`` device, where a forward computes shapes alone, and
    autograd's graph then tells which outputs can be reached from the site, and whether one of them
    can also be reached past it.

    Args:
        backbone (nn.Module): The backbone.
        site (str): See :func:`site_module`.
        input_size (tuple[int, int]): Width and height of the input, in pixels, as MMPose's codecs
            have it.
        grid (tuple[int, int]): Rows and columns of the mixing grid.

    Returns:
        list[bool]: For each output tensor of the backbone, whether it comes from behind the site.

    Raises:
        ValueError: If the site cannot be mixed and unmixed consistently; the message says why.
    """
    where = f'cannot mix {type(backbone).__name__} at {site!r}: '
    entrance = site_module(backbone, site)
    # Activation checkpointing knows no meta device. What it recomputes in the backward pass would
    # no longer be mixed, and it hides the graph.
    checkpointing = {name: module for name, module in backbone.named_modules()
                     if getattr(module, 'with_cp', False)}
    for name in checkpointing:
        if name and site.startswith(name + '.'):
            raise ValueError(where + f'it lies inside {name!r}, whose forward is run again in the '
                             'backward pass (with_cp=True). Mix at its entrance, or set '
                             'with_cp=False')
    entered: List[List[Tensor]] = []

    def cut(module, args):
        # Detached here, an output that still hangs on the image goes past the site.
        args = map_tensors(
            lambda x: x.detach().requires_grad_() if x.is_floating_point() else x, args)
        entered.append([x for x in tensors_of(args) if x.is_floating_point()])
        return map_tensors(torch.clone, args)  # a leaf may not be changed in place

    image = torch.zeros((2, 3, input_size[1], input_size[0]), device='meta', requires_grad=True)
    weights = {name: x.to('meta') for name, x in
               (*backbone.named_parameters(), *backbone.named_buffers())}
    was_training = backbone.training
    for module in checkpointing.values():
        module.with_cp = False
    handle = entrance.register_forward_pre_hook(cut)
    try:
        # Evaluation mode: BatchNorm would refuse a 1×1 map of one image, dropout would draw.
        backbone.eval()
        outputs = tensors_of(torch.func.functional_call(backbone, weights, (image, )))
    finally:
        handle.remove()
        backbone.train(was_training)
        for module in checkpointing.values():
            module.with_cp = True

    if len(entered) != 1:
        raise ValueError(where + f'its forward enters the site {len(entered)} times, and mixing '
                         'needs exactly one entrance')
    if not entered[0]:
        raise ValueError(where + 'no tensor enters it as a positional argument')
    behind = [_reached(output, entered[0]) for output in outputs]
    if not any(behind):
        raise ValueError(where + 'no output of the backbone comes from behind it')
    for i, output in enumerate(outputs):
        if behind[i] and _reached(output, [image]):
            raise ValueError(where + f'output {i} also depends on what passes beside it, so it '
                             'would hold mixed and unmixed parts at once. Mix before the branches '
                             'part, or where all of them enter')
    for x in (*entered[0], *(o for o, is_behind in zip(outputs, behind) if is_behind)):
        if x.ndim != 4:
            raise ValueError(where + f'tensors of shape {tuple(x.shape)} are not (B, C, H, W) '
                             'feature maps')
        if x.shape[2] < grid[0] or x.shape[3] < grid[1]:
            raise ValueError(
                where + f'a grid of {tuple(grid)} (rows, cols) does not fit a feature map of '
                f'{tuple(x.shape[2:])} (height, width), which an input of {input_size[1]}×'
                f'{input_size[0]} gives. Use a coarser grid or a larger input')
    return behind


def _reached(output: Tensor, sources: Sequence[Tensor]) -> bool:
    if not output.requires_grad:
        return False
    gradients = torch.autograd.grad(
        output, sources, torch.zeros_like(output), retain_graph=True, allow_unused=True)
    return any(g is not None for g in gradients)
