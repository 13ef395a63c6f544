#!/usr/bin/env python3
"""Compiles mmcv with its ops into a wheel that fits the PyTorch of the Python that runs it.

Nearly all of a plain build's time goes into debug symbols and into reading PyTorch's headers once
per source file. So symbols are left out, and with GCC the headers are compiled beforehand, once.
"""

import argparse
import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import time
from glob import glob
from pathlib import Path

HEADER = 'torch/types.h'  # what all of mmcv's sources include first
STANDARDS = 'c++17', 'c++20'  # what PyTorch's headers ask for, up to 2.13 and after


class BuildError(Exception):
    """A reason why mmcv cannot be compiled here, with what to do about it."""


def find_compiler(env=os.environ, which=shutil.which):
    """Returns the C++ compiler to use.

    Raises:
        BuildError: If there is none.
    """
    for name in (env.get('CXX'), 'c++', 'g++', 'clang++'):
        if name and which(name.split()[0]):
            return name
    raise BuildError(
        'no C++ compiler (looked for $CXX, c++, g++, clang++), and mmcv must be compiled here.\n'
        'Debian: apt-get install g++, then run this again'
    )


def check_python_headers(include=None):
    """Refuses a Python that nothing can be compiled for, as Debian's bare one."""
    include = include or sysconfig.get_path('include')
    if not os.path.exists(os.path.join(include, 'Python.h')):
        version = f'{sys.version_info[0]}.{sys.version_info[1]}'
        raise BuildError(
            f"no Python.h in {include}, and mmcv must be compiled against Python's headers.\n"
            f'Debian: apt-get install python{version}-dev, then run this again'
        )


