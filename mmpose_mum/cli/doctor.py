"""Check this environment, and say what is wrong and what to do.

    mmpose-mum doctor

Paste the output into a bug report. It has versions and devices, but no user name or home folder.
The command imports the packages and runs one training step of a tiny model on each kind of device.
The exit code is 1 if something that training needs is missing or does not fit.
"""
import os
import platform
import re
import shutil
import sys
import warnings
from argparse import ArgumentParser, Namespace
from importlib import import_module
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Iterator, List, Optional, Tuple

from ..host import HOST, numbers_of, problem_with

NEEDS_HOST = False
OF_SOME_CONFIGS = ('mmpretrain', 'albumentations')
# The distributions to report.
DISTRIBUTIONS = ('mmpose_mum', 'torch', 'torchvision', 'numpy', 'opencv-python',
                 'opencv-python-headless', 'mmengine', 'mmcv', 'mmdet', 'mmpose', 'pycocotools',
                 'xtcocotools', 'openmim', 'setuptools', *OF_SOME_CONFIGS)
REMEDY = 'To fix it: '  # what `problem_with` puts between a problem and what to do


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of the verb: none."""


def run(args: Namespace) -> None:
    """Print the report.

    Raises:
        SystemExit: With exit code 1, if there is something to fix.
    """
    warnings.simplefilter('ignore')  # the report is what this prints
    for name, fact in facts():
        print(f'{name:24}{hide_home(fact)}')
    problems = list(find_problems())
    for problem in problems:
        print('\n' + hide_home(problem))
    if problems:
        raise SystemExit(1)
    print('\nEverything that training needs is here and fits.')


def facts() -> Iterator[Tuple[str, str]]:
    """Yield what there is: names with versions or descriptions."""
    yield 'system', platform.platform()
    yield 'Python', platform.python_version() + (
        ', in a virtual environment' if sys.prefix != sys.base_prefix else '')
    affinity = getattr(os, 'sched_getaffinity', None)
    yield 'CPUs', str(len(affinity(0)) if affinity else os.cpu_count())
    for name in DISTRIBUTIONS:
        found = version_of(name)
        if found:
            yield name, found
    yield 'PyTorch built for', torch_build()
    yield 'GPUs', '; '.join(gpus()) or 'none that PyTorch sees'


def version_of(name: str) -> Optional[str]:
    """Return the version of an installed distribution, None if there is none."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def torch_build() -> str:
    """Return the CUDA release that PyTorch was built for, and the GPUs it has kernels for."""
    try:
        import torch
    except Exception as error:
        return f'unknown, as it cannot be imported ({type(error).__name__})'
    if not torch.version.cuda:
        return 'CPUs only' if not torch.version.hip else f'ROCm {torch.version.hip}'
    return f'CUDA {torch.version.cuda}' + (
        f', {" ".join(torch.cuda.get_arch_list())}' if torch.cuda.is_available() else '')


def gpus() -> List[str]:
    """Return name, compute capability and memory of each GPU that PyTorch sees."""
    try:
        import torch
        all_properties = [torch.cuda.get_device_properties(i)
                          for i in range(torch.cuda.device_count())]
    except Exception:  # `find_problems` tells of a PyTorch that does not load
        return []
    return [f'{gpu.name} ({gpu.major}.{gpu.minor}, {gpu.total_memory / 2**30:.0f} GiB)'
            for gpu in all_properties]


def find_problems() -> Iterator[str]:
    """Yield what is wrong, each with what to do."""
    host = [problem for problem in map(problem_with, HOST) if problem]
    yield from host
    yield from misfits()
    yield from mim_problems()
    if any('needs torch' in problem for problem in host):
        return
    yield from gpu_problems()
    if not host:
        yield from step_problems()


def misfits() -> Iterator[str]:
    """Yield the packages outside the versions that this package's extras for users name.

    With a newer albumentations, for one, a resume is not bit-exact: it draws its own numbers.
    """
    try:
        from packaging.requirements import Requirement
        wanted = requires('mmpose_mum') or []
    except (ImportError, PackageNotFoundError):  # a checkout on PYTHONPATH has no metadata
        return
    for requirement in map(Requirement, wanted):
        found = version_of(requirement.name)
        extra = 'models' if requirement.name in OF_SOME_CONFIGS else 'mim'
        named = not requirement.marker or requirement.marker.evaluate({'extra': extra})
        if named and found and not requirement.specifier.contains(found, prereleases=True):
            tried = f'{requirement.name}{requirement.specifier}'
            yield (f'{requirement.name} {found} is installed; mmpose_mum was tried with {tried}.\n'
                   f'{REMEDY}pip install "{tried}"')


