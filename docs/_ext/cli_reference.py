"""Writes the reference of the command ``mmpose-mum`` from its verbs' parsers.

Neither MMPose nor PyTorch is needed: help does not wait for them.
"""
import re
import sys
from argparse import SUPPRESS, ArgumentParser, HelpFormatter
from importlib import import_module
from unittest.mock import patch

PLACE = '<!-- the verbs -->'  # where docs/cli.md wants it


def verbs():
    """Return each verb's name, its module's docstring and its parser."""
    # The package's import checks the host, unless it is the command that imports it.
    with patch.object(sys, 'argv', ['mmpose-mum']):
        found = []
        for name in import_module('mmpose_mum.cli').VERBS:
            module = import_module(f'mmpose_mum.cli.{name}')
            parser = ArgumentParser(
                prog=f'mmpose-mum {name}', add_help=False,
                formatter_class=lambda prog: HelpFormatter(prog, width=80))
            module.add_arguments(parser)
            found.append((name, module.__doc__, parser))
    return found


def argument(action):
    """Return one argument as an item of a Markdown definition list."""
    names = action.option_strings or [action.metavar or action.dest]
    text = re.sub(r'--[\w-]+', r'`\g<0>`', (action.help or '') % vars(action))
    if action.choices and not all(str(choice) in text for choice in action.choices):
        text += f' ({", ".join(map(str, action.choices))})'
    if action.required and action.option_strings:
        text += ' (required)'
    elif 'default' not in text and action.nargs != 0 and action.default not in (None, SUPPRESS):
        text += f' (default: {action.default})'
    return f'{", ".join(f"`{name}`" for name in names)}\n: {text.strip()}'


def reference():
    """Return the reference as Markdown, a section for each verb."""
    parts = []
    for name, text, parser in verbs():
        arguments = [argument(action) for action in parser._actions if action.help != SUPPRESS]
        parts += [f'## {name}', text.replace('``', '`').strip(),
                  f'```text\n{parser.format_usage().strip()}\n```', *arguments]
    return '\n\n'.join(parts)


def insert(app, docname, content):
    """Put the reference where a page wants it."""
    if PLACE in content[0]:
        content[0] = content[0].replace(PLACE, reference())


def setup(app):
    """Hook it into Sphinx."""
    app.connect('source-read', insert)
    return dict(parallel_read_safe=True)
