#!/usr/bin/env python3
"""Makes ``.venv`` with all that the project needs, in one of two pinned sets (``stacks.py``).

PyTorch comes first, then mmcv and xtcocotools, which may have to be compiled, then the rest. A
set-up that was interrupted continues where it stopped, and one that is complete is only looked at.
Both keep the set and the Python that ``.venv`` has, unless the user asks for another. Until that
one is complete, the old one lies in ``.venv.old``.

Runs with the standard library alone, and keeps to old syntax, so that a Python that is too old
still hears what is wrong.
"""

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.request
from glob import glob
from threading import Thread

from setup_errors import (
    SetupError,
    check_disk,
    check_venv_module,
    explain,
    import_error,
    lacks_system_library,
)
from stacks import STACKS, choose_stack, read_capability

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
VENV = os.path.join(ROOT, '.venv')
PYTHON = os.path.join(VENV, 'bin', 'python')
LOG = os.path.join(VENV, 'setup.log')
STAMP = os.path.join(VENV, 'setup.stamp')
STACK = os.path.join(VENV, 'setup.stack')  # holds the name of its set; only this set-up writes it
# A change of one of these, or of the set's pins, sets up again; pip then finds most of it done.
INPUTS = ('setup.py', 'pyproject.toml', 'model-index.yml', 'configs/baselines/metafile.yml',
          'configs/pose_mum/metafile.yml', 'mmpose_mum/version.py', 'dev/setup_env.py',
          'dev/setup_errors.py', 'dev/stacks.py', 'dev/sources.py', 'dev/build_mmcv.py')

TORCH_CPU_INDEX = 'https://download.pytorch.org/whl/cpu'
MMCV_INDEX = 'https://download.openmmlab.com/mmcv/dist/{build}/torch{torch}/index.html'
CPU_BUILD_GB, CUDA_BUILD_GB = 4, 9  # the whole environment, and what pip unpacks on the way
PATIENCE_S = 5  # how long such an index may take to answer
START = time.time()

# Loads the compiled ops alone: at that moment nothing else that mmcv imports is installed.
LOAD_OPS = """
import glob, importlib.util, os, torch
folder = os.path.dirname(importlib.util.find_spec('mmcv').origin)
spec = importlib.util.spec_from_file_location('_ext', glob.glob(folder + '/_ext*.so')[0])
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
module.nms
"""
# Likewise; one that was compiled for NumPy 1 does not load with NumPy 2.
LOAD_MASKS = 'import xtcocotools.mask'
# Tries what must work, in one process, and names what does not.
TRY_IMPORTS = """
for line in ('import cv2', 'import mmengine', 'from mmcv.ops import nms', 'import xtcocotools.mask',
             'import pycocotools.mask', 'import mmdet', 'import mmpose', 'import mim',
             'import mmpose_mum'):
    try:
        exec(line)
    except BaseException as error:
        print(f'`{line}` fails: {type(error).__name__}: {error}')
        raise
"""


def fingerprint():
    """Returns a hash of all that the environment was made from."""
    digest = hashlib.sha256(VENV.encode())  # the path is in its scripts: moving breaks them
    for name in (requirements(),) + INPUTS:
        with open(os.path.join(ROOT, name), 'rb') as file:
            digest.update(file.read())
    with open(os.path.join(VENV, 'pyvenv.cfg'), 'rb') as file:  # names the Python and its version
        digest.update(file.read())
    return digest.hexdigest()


def is_complete():
    """Tells whether the environment is there, works and is up to date."""
    try:
        with open(STAMP) as file:
            return file.read() == fingerprint() and has_venv()
    except OSError:
        return False


def has_venv():
    """Tells whether ``.venv`` is whole, by its last file, and was made where it lies now."""
    try:
        with open(os.path.join(VENV, 'bin', 'pip')) as file:
            return VENV in file.read() and os.path.exists(PYTHON)
    except OSError:
        return False


def venv_stack():
    """Returns the set that ``.venv`` has, None if this set-up did not make it."""
    try:
        with open(STACK) as file:
            return STACKS.get(file.read().strip())
    except OSError:
        return None


