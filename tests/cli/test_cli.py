"""The command: its verbs, its help, its exit codes, and the scripts that stand for it."""
import os
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from mmpose_mum import _moved, cli

ROOT = Path(__file__).parents[2]
# What the console script does, which pip makes of setup.py's entry point.
CONSOLE_SCRIPT = ("import sys; sys.argv[0] = '/somewhere/bin/mmpose-mum'; "
                  'from mmpose_mum.cli import main; {}')


def run_python(*args):
    return subprocess.run([sys.executable, *map(str, args)], text=True, capture_output=True,
                          env=dict(os.environ, PYTHONPATH=str(ROOT)))


def told(capsys, *args):
    """Returns the exit code of a command line, and what it prints on both streams."""
    with pytest.raises(SystemExit) as exit_:
        cli.main(list(map(str, args)))
    return (exit_.value.code, *capsys.readouterr())


def test_each_module_is_a_verb_and_each_verb_a_module():
    modules = {path.stem for path in (ROOT / 'mmpose_mum/cli').glob('*.py')
               if not path.stem.startswith('_')}
    assert set(cli.VERBS) == modules and len(cli.VERBS) == len(modules)


def test_the_help_has_a_line_for_each_verb(capsys, monkeypatch):
    monkeypatch.setenv('COLUMNS', '80')
    code, text, _ = told(capsys, '--help')
    assert code == 0
    for verb in cli.VERBS:
        assert re.search(rf'^    {verb} +[A-Z]\w+ .*\.$', text, re.M)


@pytest.mark.parametrize('verb', [verb for verb in cli.VERBS if verb != 'doctor'])
def test_the_help_of_each_verb_shows_an_example_that_is_a_right_command_line(
        verb, capsys, monkeypatch):
    code, text, _ = told(capsys, verb, '--help')
    assert code == 0 and text.startswith(f'usage: mmpose-mum {verb} ')
    # Python 3.13 and later name the value once, after both options
    assert re.search('^  -o( OUT)?, --out OUT', text, re.M) or verb == 'publish'
    example, = re.findall(rf'^    mmpose-mum ({verb} (?:.*\\\n)*.*)$', text, re.M)
    words = example.replace('\\\n', ' ').split()
    ran = []
    monkeypatch.setattr(import_module(f'mmpose_mum.cli.{verb}'), 'run', ran.append)
    cli.main(words)
    assert len(ran) == 1


@pytest.mark.parametrize('args, message', [
    ([], 'required: VERB'), (['train'], "invalid choice: 'train' (choose from"),
    (['plot'], 'required: WORK_DIR'), (['plot', 'a', 'b'], 'several runs need --hidden'),
    (['plot', '--hidden', 'x=a', '--metric', 'AP'], 'cannot be combined with --hidden'),
    (['preview', 'a.py', '--out', 'a.pdf'], 'ends in .png or .jpg'),
    (['publish', 'a.pth', 'b.pth', '--which', 'both'], 'invalid choice'),
    (['export', 'a.py', 'b.pth', '--out', 'c', '--device', 'gpu'], "PyTorch cannot use 'gpu': "),
    (['report', 'a', '--device', 'cuda:99'], "PyTorch cannot use 'cuda:99': "),
    (['detect', 'a', '--frame-rate', '0'], "expected a number above 0, got '0'")])
def test_a_wrong_command_line_exits_with_2(args, message, capsys):
    code, _, text = told(capsys, *args)
    assert code == 2 and text.startswith('usage: mmpose-mum ') and message in text


@pytest.mark.parametrize('args', [
    ['convert', 'no.py', '--unlabeled', '.', '-o'], ['plot', 'no', '-o'], ['preview', 'no', '-o'],
    ['split', 'no.json', '--percent', '5', '-o'], ['report', 'no', '-o'], ['publish', 'no.pth'],
    ['detect', 'no', '--config', 'no.py', '--checkpoint', 'no.pth', '-o'],
    ['compare', 'x=no.py:no.pth', '-o'], ['export', 'no.py', 'no.pth', '-o'],
    ['suggest', 'no.py', 'no.pth', '--num', '5', '-o'],
    ['merge', 'no.json', '--labels', 'no.json', '--label-images', 'no', '--images', 'no', '-o']],
    ids=lambda args: args[0])
