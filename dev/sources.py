#!/usr/bin/env python3
"""Fetches the source of a package without running its ``setup.py``, and mends known faults in it.

``pip download`` runs the ``setup.py`` of a source that it fetches, and those of mmcv 2.1.0 and
xtcocotools 1.14.3 fail on Python 3.13. So pip only finds the archive and gets it, by the user's own
index, ``PIP_FIND_LINKS``, proxy, certificates and so on. It has no command for this, so that the
calls are into its inside; both sets pin pip.
"""

import argparse
import hashlib
import re
import sys
import tarfile
from pathlib import Path

# Known faults of the setup.py files: what to look for and what to put in its place.
PATCHES = (
    # Since Python 3.13 `exec` in a function writes to a copy of its local variables (PEP 667).
    (r"exec\(compile\(f\.read\(\), version_file, 'exec'\)\)",
     "exec(compile(f.read(), version_file, 'exec'), globals())"),
    (r"\blocals\(\)\[", 'globals()['),
    # xtcocotools: would download what is installed already.
    (r'\n *setup_requires=[^\n]*', ''),
)


class SourceError(Exception):
    """A reason why a source cannot be had."""


def download(requirement, folder):
    """Downloads a source distribution by pip's own settings.

    Args:
        requirement (str): Name and version, such as ``'mmcv==2.1.0'``.
        folder (Path): Where to put it.

    Returns:
        Path: The archive.

    Raises:
        SourceError: If pip finds none, or what it finds is not what the index promised.
    """
    from pip._internal.commands import create_command
    from pip._vendor.packaging.requirements import Requirement

    wanted, command = Requirement(requirement), create_command('download')
    with command.main_context():
        options, _ = command.parse_args(['--no-binary', ':all:'])
        session = command.get_default_session(options)
        finder = command._build_package_finder(options, session)
        found = finder.find_best_candidate(wanted.name, wanted.specifier).best_candidate
        if found is None:
            raise SourceError(f'pip finds no source of {requirement}')
        link = found.link
        try:
            answer = session.get(link.url_without_fragment)
            answer.raise_for_status()
        except OSError as error:  # all that requests raises
            raise SourceError(f'{link.url_without_fragment}: {error}') from error
    if link.hash and hashlib.new(link.hash_name, answer.content).hexdigest() != link.hash:
        raise SourceError(f'{link.filename} has not the {link.hash_name} that the index gives')
    archive = folder / link.filename
    archive.write_bytes(answer.content)
    return archive


def fetch_source(requirement, folder):
    """Downloads, unpacks and mends a source, unless that is done.

    Args:
        requirement (str): Name and version, such as ``'mmcv==2.1.0'``.
        folder (Path): Where to put it.

    Returns:
        Path: The source's own folder, which holds its ``setup.py``.

    Raises:
        SourceError: If it cannot be had.
    """
    source = folder / 'source'
    if not source.exists():
        folder.mkdir(parents=True, exist_ok=True)
        unpacked = folder / 'unpacked'
        # Pythons older than this safety do not know the word.
        safety = {'filter': 'data'} if hasattr(tarfile, 'data_filter') else {}
        with tarfile.open(str(download(requirement, folder))) as tar:
            tar.extractall(str(unpacked), **safety)
        inner, = unpacked.iterdir()
        patch_setup(inner / 'setup.py')
        inner.rename(source)  # last: only a whole one counts
        unpacked.rmdir()
    return source


def patch_setup(setup):
    """Mends a ``setup.py``."""
    text = setup.read_text(encoding='utf-8')
    for pattern, replacement in PATCHES:
        text = re.sub(pattern, replacement, text)
    setup.write_text(text, encoding='utf-8')


def main():
    """Reads the command line and fetches."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('requirement', help='what to fetch, such as xtcocotools==1.14.3')
    parser.add_argument('folder', type=Path, help='where to put it, in a folder "source"')
    args = parser.parse_args()
    try:
        fetch_source(args.requirement, args.folder.resolve())
    except SourceError as error:
        sys.exit(str(error))


if __name__ == '__main__':
    main()
