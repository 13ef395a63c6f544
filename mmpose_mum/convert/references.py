"""Parts of a config that is inherited from: named in a written config, looked up in memory."""
import copy
from typing import Any

from mmengine.config import Config

from ..configs.components import map_dicts
from ..configs.printer import Parts, is_name, parts


class Base:
    """A part of the original config that is used as it is, such as ``_base_.model.backbone``.

    Args:
        *path (str | int): Keys and indices that lead to it.
    """

    def __init__(self, *path) -> None:
        self.path = path

    def __truediv__(self, key) -> 'Base':
        """Name a part of this part."""
        return Base(*self.path, key)

    def __repr__(self) -> str:
        return '_base_' + ''.join(
            f'.{key}' if is_name(key) else f'[{key!r}]' for key in self.path)

    def of(self, cfg: Config) -> Any:
        """Look the part up, without copying it."""
        for key in self.path:
            cfg = cfg[key]
        return cfg


class Changed:
    """A dict of the original config with some keys replaced: ``dict(_base_.model, head=…)``.

    Args:
        base (Base): The dict.
        **changes: What replaces or joins its items.
    """

    def __init__(self, base: Base, **changes) -> None:
        self.base = base
        self.changes = changes


@parts.register(Base)
def _(node: Base) -> Parts:
    return repr(node), [], ''


@parts.register(Changed)
def _(node: Changed) -> Parts:
    return 'dict(', [('', node.base), *((f'{k}=', v) for k, v in node.changes.items())], ')'


def resolve(node: Any, cfg: Config) -> Any:
    """Replace each reference in a tree of dicts and lists with a copy of its part.

    Args:
        node (Any): A tree of plain values, :class:`Base` and :class:`Changed`.
        cfg (Config): The original config.

    Returns:
        Any: The tree, with plain values alone.
    """
    if isinstance(node, Base):
        return copy.deepcopy(node.of(cfg))
    if isinstance(node, Changed):
        return dict(resolve(node.base, cfg), **resolve(node.changes, cfg))
    if isinstance(node, dict):
        return {key: resolve(value, cfg) for key, value in node.items()}
    if isinstance(node, (list, tuple)):
        return type(node)(resolve(value, cfg) for value in node)
    return node


def shortest(base: Base, cfg: Config) -> Base:
    """Find the variable of the original config that equals a part of it.

    MMPose's configs have variables for their pipelines. People know their names.

    Args:
        base (Base): The part.
        cfg (Config): The original config.

    Returns:
        Base: The variable, or the part itself if there is none.
    """
    value = unscoped(base.of(cfg))
    return next((Base(name) for name in cfg if unscoped(cfg[name]) == value), base)


def unscoped(value: Any) -> Any:
    """Drop the ``_scope_`` that MMEngine adds to what is inherited from MMPose: it is the default.

    Args:
        value (Any): A part of a config.

    Returns:
        Any: Plain dicts, lists and values.
    """
    return map_dicts(lambda entries: {
        key: item for key, item in entries.items() if (key, item) != ('_scope_', 'mmpose')}, value)