def mim_problems() -> Iterator[str]:
    """Yield why ``mim train`` and ``mim run`` would not work."""
    try:
        installed_path = import_module('mim.utils').get_installed_path
    except Exception as error:
        old = numbers_of(version_of('torch') or '') < (2, 2)  # builds extensions with an older one
        remedy = 'pip install openmim==0.3.9' if 'pkg_resources' not in str(error) else \
            f'pip install "setuptools<{70 if old else 80}", which has it'
        yield (f'MIM cannot be imported, so `mim train` does not run: {type(error).__name__}: '
               f'{error}\n{REMEDY}{remedy}')
        return
    for name in ('mmpose', 'mmpose_mum'):
        try:
            configs = Path(installed_path(name), '.mim', 'configs')
        except Exception:  # it raises many kinds
            remedy = HOST[name][1] if name in HOST else 'pip install -e . in its checkout'
            yield f'MIM does not find {name}, as pip has not installed it.\n{REMEDY}{remedy}'
            continue
        if not configs.exists():
            yield (f'MIM looks for the configs of {name} in {configs}, which does not exist.\n'
                   f'{REMEDY}install {name} with pip again; in its checkout, `pip install -e .`')


def gpu_problems() -> Iterator[str]:
    """Yield why a GPU of this machine cannot be used."""
    import torch
    if not torch.cuda.is_available():
        if shutil.which('nvidia-smi'):
            built = torch.version.cuda
            yield ('this machine has an NVIDIA driver, but PyTorch sees no GPU.\n' + REMEDY + (
                f'check whether `nvidia-smi` lists the GPU, and whether its driver supports CUDA '
                f'{built}' if built else 'install a PyTorch that is built for CUDA'))
        return
    if torch.version.hip:  # `has_kernels` does not know the names of AMD's architectures
        return
    architectures = torch.cuda.get_arch_list()
    for i in range(torch.cuda.device_count()):
        gpu = torch.cuda.get_device_properties(i)
        if not has_kernels((gpu.major, gpu.minor), architectures):
            yield (f'this PyTorch has no kernels for {gpu.name} ({gpu.major}.{gpu.minor}), only '
                   f'for {" ".join(architectures)}.\n{REMEDY}install a newer PyTorch; in a '
                   'checkout, `make setup STACK=current`')


def has_kernels(capability: Tuple[int, int], architectures: List[str]) -> bool:
    """Tell whether a PyTorch runs on a GPU.

    Machine code (``sm_80``) runs on the same major version from its minor one on; PTX
    (``compute_80``) is compiled for every later GPU (CUDA C++ Programming Guide, "Compatibility").

    Args:
        capability (tuple[int, int]): The GPU's compute capability.
        architectures (list[str]): As of ``torch.cuda.get_arch_list``.
    """
    for name in architectures:
        parts = re.fullmatch(r'(sm|compute)_(\d+)(\d)[a-z]?', name)
        if not parts:
            continue
        built = int(parts[2]), int(parts[3])
        if built <= capability and (parts[1] == 'compute' or built[0] == capability[0]):
            return True
    return False


def step_problems() -> Iterator[str]:
    """Yield each kind of device on which a tiny model takes no training step, with the error."""
    import torch

    from .. import register
    try:
        register()
        from mmpose.registry import MODELS

        from ..engine.optim.autocast import has_bfloat16
        from ..testing import tiny_batch, tiny_config
        for device in ['cpu'] + ['cuda'] * torch.cuda.is_available():
            model = MODELS.build(tiny_config()).to(device)
            losses = model(**tiny_batch(model), mode='loss')
            model.parse_losses(losses)[0].backward()
            precision = 'bfloat16' if has_bfloat16(device) else 'float32, as it has no bfloat16'
            print(f'{"training step":24}works on {device}; AutocastOptimWrapper: {precision}')
    except Exception as error:
        yield (f'a training step of a tiny model fails: {type(error).__name__}: {error}\n'
               f'{REMEDY}report it, with this text')


def hide_home(text: str) -> str:
    """Return a text without the home folder, whose name tells who the user is."""
    home = os.path.expanduser('~')  # unchanged for a user without one, as in a container
    return text.replace(home, '~') if len(home) > 1 else text
