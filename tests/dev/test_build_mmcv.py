"""Compiling mmcv: needs are named, the header is proven, and the plain way is the rescue."""

import io
import json
import os
import subprocess
import sys
import sysconfig
import tarfile
from pathlib import Path

import pytest

TOOLS = Path(__file__).parents[2] / 'dev'
sys.path.insert(0, str(TOOLS))

import build_mmcv  # noqa: E402


def stub(folder, name, text):
    """Writes a stand-in for a program and returns its path."""
    path = folder / name
    path.write_text('#!/bin/sh\n' + text)
    path.chmod(0o755)
    return str(path)


@pytest.fixture
def log(tmp_path):
    with (tmp_path / 'log').open('a') as file:
        yield file


def test_without_a_compiler_it_says_what_to_install(tmp_path):
    """Before anything is downloaded."""
    run = subprocess.run(
        [sys.executable, str(TOOLS / 'build_mmcv.py'), 'mmcv', str(tmp_path / 'b'),
         str(tmp_path / 'log')],
        env={'PATH': str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert run.returncode == 1
    assert 'no C++ compiler' in run.stdout and 'apt-get install g++' in run.stdout
    assert 'Traceback' not in run.stdout
    assert not (tmp_path / 'b').exists()


def test_the_compiler_is_the_users_choice_first():
    present = {'my-cxx': 1, 'g++': 1, 'clang++': 1}.get
    assert build_mmcv.find_compiler({'CXX': 'my-cxx -m64'}, present) == 'my-cxx -m64'
    assert build_mmcv.find_compiler({'CXX': 'missing'}, present) == 'g++'
    assert build_mmcv.find_compiler({}, present) == 'g++'


def test_without_pythons_headers_it_says_what_to_install(tmp_path):
    with pytest.raises(build_mmcv.BuildError, match='apt-get install python3.*-dev'):
        build_mmcv.check_python_headers(str(tmp_path))
    (tmp_path / 'Python.h').touch()
    build_mmcv.check_python_headers(str(tmp_path))


def test_clang_is_not_gcc(tmp_path):
    gcc = stub(tmp_path, 'gcc', 'echo "#define __GNUC__ 12"')
    clang = stub(tmp_path, 'clang', 'echo "#define __GNUC__ 4"; echo "#define __clang__ 1"')
    broken = stub(tmp_path, 'broken', 'exit 1')
    assert [build_mmcv.is_gcc(name) for name in (gcc, clang, broken)] == [True, False, False]


def has_gcc():
    try:
        return build_mmcv.is_gcc(build_mmcv.find_compiler())
    except build_mmcv.BuildError:
        return False


@pytest.mark.skipif(not has_gcc(), reason='needs GCC')
def test_the_header_is_taken_under_its_own_flags_only(tmp_path, log, monkeypatch):
    monkeypatch.setattr(build_mmcv, 'HEADER', 'cstddef')
    compiler, folder, flags = build_mmcv.find_compiler(), tmp_path / 'header', ['-O2', '-g0']
    header = build_mmcv.precompile_header(compiler, flags, folder, log)
    assert header.exists()
    assert not build_mmcv.is_header_taken(compiler, ['-O2', '-g0', '-fPIC'], header, log)
    assert 'Winvalid-pch' in Path(log.name).read_text()

    made = Path(f'{header}.gch').stat().st_mtime_ns
    assert build_mmcv.precompile_header(compiler, flags, folder, log) == header
    assert Path(f'{header}.gch').stat().st_mtime_ns == made, 'made again without need'
    assert build_mmcv.precompile_header(compiler, [*flags, '-fPIC'], folder, log) == header
    assert Path(f'{header}.gch').stat().st_mtime_ns != made


@pytest.mark.parametrize(
    'behavior', ['exit 1', 'while [ "$1" != -o ]; do shift; done; touch "$2"']
)
def test_a_compiler_that_makes_or_takes_no_header(tmp_path, log, behavior):
    compiler = stub(tmp_path, 'cxx', behavior)
    assert build_mmcv.precompile_header(compiler, ['-O2'], tmp_path / 'header', log) is None


@pytest.mark.parametrize('users', ['-DTHE_USERS_OWN', None])
def test_the_flags_are_the_interpreters_the_users_and_pytorchs(monkeypatch, users):
    """Whether setuptools appends CFLAGS to the interpreter's flags or puts it in their place."""
    torch = pytest.importorskip('torch')
    monkeypatch.setenv('CFLAGS', users or '')
    own = sysconfig.get_config_var('CFLAGS').split()
    monkeypatch.setenv('CFLAGS', build_mmcv.base_cflags())
    # In a process of its own, as the tool runs: other tests may have imported another distutils.
    flags = json.loads(subprocess.run(
        [sys.executable, '-c',
         'import build_mmcv, json; print(json.dumps(build_mmcv.compile_flags()))'],
        cwd=TOOLS, check=True, capture_output=True, text=True).stdout.splitlines()[-1])
    abi = int(torch._C._GLIBCXX_USE_CXX11_ABI)
    for flag in (*own, users or own[0], '-fPIC', f'-D_GLIBCXX_USE_CXX11_ABI={abi}'):
        assert flag in flags
    debug = [flag for flag in flags if flag.startswith('-g')]
    assert debug[-1] == '-g0', 'debug symbols take most of the time'


@pytest.mark.skipif(not has_gcc(), reason='needs GCC')
def test_the_source_is_fetched_by_pip_and_the_flags_are_found_after_it(tmp_path):
    """Both pip and setuptools want a distutils of their own."""
    pytest.importorskip('torch')
    (tmp_path / 'mmcv-2.1.0').mkdir()
    (tmp_path / 'mmcv-2.1.0' / 'setup.py').write_text('# -std=c++17')
    with tarfile.open(str(tmp_path / 'mmcv-2.1.0.tar.gz'), 'w:gz') as tar:
        tar.add(str(tmp_path / 'mmcv-2.1.0'), 'mmcv-2.1.0')
    code = (
        'import build_mmcv as b, sys; from pathlib import Path; folder = Path(sys.argv[1])\n'
        'print(b.fetch_source("mmcv==2.1.0", folder).name); b.base_cflags(); b.compile_flags()\n'
        'try: b.fetch_source("mmcv==9", folder / "b")\n'
        'except b.BuildError as error: print(error)')
    run = subprocess.run(
        [sys.executable, '-c', code, str(tmp_path / 'build')], capture_output=True, text=True,
        cwd=TOOLS, env=dict(os.environ, PIP_NO_INDEX='1', PIP_FIND_LINKS=str(tmp_path)))
    assert run.stdout.splitlines()[0] == 'source', run.stderr
    assert 'the source of mmcv==9 cannot be fetched: pip finds no source of mmcv==9' in run.stdout


def test_the_build_gets_the_header_and_what_the_header_was_made_with(monkeypatch):
    pytest.importorskip('torch')
    monkeypatch.setenv('CFLAGS', '-O3 -g0')
    monkeypatch.setattr(build_mmcv, 'has_cuda_compiler', lambda: False)
    env = build_mmcv.build_environment('g++', Path('/a/p.h'))
    assert env['CFLAGS'] == '-O3 -g0 -include /a/p.h'
    assert env['MMCV_WITH_OPS'] == '1' and env['CXX'] == 'g++'
    assert env['CUDA_VISIBLE_DEVICES'] == ''
    assert int(env['MAX_JOBS']) >= 1
    assert build_mmcv.build_environment('g++', None)['CFLAGS'] == '-O3 -g0'


@pytest.mark.skipif(not has_gcc(), reason='needs GCC')
@pytest.mark.parametrize('asked, found', [('201703L', 'c++17'), ('202002L', 'c++20')])
def test_the_standard_is_the_first_that_pytorchs_headers_take(
        tmp_path, log, monkeypatch, asked, found):
    (tmp_path / 'types.h').write_text(f'#if __cplusplus < {asked}\n#error too old\n#endif\n')
    monkeypatch.setattr(build_mmcv, 'HEADER', 'types.h')
    compiler, flags = build_mmcv.find_compiler(), ['-O2', f'-I{tmp_path}']
    assert build_mmcv.find_standard(compiler, flags, log) == found


@pytest.mark.skipif(not has_gcc(), reason='needs GCC')
def test_a_compiler_that_is_too_old_for_pytorch_is_named(tmp_path, log, monkeypatch):
    (tmp_path / 'types.h').write_text('#error of the future\n')
    monkeypatch.setattr(build_mmcv, 'HEADER', 'types.h')
    with pytest.raises(build_mmcv.BuildError, match='(?s)c[+][+]17 or c[+][+]20.*newer compiler'):
        build_mmcv.find_standard(build_mmcv.find_compiler(), [f'-I{tmp_path}'], log)
    assert '#error' in Path(log.name).read_text()


def test_mmcvs_setup_asks_for_the_standard_that_pytorch_needs(tmp_path):
    source = source_with(tmp_path, "old = ['-std=c++14']\ncxx = ['-std=c++17']\n")
    for standard in ('c++20', 'c++20', 'c++17'):  # again after an interruption
        build_mmcv.set_standard(source, standard)
        text = (source / 'setup.py').read_text()
        assert text == f"old = ['-std=c++14']\ncxx = ['-std={standard}']\n"


def source_with(tmp_path, setup):
    """Returns a source folder whose ``setup.py`` is the given text."""
    source = tmp_path / 'source'
    source.mkdir()
    (source / 'setup.py').write_text(setup)
    return source


def test_progress_is_shown_and_the_rest_logged(tmp_path, log, capsys):
    setup = 'print("noise\\n[1/2] c++ a.cpp\\n[2/2] c++ b.cpp")'
    assert build_mmcv.build_wheel(source_with(tmp_path, setup), tmp_path, os.environ, log)
    assert capsys.readouterr().out.strip().startswith('compiling mmcv, 2 of 2 files')
    assert 'noise' in Path(log.name).read_text()


@pytest.mark.parametrize('rescued', [True, False])
def test_a_failure_with_the_header_is_tried_again_without(tmp_path, monkeypatch, capsys, rescued):
    headers = []

    def build_wheel(source, folder, header, log):
        headers.append(header)
        (source / 'build' / 'lib' / 'mmcv').mkdir(parents=True, exist_ok=True)
        (source / 'build' / 'lib' / 'mmcv' / '_ext.so').touch()
        return rescued and header is None

    for name, value in {
        'find_compiler': lambda: 'g++',
        'check_python_headers': lambda: None,
        'is_gcc': lambda compiler: True,
        'base_cflags': lambda: '-O3 -g0',
        'compile_flags': lambda: [],
        'find_standard': lambda compiler, flags, log: 'c++17',
        'set_standard': lambda source, standard: None,
        'precompile_header': lambda compiler, flags, folder, log: folder / 'p.h',
        'fetch_source': lambda requirement, folder: folder / 'source',
        'build_environment': lambda compiler, header: header,
        'build_wheel': build_wheel,
    }.items():
        monkeypatch.setattr(build_mmcv, name, value)
    monkeypatch.setenv('CFLAGS', '')
    if rescued:
        build_mmcv.build('mmcv', tmp_path, io.StringIO())
    else:
        with pytest.raises(build_mmcv.BuildError, match='compiler failed'):
            build_mmcv.build('mmcv', tmp_path, io.StringIO())
    assert headers == [tmp_path / 'header' / 'p.h', None]
    assert 'without the precompiled header' in capsys.readouterr().out
