"""The MixUnMix neck: mix the backbone at a random site, and unmix its outputs."""
import warnings
from contextlib import contextmanager
from functools import partial
from itertools import chain, product
from math import prod
from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple, Union

import torch
from mmengine.dist import get_rank
from mmengine.model import BaseModule
from mmpose.registry import MODELS
from mmpose.utils.typing import OptConfigType
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from ...functional.nested import map_tensors, tensors_of
from ...functional.tiles import (
    check_mixing,
    dividing_grid,
    misplaced_share,
    mix_tiles,
    sample_tile_permutation,
    unmix_tiles,
)
from .sites import Site, inspect_site, map_sizes, modules_around, recomputes, site_module, trace
from .tokens import Size, on_patches

AUTO = 'auto'


@MODELS.register_module()
class MixUnMix(BaseModule):
    """Mix/UnMix as a neck (Kim et al., Pose-MUM, arXiv 2203.07837).

    While :meth:`mixing` is active, grid cells are exchanged between the images of a group, either
    in the input or at the entrance of one of the backbone's stages. The site is drawn for each
    forward. The neck puts every cell back before the head. A transformer's patches are mixed like
    pixels, while its class token stays with its image. At all other times the neck does nothing, so
    the labeled branch, validation and inference see an ordinary model. It has no parameters, and a
    wrapped neck keeps its names in the state dict.

    Args:
        sites (Sequence[str]): Where to mix: ``'input'`` or dotted names of the backbone's
            submodules. :meth:`attach` checks each of them.
        site_probs (Sequence[float], optional): Relative probability of each site. Defaults to
            equal ones.
        grid (tuple[int, int] | str): Rows and columns of tiles. ``'auto'`` lets :meth:`attach`
            choose those that divide the smallest map that is mixed or unmixed, see
            :func:`functional.tiles.dividing_grid`. If a grid does not divide a map, borders of
            tiles move to whole pixels, and part of each image ends up with the wrong person. A
            warning says how much.
        group_size (int): Images that exchange tiles (N_G in the paper), at least 2.
        prob (float): Probability that a forward is mixed at all, in [0, 1].
        seed (int): Seed of the neck's own generator, which draws sites and permutations. Each
            process of a distributed run adds its rank, and :class:`ResumableTrainLoop` the run's
            seed and the iteration.
        neck (dict, optional): Config of the neck that follows the unmixing.
        init_cfg (dict, optional): As of every MMEngine module.

    Attributes:
        permutation: int64 (B, R, C), of the forward that is being mixed; else None.

    Raises:
        ValueError: If an argument is out of its range.
    """

    def __init__(self,
                 sites: Sequence[str] = ('input', ),
                 site_probs: Optional[Sequence[float]] = None,
                 grid: Union[Tuple[int, int], str] = (4, 4),
                 group_size: int = 4,
                 prob: float = 1.,
                 seed: int = 0,
                 neck: OptConfigType = None,
                 init_cfg: OptConfigType = None) -> None:
        super().__init__(init_cfg)
        rows_columns: Any = (1, 1) if grid == AUTO else grid
        check_mixing(rows_columns, group_size)
        if not sites or isinstance(sites, str) or len(set(sites)) != len(sites):
            raise ValueError(f'sites must be a list of different names, got {sites!r}')
        if not 0 <= prob <= 1:
            raise ValueError(f'prob must lie in [0, 1], got {prob}')
        if site_probs is None:
            site_probs = [1.] * len(sites)
        if len(site_probs) != len(sites) or min(site_probs) < 0 or sum(site_probs) <= 0:
            raise ValueError(f'site_probs must be one number of at least 0 for each of the '
                             f'{len(sites)} sites, not all 0, got {site_probs!r}')
        self.sites = list(sites)
        self.grid: Any = AUTO if grid == AUTO else tuple(rows_columns)  # attach() chooses
        self.group_size = group_size
        self.prob = prob
        self.generator = torch.Generator().manual_seed(seed + get_rank())
        self._site_probs = torch.tensor(site_probs, dtype=torch.float64)
        self._inspected: Dict[str, Site] = {}
        self._around: Dict[str, Dict[str, nn.Module]] = {}
        self._site: Optional[str] = None
        self._entered = 0  # how often the site was entered in this forward
        self.permutation: Optional[Tensor] = None
        self.neck = MODELS.build(neck) if neck is not None else None
        self._register_state_dict_hook(_hide_inner_neck)
        self._register_load_state_dict_pre_hook(_reveal_inner_neck)

    def attach(self, backbone: nn.Module, input_size: Tuple[int, int]) -> None:
        """Prepare the mixing sites of ``backbone``; called once, by the estimator.

        Args:
            backbone (nn.Module): The backbone in front of this neck.
            input_size (tuple[int, int]): Width and height of its input, in pixels.

        Raises:
            ValueError: If a site does not exist or cannot be mixed consistently.
        """
        modules = {site: site_module(backbone, site) for site in self.sites}
        for site, module in modules.items():
            if isinstance(module, _BatchNorm):
                raise ValueError(f'cannot mix at {site!r}: it is a {type(module).__name__}, which '
                                 'the Runner may replace by another (sync_bn). Name what comes '
                                 'before or after it')
        traced = trace(backbone, input_size, modules)
        least = (1, 1) if self.grid == AUTO else self.grid
        self._inspected = {site: inspect_site(traced, site, least) for site in self.sites}
        sizes = {site: map_sizes(traced, site, found) for site, found in self._inspected.items()}
        if self.grid == AUTO:
            smallest = min((size for pair in sizes.values() for size in chain(*pair)), key=prod)
            self.grid = dividing_grid(*smallest)
            if self.grid == (1, 1):
                raise ValueError(f'an input of {input_size[1]}×{input_size[0]} gives a map of one '
                                 'pixel, which has no tiles to exchange: use a larger input, or '
                                 'sites and outputs of a smaller stride')
        self._warn_of_misplaced(sizes)
        self._around = {site: modules_around(backbone, site) for site in self.sites}
        for site, module in modules.items():
            # A partial of a bound method, since a deep copy of the model takes it along.
            module.register_forward_pre_hook(partial(self._mix, site))

    def _warn_of_misplaced(self, sizes: Dict[str, Tuple[List[Size], List[Size]]]) -> None:
        """Warn if the grid sends more than a rounding error to the wrong person, once a text."""
        share, site, mixed, unmixed = max(
            (misplaced_share(self.grid, first, second), site, first, second)
            for site, (entering, leaving) in sizes.items()
            for first, second in product(entering, leaving))
        if share >= 0.01:
            rows, columns = self.grid
            warnings.warn(
                f'a grid of {rows}×{columns} tiles does not divide the maps: mixing at '
                f'{site!r} on {mixed[0]}×{mixed[1]} pixels and unmixing on {unmixed[0]}×'
                f"{unmixed[1]} sends {share:.1%} of each image to the wrong person. grid='auto' "
                'chooses a grid that fits', stacklevel=2)

    @contextmanager
    def mixing(self, batch: int, device: torch.device) -> Iterator[Optional[str]]:
        """Mix the forwards inside the ``with`` block.

        Args:
            batch (int): Number of images of the forward.
            device (torch.device): Their device.

        Yields:
            str | None: The site that was drawn; None if this forward is not mixed.

        Raises:
            RuntimeError: If :meth:`attach` was not called; as :meth:`check_recomputed`.
        """
        if not self._inspected:
            raise RuntimeError('MixUnMix has no backbone to mix: call attach(backbone, input_size) '
                               'first, as SemiSupervisedPoseEstimator does')
        self.check_recomputed()
        # Always the same three draws, so that prob and sites do not shift the permutations.
        mixed = torch.rand((), generator=self.generator) < self.prob
        index = torch.multinomial(self._site_probs, 1, generator=self.generator)
        permutation = sample_tile_permutation(
            batch, self.grid, self.group_size, generator=self.generator)
        if mixed:
            site = self.sites[index]
            self._site = site
            self.permutation = permutation.to(device, non_blocking=True)
        try:
            yield self._site
        finally:
            self._site = self.permutation = None
            self._entered = 0

    def check_recomputed(self) -> None:
        """Check the sites that may be drawn against MMEngine's ``activation_checkpointing``.

        The Runner turns it on when the training starts, so that :meth:`attach` cannot see it.

        Raises:
            RuntimeError: If a site lies in a module whose forward is run again in the backward
                pass, where it would not be mixed.
        """
        for site, share in zip(self.sites, self._site_probs.tolist()):
            for name, module in self._around[site].items() if share * self.prob > 0 else ():
                if recomputes(module):
                    raise RuntimeError(
                        f'cannot mix at {site!r}: it lies inside {name or "the backbone"!r}, whose '
                        'forward runs again in the backward pass. In activation_checkpointing, '
                        'name only modules that begin at a site or lie between two sites')

    def forward(self, feats: Sequence[Tensor]) -> Sequence[Tensor]:
        """Unmix the backbone's outputs that depend on the site, then run the inner neck.

        Args:
            feats (Tensor | Sequence[Tensor]): Outputs of the backbone, each (B, C, H, W) with its
                own resolution, or (B, L, C) tokens.

        Returns:
            Tensor | Sequence[Tensor]: What the inner neck returns, else ``feats`` unmixed.

        Raises:
            RuntimeError: If the backbone has another number of outputs than when attached, or
                tokens of another input size, or it has entered the site several times.
        """
        entered, self._entered = self._entered, 0
        if self._site is not None and entered == 0:  # as stochastic depth leaves blocks out
            self._site = self.permutation = None
        if entered > 1:
            raise RuntimeError(f'the backbone has entered the site {self._site!r} {entered} times, '
                               'but once when its mixing sites were checked')
        permutation = self.permutation
        if self._site is not None and permutation is not None:
            _, behind, leaving = self._inspected[self._site]
            outputs = len(tensors_of(feats))
            if outputs != len(behind):
                raise RuntimeError(f'the backbone has {outputs} outputs now, but had {len(behind)} '
                                   'in evaluation mode, when its mixing sites were checked')
            plan = iter(zip(behind, leaving))

            def unmix(x: Tensor) -> Tensor:
                is_behind, patches = next(plan)
                return on_patches(unmix_tiles, x, permutation, patches) if is_behind else x

            feats = map_tensors(unmix, feats)
        return self.neck(feats) if self.neck is not None else feats

    def _mix(self, site: str, _module: nn.Module,
             args: Tuple[Any, ...]) -> Optional[Tuple[Any, ...]]:
        permutation = self.permutation
        if self._site != site or permutation is None:
            return None
        self._entered += 1
        entering = iter(self._inspected[site].entering)
        return map_tensors(
            lambda x: on_patches(mix_tiles, x, permutation, next(entering))
            if x.is_floating_point() else x, args)

    def __getstate__(self) -> Dict[str, Any]:
        # A generator can be neither copied nor pickled, its state can.
        return {**self.__dict__, 'generator': self.generator.get_state()}

    def __setstate__(self, state: Dict[str, Any]) -> None:
        super().__setstate__(state)
        self.generator = torch.Generator()
        self.generator.set_state(state['generator'])


def _hide_inner_neck(_module: nn.Module, state_dict: Dict[str, Tensor], prefix: str,
                     _metadata: Any) -> None:
    """Rename ``neck.neck.x`` to ``neck.x``, as the plain model has it."""
    inner = prefix + 'neck.'
    for key in [k for k in state_dict if k.startswith(inner)]:
        state_dict[prefix + key[len(inner):]] = state_dict.pop(key)


def _reveal_inner_neck(state_dict: Dict[str, Tensor], prefix: str, *_args: Any) -> None:
    """Rename ``neck.x`` of a plain model to ``neck.neck.x``."""
    for key in [k for k in state_dict if k.startswith(prefix)]:
        state_dict[prefix + 'neck.' + key[len(prefix):]] = state_dict.pop(key)
