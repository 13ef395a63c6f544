"""What the components of a config are."""
from typing import Any, Callable, Dict


def name_of(component: Any) -> str:
    """Return a component's type without its scope, empty for what is no component."""
    kind = component.get('type') if isinstance(component, dict) else None
    return str(kind or '').rpartition('.')[2]


def has_estimator(model: Any) -> bool:
    """Tell whether a model's config is one of the package's, around an ``estimator``."""
    return isinstance(model, dict) and 'estimator' in model


def map_dicts(change: Callable[[Dict[Any, Any]], Any], node: Any) -> Any:
    """Rebuild a part of a config with each of its dicts changed, inner ones first.

    Args:
        change (Callable): Takes a dict of its own, and returns what takes its place.
        node (Any): Dicts, lists, tuples and values, which stay as they are.

    Returns:
        Any: The same of plain dicts.
    """
    if isinstance(node, dict):
        return change({key: map_dicts(change, value) for key, value in node.items()})
    if isinstance(node, (list, tuple)):
        return type(node)(map_dicts(change, item) for item in node)
    return node
