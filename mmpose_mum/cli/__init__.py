"""The command ``mmpose-mum``: a module here for each verb, whose docstring is the verb's help.

Such a module has ``add_arguments(parser)`` and ``run(args)``, and imports slow modules only when it
runs. An error that the user can fix is raised as ImportError, OSError or ValueError. A verb with
``NEEDS_HOST = False`` runs even if MMPose and its dependencies cannot be imported. One with
``WRITES_FOLDER = True`` has a folder as ``--out``. Whether it can be written is asked here.
"""
import sys
import warnings
from argparse import ArgumentError, ArgumentParser, RawDescriptionHelpFormatter
from importlib import import_module
from pathlib import Path
from typing import Optional, Sequence

from .. import register
from .._moved import REMOVED_IN, SCRIPT_FLAGS, SCRIPTS
from ..files.whole import check_writable
from ..version import __version__

VERBS = ('convert', 'split', 'boxes', 'detect', 'preview', 'plot', 'compare', 'publish', 'export',
         'suggest', 'merge', 'report', 'doctor')


def main(args: Optional[Sequence[str]] = None) -> None:
    """Run one verb.

    Args:
        args (Sequence[str], optional): The verb and its arguments, by default the command line's.

    Raises:
        SystemExit: With an error in one message (exit code 1), or for a wrong command line (exit
            code 2).
    """
    args = sys.argv[1:] if args is None else args
    parser = ArgumentParser(
        prog='mmpose-mum', description="Semi-supervised training of MMPose's top-down models.",
        epilog='`mmpose-mum VERB --help` explains a verb, with an example.')
    parser.add_argument('--version', action='version', version=__version__)
    parsers = parser.add_subparsers(dest='verb', metavar='VERB', title='verbs', required=True)
    for verb in VERBS:
        module = import_module(f'{__name__}.{verb}')
        text = (module.__doc__ or '').replace('``', '`')
        verb_parser = parsers.add_parser(
            verb, help=text.split('\n')[0], description=text,
            formatter_class=RawDescriptionHelpFormatter)
        if verb in args[:1]:
            module.add_arguments(verb_parser)
            verb_parser.set_defaults(parser=verb_parser, module=module)
    options = parser.parse_args(args)
    verb_parser, module = options.parser, options.module
    for name in ('parser', 'module', 'verb'):
        delattr(options, name)
    out = getattr(options, 'out', None)
    try:
        if getattr(module, 'NEEDS_HOST', True):
            register()
        if out:
            check_writable(Path(out, 'any') if getattr(module, 'WRITES_FOLDER', False)
                           else Path(out))
        module.run(options)
    except ArgumentError as error:
        verb_parser.error(str(error))
    except (ImportError, OSError, ValueError) as error:
        raise SystemExit(f'{verb_parser.prog}: {error}') from error
    except KeyError as error:
        if 'registry' not in str(error):
            raise
        # MMEngine's, of a component that nobody registered.
        raise SystemExit(f'{verb_parser.prog}: {error.args[0]}') from error


def run_script(path: str) -> None:
    """Run the verb that a script of ``tools/`` stands for, with the command line's arguments.

    Args:
        path (str): The script. Its name is a verb, or an old name from before there were verbs.
    """
    name, args = Path(path).stem, sys.argv[1:]
    if name in SCRIPTS:
        command = SCRIPTS[name]
        warnings.warn(f'tools/{name}.py is now `mmpose-mum {" ".join(command)}`; {REMOVED_IN} '
                      'removes the script', DeprecationWarning, stacklevel=2)
        for i, (flag, equals, value) in enumerate(arg.partition('=') for arg in args):
            args[i] = SCRIPT_FLAGS.get(flag, flag) + equals + value
    else:
        command = [name]
    main([*command, *args])