def venv_python():
    """Returns the version of ``.venv``'s Python, such as ``(3, 11)``."""
    with open(os.path.join(VENV, 'pyvenv.cfg')) as file:
        found = re.search(r'^version\S* *= *(\d+)\.(\d+)', file.read(), re.MULTILINE)
    return (int(found.group(1)), int(found.group(2))) if found else None


def keeps_venv(stack, own_python):
    """Tells whether the ``.venv`` that is there is the one that the user wants.

    Args:
        stack (str | None): The set that the user asks for.
        own_python (bool): Whether the user asks for the Python that runs this.
    """
    return (has_venv() and stack in (None, venv_stack().name)
            and (not own_python or venv_python() == tuple(sys.version_info[:2])))


def requirements():
    """Returns the file that pins ``.venv``'s set."""
    return os.path.join(ROOT, venv_stack().requirements)


def environment():
    """Returns the variables for commands in ``.venv``: nothing from outside it gets in."""
    env = dict(os.environ, VIRTUAL_ENV=VENV, PYTHONNOUSERSITE='1', PIP_USER='0',
               PIP_DISABLE_PIP_VERSION_CHECK='1',
               PATH=os.path.join(VENV, 'bin') + os.pathsep + os.environ.get('PATH', ''))
    for name in ('PYTHONPATH', 'PYTHONHOME'):
        env.pop(name, None)
    return env


def run(*arguments, **options):
    """Runs ``.venv``'s Python; the output goes to the log. Returns (succeeded, its output)."""
    with open(LOG, 'ab') as log:
        log.write(('\n$ python ' + ' '.join(arguments) + '\n').encode())
        log.flush()
        start = log.tell()
        code = subprocess.call((PYTHON,) + arguments, cwd=ROOT, env=environment(),
                               stdin=subprocess.DEVNULL, stderr=log,
                               stdout=options.get('stdout', log))
    with open(LOG, 'rb') as log:
        log.seek(start)
        return code == 0, log.read().decode('utf-8', 'replace')


def must_run(what, *arguments, **options):
    """Like ``run``, but a failure shows the end of the log and stops."""
    succeeded, output = run(*arguments, **options)
    if not succeeded:
        sys.stderr.write('\n' + '\n'.join(output.strip().splitlines()[-25:]) + '\n\n')
        raise explain(output, what, LOG)


def answers(url, patience=PATIENCE_S):
    """Tells whether a web page exists, within a bounded time even if names do not resolve."""
    found = []

    def ask():
        try:
            with urllib.request.urlopen(url, timeout=patience) as page:
                found.append(page.getcode() == 200)
        except (OSError, ValueError):  # URLError, time-outs and bad proxies among them
            pass

    thread = Thread(target=ask)
    thread.daemon = True
    thread.start()
    thread.join(patience)
    return bool(found and found[0])


def pin(name):
    """Returns the requirement that pins a package, without its marker."""
    with open(requirements()) as file:
        return re.search(rf'^({name}==[^\s;]+)', file.read(), re.MULTILINE).group(1)


def gpu_capability():
    """Returns the newest GPU's compute capability, such as ``(9, 0)``, or None."""
    try:
        return read_capability(subprocess.check_output(
            ['nvidia-smi', '--query-gpu=compute_cap', '--format=csv,noheader'],
            stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, universal_newlines=True,
            timeout=60))
    except (OSError, subprocess.SubprocessError):
        return None  # no driver, or one that is too old to tell


def has_nvidia_gpu():
    """Tells whether this machine has an NVIDIA GPU with its driver."""
    return os.path.exists('/proc/driver/nvidia/version') or bool(shutil.which('nvidia-smi'))


def torch_options(gpu, asks=answers):
    """Returns pip's options for PyTorch: without a GPU the small CPU build, where it is to be had.

    The CPU build's version, 2.1.2+cpu, counts as newer than 2.1.2, so pip prefers it by itself.
    """
    if gpu or not asks(TORCH_CPU_INDEX + '/torch/'):
        return []
    return ['--extra-index-url', TORCH_CPU_INDEX]


