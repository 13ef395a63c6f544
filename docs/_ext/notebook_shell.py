"""What the notebooks run first: a cell of shell commands, in the checkout's root.

IPython's own ``%%bash`` hands its output on in pieces, which the site shows with lines broken where
a piece ends, and its exceptions do not tell what the command said.
"""
import os
import re
import subprocess
from pathlib import Path

from IPython.core.magic import register_cell_magic

ROOT = Path(__file__).parents[2]
os.chdir(ROOT)


# What a reader of a page can do without: progress bars, and what pycocotools says of each json.
CHATTER = re.compile(
    r'\[[> ]*\] \d+/\d+, |loading annotations|Done \(t=|creating index|index created')


def without_chatter(output: bytes) -> str:
    """Return what a command printed, as far as it is worth reading."""
    lines = output.decode().replace(f'{ROOT}/', '').split('\n')
    return '\n'.join(line for line in lines if not CHATTER.match(line.rpartition('\r')[2]))


@register_cell_magic
def shell(line, cell):
    """Run a cell by bash until a command fails, and print what it printed."""
    done = subprocess.run(['bash', '-ec', cell], capture_output=True, stdin=subprocess.DEVNULL)
    print(without_chatter(done.stdout), end='', flush=True)
    if done.returncode:
        raise RuntimeError(f'exit code {done.returncode}: {done.stderr.decode()[-3000:]}')
