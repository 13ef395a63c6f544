"""The registry scope in which the types of a config are looked up."""
from typing import Any, ContextManager, Mapping

from mmengine.registry import DefaultScope


def scope_of(entries: Mapping[str, Any]) -> ContextManager:
    """Look up types as a config says, for as long as the context lasts.

    Args:
        entries (dict | Config): A config. Without a ``default_scope``, or with None, MMPose's is
            taken.
    """
    return DefaultScope.overwrite_default_scope(entries.get('default_scope') or 'mmpose')