def mmcv_index(torch_version, cuda):
    """Returns the address of OpenMMLab's ready-made mmcv wheels for a PyTorch.

    Args:
        torch_version (str): As in ``torch.__version__``, such as ``'2.1.2+cu121'``.
        cuda (str): As in ``torch.version.cuda``, such as ``'12.1'``; empty for a CPU build.
    """
    build = 'cu' + cuda.replace('.', '') if cuda else 'cpu'
    # One build serves all of a PyTorch's patch releases.
    return MMCV_INDEX.format(build=build, torch='.'.join(torch_version.split('.')[:2]) + '.0')


def install_torch():
    """Installs PyTorch."""
    options = torch_options(has_nvidia_gpu())
    if not glob(os.path.join(VENV, 'lib', '*', 'site-packages', 'torch')):
        check_disk(shutil.disk_usage(ROOT).free, CPU_BUILD_GB if options else CUDA_BUILD_GB, ROOT)
    say('PyTorch, ' + ('CPU build' if options else "the package index's build (some GB)"))
    must_run('installing PyTorch', '-m', 'pip', 'install', pin('torch'), pin('torchvision'),
             '-c', requirements(), *options)


def install_mmcv():
    """Installs mmcv with its ops: a ready-made wheel if there is one, else compiled here."""
    if run('-c', LOAD_OPS)[0]:
        return
    pip = ('-m', 'pip', 'install', '--no-deps', '--force-reinstall', '--only-binary', 'mmcv',
           pin('mmcv'))
    if run(*pip)[0]:
        if run('-c', LOAD_OPS)[0]:
            return say('mmcv, a ready-made wheel')
        say('mmcv: the wheel that pip found has no ops for this PyTorch, looking further')
    facts = run('-c', 'import torch; print(torch.__version__, torch.version.cuda or "")')[1].split()
    index = mmcv_index(facts[0], ''.join(facts[1:]))
    if answers(index) and run(*(pip + ('--retries', '1', '--timeout', '30', '-f', index)))[0]:
        if run('-c', LOAD_OPS)[0]:
            return say('mmcv, OpenMMLab\'s ready-made wheel')
        say('mmcv: OpenMMLab\'s wheel does not load with this PyTorch')
    say('mmcv, compiled once (no ready-made wheel for this PyTorch was found)')
    build = os.path.join(VENV, 'mmcv')
    must_run('compiling mmcv', os.path.join(ROOT, 'dev', 'build_mmcv.py'), pin('mmcv'), build, LOG,
             stdout=None)
    wheel = [name for name in os.listdir(build) if name.endswith('.whl')][0]
    must_run('installing mmcv', '-m', 'pip', 'install', '--no-deps', '--force-reinstall',
             os.path.join(build, wheel))
    if not run('-c', LOAD_OPS)[0]:
        raise SetupError('an mmcv without its ops', '`from mmcv.ops import nms` to work',
                         'see the end of ' + LOG + '; remove .venv and run this again')
    shutil.rmtree(build)


def install_xtcocotools():
    """Installs xtcocotools: a ready-made wheel if one loads with this NumPy, else compiled here."""
    if run('-c', LOAD_MASKS)[0]:
        return
    pip = '-m', 'pip', 'install', '--no-deps', '--force-reinstall'
    if run(*pip + ('--only-binary', 'xtcocotools', pin('xtcocotools')))[0]:
        if run('-c', LOAD_MASKS)[0]:
            return say('xtcocotools, a ready-made wheel')
    say('xtcocotools, compiled once (no ready-made wheel for this Python and NumPy was found)')
    build = os.path.join(VENV, 'xtcocotools')
    must_run('fetching the source of xtcocotools', os.path.join(ROOT, 'dev', 'sources.py'),
             pin('xtcocotools'), build)
    must_run('installing xtcocotools', *pip + ('--no-build-isolation',
                                               os.path.join(build, 'source')))
    if not run('-c', LOAD_MASKS)[0]:
        raise SetupError('an xtcocotools that does not load', f'`{LOAD_MASKS}` to work',
                         'see the end of ' + LOG + '; remove .venv and run this again')
    shutil.rmtree(build)


