"""What the notebooks run first: a cell of shell commands, in the checkout's root.

IPython's own ``%%bash`` hands its output on in pieces, which the site shows with lines broken where
a piece ends, and its exceptions do not tell what the command said.
"""
import os
import subprocess
from pathlib import Path

from IPython.core.magic import register_cell_magic

ROOT = Path(__file__).parents[2]
os.chdir(ROOT)


@register_cell_magic
def shell(line, cell):
    """Run a cell by bash until a command fails, and print what it printed."""
    done = subprocess.run(['bash', '-ec', cell], text=True, capture_output=True,
                          stdin=subprocess.DEVNULL)
    print(done.stdout.replace(f'{ROOT}/', ''), end='', flush=True)
    if done.returncode:
        raise RuntimeError(f'exit code {done.returncode}: {done.stderr[-3000:]}')
