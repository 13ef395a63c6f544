"""The benchmark: medians and ratios by a clock that the test turns, its rows, and what it runs."""
import json
import sys
import warnings
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / 'dev'))

import benchmark  # noqa: E402
from speed import launches, memory, models, ops, options, timing  # noqa: E402


class Clock:
    """A clock that calls turn by themselves, on a machine that slows down more and more."""

    def __init__(self):
        self.now, self.slowness, self.order = 0., 1., []

    def call(self, name, seconds):
        """Returns a call that takes so many seconds at first."""
        def turn():
            self.order.append(name)
            self.now += seconds * self.slowness
            self.slowness *= 1.01
        return turn


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setitem(timing.CLOCKS, 'cpu', lambda: clock.now)
    monkeypatch.setattr(timing, 'SAMPLE_S', 0)  # one call a sample
    return clock


def row(name, ratio=1., **changes):
    return dict(dict(name=name, median_s=ratio, reference_s=1., ratio=ratio, goal=1.5, threads=1,
                     quartiles=dict(ratio=[.9, 2.]), device='cpu'), **changes)


def test_a_ratio_is_that_of_neighbors_in_time_although_the_machine_slows_down(clock):
    found = timing.compare('x', clock.call('x', 3.), clock.call('reference', 2.), rounds=101,
                           warm_up=1)
    assert found['ratio'] == pytest.approx(1.5, rel=.011)
    first, third = found['quartiles']['ratio']
    assert 1.4 < first <= found['ratio'] <= third < 1.6
    first, third = found['quartiles']['median_s']
    assert third > 1.5 * first  # as slow did the machine become


def test_both_come_first_in_turn_after_the_warm_up(clock):
    timing.compare('x', clock.call('x', 3.), clock.call('y', 2.), rounds=4, warm_up=2)
    assert ''.join(clock.order) == 'xxyy' + 'yx' + 'xy' + 'yx' + 'xy'


def test_an_interruption_does_not_show(clock):
    calls = iter(range(100))

    def subject():
        clock.now += 500. if next(calls) == 7 else 3.

    def reference():
        clock.now += 2.

    found = timing.compare('x', subject, reference, rounds=11)
    assert (found['median_s'], found['reference_s'], found['ratio']) == (3, 2, 1.5)


def test_short_calls_are_repeated_and_times_are_those_of_one_image(clock, monkeypatch):
    monkeypatch.setattr(timing, 'SAMPLE_S', 1.)
    monkeypatch.setattr(timing.time, 'process_time', lambda: clock.now)
    clock.slowness = 1.
    taken = []

    def subject():
        taken.append(1)
        clock.now += .25

    found = timing.compare('x', subject, clock.call('y', 2.), rounds=2, warm_up=1, samples=5)
    assert len(taken) == 1 + 2 * 4
    assert found['median_s'] == pytest.approx(.05)


def test_rows_say_where_they_are_from_and_replace_their_elders(tmp_path):
    path = tmp_path / 'rows.json'
    found = timing.row_of('x', [3., 3.], [2., 2.], goal=1.3, detail='y')
    assert {'name', 'median_s', 'reference_s', 'ratio', 'goal'} <= found.keys()
    assert found['machine']['torch'] == torch.__version__ and found['detail'] == 'y'
    timing.write_json(path, [found, row('other')])
    timing.write_json(path, [row('x', 7., threads=found['threads']), row('x', 8., threads=99)])
    rows = json.loads(path.read_text())
    assert [(r['name'], r['ratio']) for r in rows] == [('other', 1), ('x', 7), ('x', 8)]


def test_a_file_that_holds_no_rows_is_told_before_anything_is_measured(tmp_path, monkeypatch):
    path = tmp_path / 'rows.json'
    measured = []
    monkeypatch.setattr(ops, 'measure', lambda args: measured.append(args) or [row('x')])
    for content, words in [('{"rows"', "rows.json' is not a json"), ('{}', 'expected a list'),
                           ('[{"name": 1}]', 'device, name, threads')]:
        path.write_text(content)
        with pytest.raises(SystemExit, match=f'rows.json.*{words}|{words}.*It stays as it is'):
            benchmark.main(['ops', '--json', str(path)])
        assert path.read_text() == content and not measured
    path.write_text('')  # as a touch or a full disk leaves it: nothing is lost
    benchmark.main(['ops', '--json', str(path)])
    assert [r['name'] for r in json.loads(path.read_text())] == ['x'] and measured


@pytest.mark.parametrize('arguments, said', [
    (['--rounds', '1'], '--rounds of at least 2'), (['--only', 'nothing'], '--only nothing'),
    (['--device', 'cuda'], 'PyTorch sees no NVIDIA GPU')])
def test_what_would_measure_nothing_is_told(arguments, said, monkeypatch, capsys):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    with pytest.raises(SystemExit) as error:
        benchmark.main(['ops', *arguments])
    assert error.value.code and said in str(error.value) + capsys.readouterr().err