def is_gcc(compiler):
    """Tells whether a compiler is the real GCC; clang claims to be, and says that it is clang."""
    run = subprocess.run(
        [*compiler.split(), '-dM', '-E', '-x', 'c++', os.devnull],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    return '__GNUC__' in run.stdout and '__clang__' not in run.stdout


def fetch_source(requirement, folder):
    """Fetches mmcv's source; returns its folder.

    In a process of its own: pip, which finds it, brings a distutils that setuptools cannot replace.

    Raises:
        BuildError: If it cannot be had.
    """
    tool = Path(__file__).with_name('sources.py')
    run = subprocess.run(
        [sys.executable, str(tool), requirement, str(folder)], stderr=subprocess.PIPE, text=True)
    if run.returncode:
        raise BuildError(f'the source of {requirement} cannot be fetched: {run.stderr.strip()}')
    return folder / 'source'


def base_cflags():
    """Returns what ``$CFLAGS`` must be, whichever version of setuptools and PyTorch reads it.

    Setuptools appends it to the interpreter's own flags, later versions put it in their place.
    PyTorch adds the macro that chooses the C++ library's ABI, later versions do not.
    """
    # Setuptools refuses to replace Python 3.11's own distutils once PyTorch has imported that.
    import setuptools  # noqa: F401, I001
    import torch

    own, users = sysconfig.get_config_var('CFLAGS'), os.environ.get('CFLAGS')
    abi = f'-D_GLIBCXX_USE_CXX11_ABI={int(torch.compiled_with_cxx11_abi())}'
    return ' '.join(filter(None, [own, users, abi, '-g0']))


def compile_flags():
    """Returns the flags that setuptools and PyTorch will give to each source file.

    A precompiled header is accepted only under the flags it was made with. So they are asked for
    where setuptools asks, with ``$CFLAGS`` and the like. The standard is still to be added.
    """
    from setuptools._distutils.ccompiler import new_compiler
    from setuptools._distutils.sysconfig import customize_compiler
    from torch.utils.cpp_extension import include_paths

    compiler = new_compiler()
    customize_compiler(compiler)
    includes = [*include_paths(), sysconfig.get_path('include')]
    return [
        *compiler.compiler_so[1:],
        *(f'-I{path}' for path in includes),
        '-fPIC',
    ]


def find_standard(compiler, flags, log):
    """Returns the first C++ standard that PyTorch's headers accept, such as ``'c++17'``.

    They refuse a standard that is too old by an ``#error``, so that it is enough to read them.

    Raises:
        BuildError: If they accept none, or the compiler knows none that they accept.
    """
    for standard in STANDARDS:
        command = [*compiler.split(), *flags, f'-std={standard}', '-E', '-x', 'c++', '-']
        include = f'#include <{HEADER}>\n'
        if not subprocess.run(
            command, input=include, stdout=subprocess.DEVNULL, stderr=log, text=True
        ).returncode:
            return standard
    raise BuildError(
        f"{compiler} does not read PyTorch's headers as {' or '.join(STANDARDS)}, see the log.\n"
        'Set CXX to a newer compiler, then run this again'
    )


def precompile_header(compiler, flags, folder, log):
    """Compiles PyTorch's headers, unless that is done, and sees that the compiler takes the result.

    Args:
        compiler (str): The C++ compiler.
        flags (list[str]): The flags of the compile that shall use it.
        folder (Path): Where to put it.
        log (IO): Takes what the compiler says.

    Returns:
        Path | None: The header to include; None if the compiler makes or takes none.
    """
    header = folder / 'p.h'
    if is_header_taken(compiler, flags, header, log):
        return header
    shutil.rmtree(str(folder), ignore_errors=True)
    folder.mkdir(parents=True)
    header.write_text(f'#include <{HEADER}>\n')
    unfinished = folder / 'unfinished'
    command = [*compiler.split(), *flags, '-x', 'c++-header', str(header), '-o', str(unfinished)]
    if subprocess.run(command, stdout=log, stderr=log).returncode:
        return None
    unfinished.rename(f'{header}.gch')
    return header if is_header_taken(compiler, flags, header, log) else None


def is_header_taken(compiler, flags, header, log):
    """Tells whether the compiler uses a precompiled header rather than read the headers again."""
    if not header.exists():
        return False
    probe = header.with_name('probe.cpp')
    probe.write_text('')
    # A macro of the extension's own is defined here as it will be then.
    own = ['-DTORCH_EXTENSION_NAME=_ext', '-include', str(header), '-Winvalid-pch', '-H']
    command = [*compiler.split(), *flags, *own, '-c', str(probe), '-o', str(probe) + '.o']
    run = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    log.write(run.stderr)
    log.flush()
    # -H lists what is read: "! file" is a precompiled header in use, "x file" one refused.
    return f'! {header}.gch' in run.stderr


def set_standard(source, standard):
    """Lets mmcv's setup.py ask for a C++ standard: it names C++17, whatever PyTorch needs."""
    setup = source / 'setup.py'
    setup.write_text(re.sub(r'-std=c\+\+(17|20)', f'-std={standard}', setup.read_text()))


def count_jobs():
    """Returns how many compilers to run at once: one a CPU, if the memory allows it."""
    affinity = getattr(os, 'sched_getaffinity', None)
    cpus = len(affinity(0)) if affinity else os.cpu_count()
    memory_gb = os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30
    return max(1, min(cpus, int(memory_gb / 1.5)))


def has_cuda_compiler():
    """Tells whether there is an nvcc of the CUDA release that PyTorch was built for."""
    import torch
    from torch.utils.cpp_extension import CUDA_HOME

    nvcc = os.path.join(CUDA_HOME or '', 'bin', 'nvcc')
    if not torch.version.cuda or not os.path.exists(nvcc):
        return False
    run = subprocess.run([nvcc, '--version'], stdout=subprocess.PIPE, text=True)
    return f'release {torch.version.cuda.split(".")[0]}.' in run.stdout


def build_environment(compiler, header):
    """Returns the variables for mmcv's setup.py."""
    env = dict(os.environ, MMCV_WITH_OPS='1', CXX=compiler)
    env.setdefault('MAX_JOBS', str(count_jobs()))
    if header:
        env['CFLAGS'] += f' -include {shlex.quote(str(header))}'
    if not has_cuda_compiler():  # with a GPU in sight setup.py would call it: ops for the CPU then
        env['CUDA_VISIBLE_DEVICES'] = ''
    return env


def build_wheel(source, folder, env, log):
    """Runs mmcv's setup.py, with a line of progress; returns whether it succeeded."""
    start = last = time.time()
    command = [sys.executable, 'setup.py', 'bdist_wheel', '-d', str(folder)]
    process = subprocess.Popen(
        command,
        cwd=str(source),
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    terminal = sys.stdout.isatty()
    for line in process.stdout:
        log.write(line)
        step = re.match(r'\[(\d+)/(\d+)\] ', line)  # ninja's own count
        if step and (terminal or time.time() - last >= 20 or step.group(1) == step.group(2)):
            last = time.time()
            done = f'        compiling mmcv, {step.group(1)} of {step.group(2)} files'
            print(f'{done}, {last - start:.0f} s', end='\r' if terminal else '\n', flush=True)
    log.flush()
    if terminal:
        print()
    return process.wait() == 0


def build(requirement, folder, log):
    """Compiles mmcv; the wheel is then in ``folder``."""
    compiler = find_compiler()
    check_python_headers()
    folder.mkdir(parents=True, exist_ok=True)
    source = fetch_source(requirement, folder)
    os.environ['CFLAGS'] = base_cflags()
    flags = compile_flags()
    standard = find_standard(compiler, flags, log)
    set_standard(source, standard)
    header = None
    if is_gcc(compiler):
        print("        compiling PyTorch's headers beforehand", flush=True)
        header = precompile_header(
            compiler, [*flags, f'-std={standard}'], folder / 'header', log)
    if header is None:
        print('        no precompiled header with this compiler, so this takes longer', flush=True)
    for attempt in [header, None] if header else [None]:
        if build_wheel(source, folder, build_environment(compiler, attempt), log):
            if glob(str(source / 'build' / 'lib*' / 'mmcv' / '_ext*')):
                return
            raise BuildError("mmcv's setup.py made no ops, see the log")
        if attempt:
            print('        that failed, once more without the precompiled header', flush=True)
    raise BuildError('the compiler failed, see the log')


def main():
    """Reads the command line and builds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('requirement', help='what to build, such as mmcv==2.1.0')
    parser.add_argument('folder', type=Path, help='where to build; the wheel is left there')
    parser.add_argument('log', type=Path, help='the file that takes the output of all commands')
    args = parser.parse_args()
    with args.log.open('a') as log:
        try:
            build(args.requirement, args.folder.resolve(), log)
        except BuildError as error:
            print(error)  # the set-up's own output; what PyTorch says on stderr goes to the log
            sys.exit(1)
        except KeyboardInterrupt:
            sys.exit(130)  # the set-up that called this says it


if __name__ == '__main__':
    main()
