"""Find good mixing sites of any backbone from the order of its stages."""
from typing import Dict, List, Set, Tuple, Union

from torch import nn

from .sites import INPUT, Site, Trace, inspect_site, map_sizes, trace

CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)


def default_sites(backbone: nn.Module, input_size: Tuple[int, int],
                  grid: Union[Tuple[int, int], str] = 'auto', limit: int = 5) -> List[str]:
    """Choose the sites to mix a backbone at: its input, and entrances of its stages.

    A stage is an outermost module with several layers that the backbone's forward calls once. The
    one that the image enters is the stem, not a stage. In a backbone without stages, such as a VGG,
    single layers are used. Sites that cannot be mixed and unmixed, or whose maps are smaller than
    the grid, are left out.

    Args:
        backbone (nn.Module): The backbone; it is not changed.
        input_size (tuple[int, int]): Width and height of its input, in pixels.
        grid (tuple[int, int] | str): Rows and columns of the mixing grid, or ``'auto'``, which
            needs at least two of each.
        limit (int): How many sites to return at most, at least 1.

    Returns:
        list[str]: ``'input'``, then names of submodules in the order of their calls: one for each
        resolution first, and evenly spread where a resolution has many.

    Raises:
        ValueError: If not even the input can be mixed; the message says why.
    """
    grid = (2, 2) if isinstance(grid, str) else grid
    weights = {name: _weights(module) for name, module in backbone.named_modules() if name}
    modules = {name: module for name, module in backbone.named_modules() if weights.get(name)}
    traced = trace(backbone, input_size, {INPUT: backbone, **modules})
    inspect_site(traced, INPUT, grid)
    for least in (2, 1):
        names = {name for name, count in weights.items() if count >= least}
        stages: List[str] = []
        stem: List[str] = []
        _find(backbone, '', traced, names, stages, stem)
        accepted = [_accepted(traced, found, grid) for found in (stages, stem)]
        chosen = _thin(traced, accepted[0], limit - 1)
        chosen += _thin(traced, accepted[1], limit - 1 - len(chosen))
        if chosen:
            break
    return [INPUT] + [name for name in traced.calls if name in chosen]


def _weights(module: nn.Module) -> int:
    """Count convolutions, linear layers and embeddings; 0 if no pixel sees another one in them."""
    shapes = [p.shape for p in module.parameters() if p.ndim > 1]
    return 0 if all(len(s) == 4 and s[2:] == (1, 1) for s in shapes) else len(shapes)


def _find(module: nn.Module, prefix: str, traced: Trace, names: Set[str], stages: List[str],
          stem: List[str]) -> None:
    """Collect the outermost modules among ``names`` that are called once.

    Those within a container that the image enters are parts of the stem, and only the next best.
    """
    for name, child in module.named_children():
        name = prefix + name
        calls = traced.calls.get(name, [])
        if not calls:
            _find(child, name + '.', traced, names, stages, stem)
        elif calls[0].image:
            if isinstance(child, CONTAINERS):
                _find(child, name + '.', traced, names, stem, stem)
        elif len(calls) == 1 and name in names:
            stages.append(name)


def _accepted(traced: Trace, names: List[str], grid: Tuple[int, int]) -> Dict[str, Site]:
    accepted = {}
    for name in traced.calls:  # in the order of execution
        if name in names:
            try:
                accepted[name] = inspect_site(traced, name, grid)
            except ValueError:  # it cannot be mixed here, so it is no candidate
                continue
    return accepted


def _thin(traced: Trace, sites: Dict[str, Site], count: int) -> List[str]:
    """Keep ``count`` names, of as many resolutions as there are."""
    runs: List[List[str]] = []
    last = None
    for name, site in sites.items():
        pixels = _pixels(traced, name, site)
        if pixels != last:
            runs.append([])
        runs[-1].append(name)
        last = pixels
    count = max(0, min(count, len(sites)))
    width, height = traced.input_size
    if len(runs) > count and _pixels(traced, runs[0][0], sites[runs[0][0]]) == width * height:
        del runs[0]  # too much like the input
    runs = runs[:count]
    shares = [1] * len(runs)
    while runs and sum(shares) < count:
        longest = max(range(len(runs)), key=lambda i: len(runs[i]) / shares[i])
        shares[longest] += 1
    return [run[i * len(run) // share] for run, share in zip(runs, shares) for i in range(share)]


def _pixels(traced: Trace, name: str, site: Site) -> int:
    """Return how many pixels or patches the largest map has that enters a site."""
    return max(height * width for height, width in map_sizes(traced, name, site)[0])
