"""What can be wrong with a machine or go wrong in the set-up, and what to do about each.

Standard library and old syntax, as in ``setup_env.py``.
"""

import re
import sys


class SetupError(Exception):
    """A reason to stop: what was found, what is expected, and what to do."""

    def __init__(self, found, expected, remedy):
        super().__init__(found)
        self.found, self.expected, self.remedy = found, expected, remedy

    def __str__(self):
        return (f'set-up failed\n  found:    {self.found}\n  expected: {self.expected}\n'
                f'  to do:    {self.remedy}')


def check_venv_module(version=tuple(sys.version_info[:2])):
    """Refuses a Python that cannot make virtual environments, as Debian's bare one."""
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError as error:
        raise SetupError(
            f'a Python without {error.name} ({sys.executable})',
            'the modules venv and ensurepip',
            f'Debian: apt-get install python{version[0]}.{version[1]}-venv') from error


def check_disk(free_bytes, needed_gb, folder):
    """Refuses to begin what cannot end."""
    if free_bytes < needed_gb * 1e9:
        raise SetupError(
            f'{free_bytes / 1e9:.1f} GB free in {folder}',
            f'about {needed_gb} GB',
            'make room, or set up in a checkout on another disk')


def explain(log_tail, what, log):
    """Turns the end of a log into an error that says what to do."""
    expected = what + ' to succeed'
    if 'No space left on device' in log_tail:
        return SetupError('no space left on the disk', expected,
                          'make room (also where TMPDIR points), then run this again')
    if re.search('NewConnectionError|ConnectTimeout|ReadTimeout|name resolution|Max retries|'
                 'ProxyError|Connection refused|Network is unreachable', log_tail):
        return SetupError('the package index cannot be reached', expected,
                          'check the network (or pip\'s settings), then run this again')
    if 'No matching distribution found' in log_tail:
        return SetupError('a pinned version that the package index does not have', expected,
                          'see the log above; check pip\'s index settings')
    if re.search(r'Python\.h: No such file', log_tail):
        python = (re.findall(r'/(python3\.\d+)', log_tail) or ['python3'])[-1]
        return SetupError('no Python.h', expected + ', which compiles',
                          f'Debian: apt-get install {python}-dev, then run this again')
    if re.search(r'command .* failed: No such file|unable to execute', log_tail):
        return SetupError('no C compiler', expected + ', which compiles',
                          'Debian: apt-get install gcc, then run this again')
    return SetupError(what + ' failed', expected, 'see the log above, in full in ' + log)


def import_error(output, log):
    """Returns the error for an import that failed, from the output of the check."""
    found = re.search('`.*', output)
    found = found.group() if found else output.strip()[-300:] or 'a crash without a word'
    remedy = f'see the end of {log}; if in doubt remove .venv and run this again'
    if lacks_system_library(output):
        remedy = 'Debian: apt-get install libgl1 libglib2.0-0, then run this again'
    elif 'mmcv.ops' in found:
        remedy = 'mmcv has no ops that fit this PyTorch; remove .venv and run this again'
    return SetupError(found, 'every import to work', remedy)


def lacks_system_library(output):
    """Tells whether an import failed for want of one of the system's graphics libraries."""
    return bool(re.search(r'lib(GL|gthread|glib|SM|Xext|Xrender)\S*: cannot open', output))
