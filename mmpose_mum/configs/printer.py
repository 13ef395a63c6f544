"""The printer of configs: Python's literals, nested, within a line's width."""
import re
from functools import singledispatch
from keyword import iskeyword
from math import isfinite
from typing import Any, List, Tuple

WIDTH = 100
# What opens a value, its items with what stands before each, and what closes it.
Parts = Tuple[str, List[Tuple[str, Any]], str]


def assignment(name: str, value: Any) -> str:
    """Write a variable's assignment, in one line or in several.

    Args:
        name (str): The variable.
        value (Any): Of builtin types, or of those that :func:`parts` is told of.

    Returns:
        str: The text, without an end of line.

    Raises:
        ValueError: If a value cannot be written as a literal.
    """
    try:
        return f'{name} = {_text(value, 0, len(name) + 3, 0)}'
    except ValueError as error:
        raise ValueError(f'{name} of the config holds {error}') from None


def is_name(key: Any) -> bool:
    """Whether a key can be written as a keyword argument or an attribute."""
    return isinstance(key, str) and key.isidentifier() and not iskeyword(key)


@singledispatch
def parts(node: Any) -> Parts:
    """Take a value apart; ``parts.register`` adds another type.

    Raises:
        ValueError: If it cannot be written as a literal.
    """
    if isinstance(node, float) and isfinite(node):
        return re.sub(r'\.0$', '.', repr(node)), [], ''
    if isinstance(node, (str, int, type(None))):
        return repr(node), [], ''
    raise ValueError(f'{node!r}, which cannot be written to a config')


@parts.register(dict)
def _(node: dict) -> Parts:
    if all(map(is_name, node)):
        return 'dict(', [(f'{key}=', value) for key, value in node.items()], ')'
    return '{', [(f'{key!r}: ', value) for key, value in node.items()], '}'


@parts.register(list)
def _(node: list) -> Parts:
    return '[', [('', item) for item in node], ']'


@parts.register(tuple)
def _(node: tuple) -> Parts:
    return '(', [('', item) for item in node], ', )' if len(node) == 1 else ')'


def _text(node: Any, indent: int, lead: int, tail: int) -> str:
    """Write a node in one line if it fits, else with its items on lines of their own.

    Args:
        node (Any): What to write.
        indent (int): Indentation of the line on which it begins.
        lead (int): Characters before it on that line, without the indentation.
        tail (int): Characters that must follow it on its last line.

    Returns:
        str: The text, whose later lines are indented.
    """
    opening, items, closing = parts(node)
    line = _flat(node)
    if not items or indent + lead + len(line) + tail <= WIDTH:
        return line
    inner = indent + 4
    lines, current = [], ''
    for i, (key, item) in enumerate(items):
        last = i == len(items) - 1
        after = len(closing) + tail if last else 1
        flat = key + _flat(item)
        # Short items share a line.
        if current and inner + len(current) + 1 + len(flat) + after <= WIDTH:
            current += ' ' + flat
        else:
            if current:
                lines.append(current)
            current = flat
            if inner + len(flat) + after > WIDTH:
                current = key + _text(item, inner, len(key), after)
        if not last:
            current += ','
        if '\n' in current:
            lines.append(current)
            current = ''
    lines += [current] if current else []
    return opening + ''.join(f'\n{" " * inner}{line}' for line in lines) + closing


def _flat(node: Any) -> str:
    opening, items, closing = parts(node)
    return opening + ', '.join(key + _flat(item) for key, item in items) + closing
