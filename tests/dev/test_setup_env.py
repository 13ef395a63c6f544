"""The set-up script: its decisions, its error messages, and that a second run does nothing."""

import ast
import http.server
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / 'dev'))

import setup_env  # noqa: E402
import setup_errors  # noqa: E402
import stacks  # noqa: E402


@pytest.mark.parametrize('name', ['setup_env.py', 'setup_errors.py', 'stacks.py'])
def test_an_old_python_can_read_the_script(name):
    ast.parse((ROOT / 'dev' / name).read_text(), feature_version=(3, 6))


def test_a_bare_debian_python_hears_what_to_install(monkeypatch):
    setup_errors.check_venv_module()
    monkeypatch.setitem(sys.modules, 'ensurepip', None)
    with pytest.raises(setup_errors.SetupError, match='apt-get install python3.11-venv'):
        setup_errors.check_venv_module((3, 11))


def test_a_full_disk_is_seen_before_the_download():
    setup_errors.check_disk(9.5e9, 9, '/some/folder')
    with pytest.raises(setup_errors.SetupError, match='(?s)1.2 GB free in /some/folder.*9 GB'):
        setup_errors.check_disk(1.23e9, 9, '/some/folder')


@pytest.mark.parametrize(
    'tail, found',
    [
        ('OSError: [Errno 28] No space left on device', 'no space left'),
        ('NewConnectionError(...)\nERROR: No matching distribution found', 'cannot be reached'),
        ('ERROR: No matching distribution found for numpy==1.26.4', 'does not have'),
        ('common/maskApi.c: Python.h: No such file or directory', 'no Python.h'),
        ("error: command 'gcc' failed: No such file or directory", 'no C compiler'),
        ('error: something new', 'installing X failed'),
    ],
)
def test_pips_failures_are_told_apart(tail, found):
    error = setup_errors.explain(tail, 'installing X', '/the/log')
    assert found in error.found
    assert error.expected and error.remedy


def test_import_errors_say_what_they_mean():
    no_gl = '`import cv2` fails: ImportError: libGL.so.1: cannot open shared object file'
    assert 'apt-get install libgl1' in setup_errors.import_error(no_gl, 'log').remedy
    no_ops = "`from mmcv.ops import nms` fails: No module named 'mmcv._ext'\nTraceback …"
    error = setup_errors.import_error(no_ops, 'log')
    assert 'no ops that fit this PyTorch' in error.remedy
    assert error.found == no_ops.splitlines()[0]
    assert setup_errors.import_error('', 'log').found


def test_without_a_gpu_the_cpu_build_is_taken_where_its_index_answers():
    assert setup_env.torch_options(gpu=False, asks=lambda url: True)[0] == '--extra-index-url'
    assert setup_env.torch_options(gpu=False, asks=lambda url: False) == []
    assert setup_env.torch_options(gpu=True, asks=lambda url: True) == []


@pytest.mark.parametrize(
    'torch, cuda, folder',
    [
        ('2.1.2+cpu', '', 'cpu/torch2.1.0'),
        ('2.1.2+cu121', '12.1', 'cu121/torch2.1.0'),
        ('2.1.2', '11.8', 'cu118/torch2.1.0'),
    ],
)
def test_openmmlabs_index_for_a_pytorch(torch, cuda, folder):
    assert setup_env.mmcv_index(torch, cuda).endswith(f'/mmcv/dist/{folder}/index.html')


