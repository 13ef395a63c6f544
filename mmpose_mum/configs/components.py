"""What the components of a config are."""
from typing import Any


def name_of(component: Any) -> str:
    """Return a component's type without its scope, empty for what is no component."""
    kind = component.get('type') if isinstance(component, dict) else None
    return str(kind or '').rpartition('.')[2]