def test_the_table_marks_what_misses_its_goal_and_knows_bytes():
    of_memory = dict(name='m', median_s=None, reference_s=None, bytes=3 * 2**20,
                     reference_bytes=2**21, ratio=1.5, goal=1.1)
    lines = timing.table_of([row('a', 1.504), row('b', 1.506), row('c', 9., goal=None),
                             of_memory]).splitlines()[2:]
    assert lines == [
        '| a | 1.50 s | 1.00 s | 1.50 | 0.90–2.00 | 1.50 |',
        '| b | 1.51 s | 1.00 s | **1.51** | 0.90–2.00 | 1.50 |',
        '| c | 9.00 s | 1.00 s | 9.00 | 0.90–2.00 |  |',
        '| m | 3 MiB | 2 MiB | **1.50** |  | 1.10 |']


def test_the_operations_are_measured_in_every_layout_and_written(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(ops, 'SHAPES', ((4, 3, 8, 8), (4, 8, 5, 6)))
    path = tmp_path / 'rows.json'
    benchmark.main(['ops', '--only', '×', '--rounds', '2', '--json', str(path)])
    rows = json.loads(path.read_text())
    assert len({r['name'] for r in rows}) == len(rows) == 2 * 2 * 2 * 2 * 3
    goals = {r['name']: r['goal'] for r in rows}
    assert goals['unmix 4×3×8×8 contiguous bfloat16, grid 4×4'] == 1.3
    assert goals['backward 4×8×5×6 contiguous float32, grid 3×5'] == 2
    assert goals['mix 4×8×5×6 channels_last float32, grid 4×4'] == 1.3
    assert len(capsys.readouterr().out.splitlines()) == 2 + len(rows)


@pytest.fixture(scope='module')
def step():
    return models.Step('small', 'layer1', 2, 3, torch.device('cpu'))


def test_a_step_is_mixed_where_it_says_and_has_all_its_parts(step):
    seen = []
    step.model.watchers.append(seen.append)
    before = [t.clone() for t in step.averaged[0]]
    logs = step.semi_supervised()
    step.model.watchers.clear()
    assert seen[0].site == 'layer1' and len(seen[0].strong) == 3
    assert logs['sup_loss_kpt'] > 0 and logs['unsup_loss'] > 0 and 'keypoint_distance' in logs
    assert all(p.grad is not None for p in step.model.student.parameters())
    assert not all(map(torch.equal, before, step.averaged[0]))


def test_the_plain_passes_are_two_of_the_student_and_one_of_the_teacher(step):
    passed = []
    handles = [module.register_forward_hook(
        lambda _, args, out, name=name: passed.append((name, len(args[0]), out[0].requires_grad)))
        for name, module in (('student', step.student.backbone),
                             ('teacher', step.teacher.backbone))]
    step.plain()
    for handle in handles:
        handle.remove()
    assert sorted(passed) == [('student', 2, True), ('student', 3, True), ('teacher', 3, False)]
    assert all(p.grad is not None for p in step.student.parameters())


def test_memory_is_counted_at_the_peak_and_while_the_result_is_held():
    def call():
        a = torch.zeros(1000)
        return (a + 1)[:10].clone()

    peak, held = memory.allocated(call, 'cpu')
    assert 8000 <= peak < 8400 and 40 <= held < 400  # PyTorch rounds up


def test_the_launches_of_a_step_are_counted_without_the_reading_of_its_log(step):
    x = torch.ones(3)
    assert launches.launches(lambda: x.add(x).mul(x)) == 2
    assert launches.launches(step.forward_backward) < launches.launches(step.semi_supervised)
    assert launches.waits(step.forward_backward, 'cpu') == []


def test_waits_are_told_by_file_and_line(monkeypatch):
    """PyTorch's warnings, given by hand: their text is PyTorch's."""
    modes = []
    monkeypatch.setattr(torch.cuda, 'synchronize', lambda: None)
    monkeypatch.setattr(torch.cuda, 'set_sync_debug_mode', modes.append)

    def call():
        warnings.warn('called a synchronizing CUDA operation', stacklevel=1)
        warnings.warn('something else', stacklevel=1)

    found, = launches.waits(call, 'cuda')
    assert found.startswith(__file__ + ':') and modes == ['warn', 'default']


def test_counts_are_in_the_table():
    found = timing.count_row('launches', 3000, 2000, 'cpu', waits=[])
    assert timing.table_of([found]).splitlines()[-1] == '| launches | 3,000 | 2,000 | 1.50 |  |  |'
    assert found['machine']['torch'] == torch.__version__


def test_options_are_switched_on_and_change_as_much_as_is_said(step):
    def with_options(*names):
        return models.Step('small', 'layer1', 2, 3, torch.device('cpu'), names)

    def a_fresh():
        return with_options()

    assert options.gradient_distance(a_fresh(), a_fresh()) == 0
    assert options.gradient_distance(a_fresh(), a_fresh(), 'plain') == 0
    halved, tidy = with_options('bfloat16'), with_options('channels_last')
    assert options.gradient_distance(tidy, a_fresh()) < .01
    assert .01 < options.gradient_distance(halved, a_fresh()) < .5
    assert .01 < options.gradient_distance(halved, a_fresh(), 'plain') < .5
    frugal = with_options('with_cp')
    assert options.gradient_distance(frugal, a_fresh()) < 1e-5
    for leaner in (halved, frugal):
        assert options.peak(leaner, 'cpu') < .9 * options.peak(step, 'cpu')
    seen = []
    tidy.model.student.backbone.layer1.register_forward_hook(lambda _, args, out: seen.append(out))
    tidy.semi_supervised()
    assert seen[0].is_contiguous(memory_format=torch.channels_last)