def test_an_index_that_answers_and_one_that_does_not():
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):  # noqa: N802
            self.send_response(200 if self.path == '/good' else 404)
            self.end_headers()

        def log_message(self, *args):
            pass

    server = http.server.HTTPServer(('127.0.0.1', 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f'http://127.0.0.1:{server.server_port}'
    assert setup_env.answers(address + '/good')
    assert not setup_env.answers(address + '/bad')
    server.shutdown()
    server.server_close()
    assert not setup_env.answers(address + '/good')
    assert not setup_env.answers('no address at all')


def test_an_index_that_hangs_is_given_up():
    with socket.socket() as silent:
        silent.bind(('127.0.0.1', 0))
        silent.listen(1)
        start = time.monotonic()
        assert not setup_env.answers(f'http://127.0.0.1:{silent.getsockname()[1]}/', 0.3)
        assert time.monotonic() - start < 2


@pytest.mark.parametrize(
    'loads, found, index, said',
    [
        ([True], [], False, ''),  # installed already
        ([False, True], [True], False, 'a ready-made wheel'),
        ([False, True], [False, True], True, "OpenMMLab's ready-made wheel"),
        ([False, False, True], [True, True], True, "OpenMMLab's ready-made wheel"),
        ([False, True], [False], False, 'compiled once'),
        ([False, False, True], [True], False, 'compiled once'),
        ([False, False], [False], False, 'compiled once'),
    ],
)
def test_mmcv_is_compiled_only_when_no_wheel_loads(
    tmp_path, monkeypatch, capsys, loads, found, index, said
):
    """By what the ops do when loaded, what pip finds and whether OpenMMLab's index answers."""
    fits, loads, found = loads[-1], iter(loads), iter(found)
    for name in ('VENV', 'LOG'):
        monkeypatch.setattr(setup_env, name, str(tmp_path))
    monkeypatch.setattr(setup_env, 'venv_stack', lambda: stacks.CLASSIC)
    (tmp_path / 'mmcv').mkdir()
    (tmp_path / 'mmcv' / 'mmcv-2.1.0-cp311.whl').touch()

    def run(*arguments, **options):
        if arguments[-1] == setup_env.LOAD_OPS:
            return next(loads), ''
        if arguments[0] == '-c':
            return True, '2.1.2+cpu \n'
        return next(found), ''

    monkeypatch.setattr(setup_env, 'run', run)
    monkeypatch.setattr(setup_env, 'must_run', lambda *arguments, **options: '')
    monkeypatch.setattr(setup_env, 'answers', lambda url: index)
    if fits:
        setup_env.install_mmcv()
    else:
        with pytest.raises(setup_errors.SetupError, match='mmcv without its ops'):
            setup_env.install_mmcv()
    assert said in capsys.readouterr().out
    assert not list(loads) and not list(found)


@pytest.mark.parametrize(
    'loads, found, said',
    [
        ([True], [], ''),  # installed already
        ([False, True], [True], 'a ready-made wheel'),
        ([False, False, True], [True], 'compiled once'),  # the wheel is for NumPy 1
        ([False, True], [False], 'compiled once'),  # no wheel for this Python
        ([False, False], [False], 'compiled once'),
    ],
)
def test_xtcocotools_is_compiled_only_when_no_wheel_loads(
    tmp_path, monkeypatch, capsys, loads, found, said
):
    """By what it does when loaded and what pip finds."""
    fits, loads, found, commands = loads[-1], iter(loads), iter(found), []
    for name in ('VENV', 'LOG'):
        monkeypatch.setattr(setup_env, name, str(tmp_path))
    monkeypatch.setattr(setup_env, 'venv_stack', lambda: stacks.CLASSIC)
    (tmp_path / 'xtcocotools').mkdir()
    monkeypatch.setattr(setup_env, 'run', lambda *arguments: (
        next(loads if arguments[-1] == setup_env.LOAD_MASKS else found), ''))
    monkeypatch.setattr(setup_env, 'must_run', lambda *arguments: commands.append(arguments))
    if fits:
        setup_env.install_xtcocotools()
    else:
        with pytest.raises(setup_errors.SetupError, match='xtcocotools that does not load'):
            setup_env.install_xtcocotools()
    assert said in capsys.readouterr().out
    assert not list(loads) and not list(found)
    source = str(tmp_path / 'xtcocotools' / 'source')
    assert [source in command for command in commands] == [False, True] * ('compiled' in said)


@pytest.fixture
def checkout(tmp_path):
    """A checkout with an environment that looks complete."""
    copy = tmp_path / 'checkout'
    for name in ('requirements.txt', 'requirements-current.txt', *setup_env.INPUTS):
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(str(ROOT / name), str(copy / name))
    script = (
        'import os, sys; sys.path.insert(0, "dev"); import setup_env as s\n'
        'os.makedirs(s.VENV + "/bin"); open(s.PYTHON, "w"); open(s.LOG, "w")\n'
        'open(s.VENV + "/bin/pip", "w").write("#!" + s.PYTHON)\n'
        'open(s.VENV + "/pyvenv.cfg", "w").write("version = 3.11.0")\n'
        'open(s.STACK, "w").write("classic")\n'
        'open(s.STAMP, "w").write(s.fingerprint())'
    )
    subprocess.run([sys.executable, '-c', script], cwd=str(copy), check=True)
    return copy


def set_up(checkout, *arguments, version=(3, 14)):
    """Runs the script under a Python that only a complete set-up does not refuse."""
    code = (
        f'import runpy, sys; sys.version_info = {version}; sys.path.insert(0, "dev")\n'
        f'sys.argv[1:] = {arguments}\n'
        'runpy.run_path("dev/setup_env.py", run_name="__main__")'
    )
    return subprocess.run(
        [sys.executable, '-B', '-c', code],
        cwd=str(checkout),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_a_second_run_is_quick_and_changes_nothing(checkout):
    def state():
        return {str(path): path.stat().st_mtime_ns for path in checkout.rglob('*')}

    before, start = state(), time.monotonic()
    run = set_up(checkout)
    assert (run.returncode, run.stdout) == (0, '')
    assert time.monotonic() - start < 2
    assert state() == before


@pytest.mark.parametrize(
    'arguments, version',
    [
        (['--stack', 'classic'], (3, 14)),  # the Python of .venv counts, not the one that looks
        (['--own-python'], (3, 11)),
        (['--own-python', '--stack', 'classic'], (3, 11)),
    ],
)
def test_what_is_asked_for_and_there_is_kept(checkout, arguments, version):
    run = set_up(checkout, *arguments, version=version)
    assert (run.returncode, run.stdout) == (0, '')


@pytest.mark.parametrize(
    'arguments, found',
    [
        (['--stack', 'current'], 'Python 3.14'),
        (['--own-python'], 'Python 3.14'),
        (['--stack', 'newest'], 'STACK=newest'),
    ],
)
def test_what_is_asked_for_and_not_there_is_made(checkout, arguments, found):
    """Here as far as the check of the Python, before anything of the old one is lost."""
    run = set_up(checkout, *arguments)
    assert run.returncode == 1
    assert found in run.stdout and 'Traceback' not in run.stdout
    assert (checkout / '.venv' / 'setup.stamp').exists()


def test_another_set_takes_the_place_of_the_one_that_is_there(checkout, monkeypatch, capsys):
    lie_in(checkout, monkeypatch)
    monkeypatch.setattr(setup_env.subprocess, 'call', lambda command: 0)
    assert setup_env.venv_stack() is stacks.CLASSIC
    assert setup_env.keeps_venv(None, False) and setup_env.keeps_venv('classic', False)
    (checkout / '.venv.old').mkdir()  # of an earlier attempt
    setup_env.make_venv(stacks.CURRENT)
    assert 'in the place of the classic one' in capsys.readouterr().out
    assert setup_env.venv_stack() is stacks.CURRENT
    assert (checkout / '.venv.old/setup.stamp').exists()
    assert f'{checkout}/.venv.old to that' in setup_env.way_back()
    assert setup_env.pin('torch') in (ROOT / 'requirements-current.txt').read_text()
    assert not setup_env.is_complete(), 'the pins are others'
    fill(checkout / '.venv')
    assert setup_env.keeps_venv(None, False) and not setup_env.keeps_venv('classic', False)
    setup_env.make_venv(stacks.CLASSIC)  # the one in between was never complete
    assert (checkout / '.venv.old/setup.stamp').exists()
    assert os.listdir(checkout / '.venv') == ['setup.stack']


def test_an_environment_of_the_users_own_is_left_alone(checkout):
    (checkout / '.venv/setup.stack').unlink()
    run = set_up(checkout, '--stack', 'current')
    assert run.returncode == 1 and 'which this set-up has not made' in run.stdout
    assert (checkout / '.venv/bin/pip').exists()


def test_what_is_left_of_a_removal_is_not_taken_for_an_environment(checkout, monkeypatch):
    lie_in(checkout, monkeypatch)
    with monkeypatch.context() as patch:
        patch.setattr(setup_env.shutil, 'rmtree', lambda *args, **kwargs: None)  # killed
        setup_env.discard(setup_env.VENV)
    assert not (checkout / '.venv').exists() and (checkout / '.venv.trash').exists()
    setup_env.discard(setup_env.VENV)
    assert not (checkout / '.venv.trash').exists()
    disk = checkout / 'disk'
    disk.mkdir()
    (checkout / '.venv').symlink_to(disk)
    setup_env.discard(setup_env.VENV)
    assert disk.is_dir() and not any(path.is_symlink() for path in checkout.iterdir())


def test_a_moved_checkout_is_set_up_anew(checkout):
    moved = checkout.with_name('moved')
    checkout.rename(moved)
    run = set_up(moved)
    assert run.returncode == 1
    assert 'Python 3.14' in run.stdout and 'Traceback' not in run.stdout


def fill(venv):
    """Writes what makes an environment whole."""
    (venv / 'bin').mkdir()
    (venv / 'bin/python').touch()
    (venv / 'bin/pip').write_text(f'#!{venv}/bin/python')


def lie_in(checkout, monkeypatch):
    """Lets the script work on another checkout."""
    for attribute, path in (('ROOT', '.'), ('VENV', '.venv'), ('STAMP', '.venv/setup.stamp'),
                            ('STACK', '.venv/setup.stack')):
        monkeypatch.setattr(setup_env, attribute, os.path.normpath(str(checkout / path)))
    monkeypatch.setattr(setup_env, 'PYTHON', str(checkout / '.venv/bin/python'))


@pytest.mark.parametrize('name', ['requirements.txt', *setup_env.INPUTS])
def test_a_changed_input_is_seen(checkout, monkeypatch, name):
    lie_in(checkout, monkeypatch)
    assert setup_env.is_complete()
    with (checkout / 'requirements-current.txt').open('a') as file:
        file.write('# changed\n')
    assert setup_env.is_complete(), "the other set's pins are no concern of this one"
    with (checkout / name).open('a') as file:
        file.write('# changed\n')
    assert not setup_env.is_complete()


@pytest.mark.parametrize('requirements', ['requirements.txt', 'requirements-current.txt'])
def test_every_needed_package_is_pinned(requirements):
    metadata = pytest.importorskip('importlib.metadata')
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    lines = [line.split('#')[0].strip() for line in (ROOT / requirements).open()]
    pinned = {}
    for line in filter(None, lines):
        pinned.setdefault(canonicalize_name(Requirement(line).name), []).append(line)
    # left out on purpose, or brought along by PyTorch
    known = re.compile('chumpy|opendatalab|nvidia-.*|triton|cuda-.*')
    for name, lines in pinned.items():
        try:
            distribution = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue  # for another Python
        if not any(f'=={distribution.version}' in line for line in lines):
            continue  # of the other set
        for needed in map(Requirement, distribution.requires or ()):
            if needed.marker is None or needed.marker.evaluate({'extra': ''}):
                found = canonicalize_name(needed.name)
                assert found in pinned or known.fullmatch(found), f'{name} needs {needed}'


@pytest.mark.parametrize('stack', sorted(stacks.STACKS))
@pytest.mark.parametrize('name', ['torch', 'torchvision', 'mmcv', 'xtcocotools', 'cython', 'pip',
                                  'setuptools', 'wheel', 'ninja', 'opencv-python'])
def test_a_pin_is_found(monkeypatch, stack, name):
    monkeypatch.setattr(setup_env, 'venv_stack', lambda: stacks.STACKS[stack])
    assert setup_env.pin(name).startswith(f'{name}==')


@pytest.mark.parametrize('stack', sorted(stacks.STACKS))
def test_each_python_of_a_set_gets_one_version_of_each_package(stack):
    from packaging.requirements import Requirement

    stack = stacks.STACKS[stack]
    text = (ROOT / stack.requirements).read_text()
    lines = [line.split('#')[0].strip() for line in text.splitlines()]
    wanted = [Requirement(line) for line in lines if line]
    (major, first), (_, last) = stack.pythons
    for minor in range(first, last + 1):
        python = {'python_version': f'{major}.{minor}'}
        here = [one.name for one in wanted if one.marker is None or one.marker.evaluate(python)]
        assert len(here) == len(set(here)), f'Python 3.{minor}'
        assert {'numpy', 'scipy', 'matplotlib', 'contourpy'} <= set(here), f'Python 3.{minor}'