def test_what_cannot_be_written_is_told_before_anything_is_read(
        args, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path('file').touch()
    code, *_ = told(capsys, *args, 'file/a/b.png')
    assert code.startswith(f'mmpose-mum {args[0]}: cannot write to file/a')
    assert code.endswith('Name another place') and os.listdir() == ['file']
    if args[0] not in ('split', 'suggest', 'merge'):  # these write a folder
        Path('folder.png').mkdir()
        code, *_ = told(capsys, *args, 'folder.png')
        assert code.startswith(f'mmpose-mum {args[0]}: folder.png is a folder')


@pytest.mark.parametrize('args', [
    ['convert', 'no.py', '--unlabeled', '.', '--out', 'x.py'],
    ['split', 'no.json', '--out', 'x', '--percent', '5'],
    ['detect', 'nowhere', '--config', 'no.py', '--checkpoint', 'no.pth', '--out', 'x.json'],
    ['preview', 'no.py'], ['plot', 'nowhere'], ['plot', '--hidden', 'x=nowhere'],
    ['report', 'nowhere'],
    ['compare', 'x=no.py:no.pth', '--out', 'x.png'], ['publish', 'no.pth', 'x.pth'],
    ['export', 'no.py', 'no.pth', '--out', 'x.json']], ids=lambda args: '-'.join(args[:2]))
def test_what_is_not_there_is_one_message(args, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    code, out, err = told(capsys, *args)
    # Python prints a code that is a text, and exits with 1.
    assert code.startswith(f'mmpose-mum {args[0]}: ') and ('no' in code or 'nowhere' in code)
    assert out == err == '' and not list(tmp_path.iterdir())


@pytest.mark.parametrize('text, words', [
    ('model = dict(\n', r"config 'x\.py' cannot be read: SyntaxError: .*line 1"),
    ('a = 1\nb = missing\n', r"NameError: name 'missing' is not defined \(.*x\.py, line 2\)"),
    ('_base_ = "./base.py"\n', r'NameError.*\(.*base\.py, line 1\)'),
    ('from mmengine.config import read_base\nwith read_base():\n    from .gone import *\n',
     'ConfigParsingError: .*gone'),
    ('_base_ = "mmpose::_base_/default_runtime.py"\ntrain_cfg = dict(max_epochs=1)\n'
     'train_dataloader = dict(batch_size=1, dataset=dict(type="CocoDataset", pipeline=[\n'
     '    dict(type="TopdownAffine", input_size=(32, 32))]))\n'
     'model = dict(type="TopdownPoseEstimator", backbone=dict(type="NoSuchNet"))\n',
     'NoSuchNet is not in the mmpose::model registry')],
    ids=['syntax', 'name', 'base', 'lazy', 'component'])
def test_a_config_that_cannot_be_read_is_one_message(text, words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path('x.py').write_text(text)
    Path('base.py').write_text('c = missing\n')
    Path('x.pth').touch()
    commands = [['convert', 'x.py', '--unlabeled', '.', '--out', 'y.py']]
    if 'NoSuchNet' not in text:  # export would look at the checkpoint first
        commands.append(['export', 'x.py', 'x.pth', '--out', 'y.json'])
    for args in commands:
        code, *_ = told(capsys, *args)
        assert re.match(rf'(?s)mmpose-mum {args[0]}: .*{words}', code), code


def test_an_error_exits_with_1_and_no_traceback(tmp_path):
    for command in (['-m', 'mmpose_mum', 'plot'], [ROOT / 'tools/plot.py'],
                    ['-c', CONSOLE_SCRIPT.format('main()'), 'plot']):
        done = run_python(*command, tmp_path / 'nowhere')
        assert done.returncode == 1 and done.stdout == ''
        assert done.stderr.startswith('mmpose-mum plot: ') and 'Traceback' not in done.stderr


def test_the_console_scripts_help_imports_nothing_of_the_host():
    code = CONSOLE_SCRIPT.format(
        'import atexit; atexit.register(lambda: print(*sys.modules)); main()')
    for args in (['--help'], *([verb, '--help'] for verb in cli.VERBS)):
        done = run_python('-c', code, *args)
        assert done.returncode == 0 and 'usage: mmpose-mum' in done.stdout, done.stderr
        loaded = set(done.stdout.splitlines()[-1].split())
        assert 'mmpose_mum.cli.convert' in loaded
        assert not {'torch', 'numpy', 'mmengine', 'mmpose', 'cv2', 'matplotlib'} & loaded, args


def test_the_console_script_registers_what_a_verb_builds():
    code = CONSOLE_SCRIPT.format(
        'import mmpose_mum; from mmpose_mum.cli import convert; convert.run = lambda args: print('
        '__import__("mmpose").registry.MODELS.get("SemiSupervisedPoseEstimator"), '
        'mmpose_mum.semi_supervised); main()')
    done = run_python('-c', code, 'convert', 'a.py', '--unlabeled', 'b', '-o', 'c.py')
    assert done.returncode == 0, done.stderr
    assert 'estimator.SemiSupervisedPoseEstimator' in done.stdout
    assert '<function semi_supervised' in done.stdout


@pytest.mark.parametrize('verb', cli.VERBS)
def test_mim_finds_a_script_for_each_verb(verb, monkeypatch):
    script = ROOT / f'tools/{verb}.py'
    text = script.read_text()
    assert f'`mim run mmpose_mum {verb}`' in text and 'run_script(__file__)' in text
    ran = []
    monkeypatch.setattr(cli, 'main', ran.append)
    monkeypatch.setattr(sys, 'argv', [str(script), '--out', 'x'])
    cli.run_script(str(script))
    assert ran == [[verb, '--out', 'x']]


@pytest.mark.parametrize('name', _moved.SCRIPTS)
def test_the_old_scripts_name_the_new_command(name, monkeypatch):
    script = ROOT / f'tools/{name}.py'
    command = ' '.join(_moved.SCRIPTS[name])
    assert f'`mmpose-mum {command}`' in script.read_text()
    ran = []
    monkeypatch.setattr(cli, 'main', ran.append)
    monkeypatch.setattr(sys, 'argv', [str(script), 'a', '--out-dir=x', '--overwrite', '--num', '3'])
    with pytest.warns(DeprecationWarning, match=f'`mmpose-mum {command}`') as caught:
        cli.run_script(str(script))
    assert caught[0].filename == __file__
    assert ran == [[*_moved.SCRIPTS[name], 'a', '--out=x', '--force', '--num', '3']]


def test_an_old_script_runs_and_warns():
    done = run_python(ROOT / 'tools/make_semi_config.py', '--help')
    assert done.returncode == 0 and 'usage: mmpose-mum convert' in done.stdout
    assert 'DeprecationWarning: tools/make_semi_config.py is now `mmpose-mum conv' in done.stderr


@pytest.mark.parametrize('name', ['train', 'test'])
def test_mmposes_own_scripts_are_reached(name):
    done = run_python(ROOT / f'tools/{name}.py', '--help')
    assert done.returncode == 0 and f'usage: {name}.py' in done.stdout
    assert {'train': '--resume', 'test': '--dump'}[name] in done.stdout