def install_rest():
    """Installs everything else, and the package itself in place."""
    say('the other pinned packages')
    must_run('installing the pinned packages', '-m', 'pip', 'install', '--no-deps',
             '-r', requirements())
    works, output = run('-c', 'import cv2')
    if not works and lacks_system_library(output):
        # The headless build is the same library without windows, which nothing here opens.
        say('OpenCV without windows, since this machine has no libGL')
        must_run('removing OpenCV', '-m', 'pip', 'uninstall', '-y', 'opencv-python')
        must_run('installing OpenCV', '-m', 'pip', 'install', '--no-deps', '--force-reinstall',
                 pin('opencv-python').replace('python', 'python-headless'))
    must_run('installing the package', '-m', 'pip', 'install', '--no-deps',
             '--no-build-isolation', '-e', '.')


def check_imports():
    """Imports everything; a failure says what it means."""
    say('checking that everything imports')
    works, output = run('-c', TRY_IMPORTS)
    if not works:
        raise import_error(output, LOG)


def say(text):
    """Prints one step of progress, with the time since the start."""
    minutes, seconds = divmod(int(time.time() - START), 60)
    print(f'set-up {minutes}:{seconds:02d}  {text}', flush=True)


def make_venv(stack):
    """Makes an empty ``.venv`` for a set; a complete one that is there becomes ``.venv.old``."""
    check_venv_module()
    was = ''
    if has_venv() and os.path.exists(STAMP):
        was = f', in the place of the {venv_stack().name} one'
        discard(VENV + '.old')
        os.rename(VENV, VENV + '.old')
    discard(VENV)
    say(f'a virtual environment in .venv, by Python {sys.version.split()[0]}{was}')
    os.mkdir(VENV)
    with open(STACK, 'w') as file:  # first, so that an interrupted one is known as ours
        file.write(stack.name)
    if subprocess.call([sys.executable, '-m', 'venv', VENV]):
        raise SetupError(f'`{sys.executable} -m venv` fails', 'a new .venv', 'see above')


def discard(folder):
    """Removes an environment, if it is there; half of one never keeps its name."""
    trash = VENV + '.trash'
    for path in (trash, folder):
        if os.path.lexists(path):
            os.rename(path, trash)
        if os.path.islink(trash):
            os.unlink(trash)
        else:
            shutil.rmtree(trash, ignore_errors=True)


def check_owner():
    """Refuses a ``.venv`` that is the user's own, which nothing here may change."""
    if os.path.lexists(VENV) and not venv_stack():
        raise SetupError(f'{VENV}, which this set-up has not made', 'none, or one of its own',
                         'move it away or remove it. To use an environment of your own, install '
                         'into it with `pip install -e .`, and run pytest there')


def way_back():
    """Returns how to go back to the environment before, if there is one."""
    return (f'\n  The environment before lies in {VENV}.old. To have it back, remove {VENV}, and '
            f'rename {VENV}.old to that.' if os.path.isdir(VENV + '.old') else '')


def main():
    """Sets up, or sees that there is nothing to do."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--stack', help='the set to install: ' + ', '.join(sorted(STACKS)))
    parser.add_argument('--own-python', action='store_true',
                        help='replace a .venv of another Python than the one that runs this')
    args = parser.parse_args()
    check_owner()
    keeps = keeps_venv(args.stack, args.own_python)
    if keeps and is_complete():
        return
    if keeps:
        say(f'the {venv_stack().name} set, as .venv was begun with it')
    else:
        stack, reason = choose_stack(tuple(sys.version_info[:2]), gpu_capability(), args.stack)
        say(f'the {stack.name} set: {reason}')
        make_venv(stack)
    must_run('installing pip', '-m', 'pip', 'install', pin('pip'), pin('setuptools'), pin('wheel'),
             pin('ninja'))
    install_torch()
    install_mmcv()
    must_run('installing Cython', '-m', 'pip', 'install', pin('cython'))
    install_xtcocotools()
    install_rest()
    check_imports()
    with open(STAMP, 'w') as file:
        file.write(fingerprint())
    discard(VENV + '.old')
    say('done')


if __name__ == '__main__':
    try:
        main()
    except SetupError as error:
        sys.exit(str(error) + way_back())
    except KeyboardInterrupt:
        sys.exit('\nset-up interrupted; run it again to continue' + way_back())
