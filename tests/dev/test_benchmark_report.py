"""The benchmark's tables against figures worked out by hand, its markers and its plots."""
import json
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / 'dev'))

import benchmark_records  # noqa: E402
import benchmark_report as report  # noqa: E402

TEXT = '\n'.join(f'# {name}\n\n<!-- benchmark:{name} -->\nold\n<!-- /benchmark:{name} -->\n'
                 for name in report.TABLES) + 'the end\n'


def record(method, labels, seed, student, teacher, role='main', **kwargs):
    prefixes = {'': student} if teacher is None else {'student/': student, 'teacher/': teacher}
    metrics = {}
    for prefix, value in prefixes.items():
        metrics.update({f'{prefix}PCK': value, f'{prefix}wide/PCK': value + 0.25})
    return dict(dict(
        method=method, role=role, num_labels=labels, num_total=2000, seed=seed, iterations=4000,
        student_pck=student, teacher_pck=teacher, metrics=metrics,
        curve=[[2000, student / 2, teacher and teacher / 2], [4000, student, teacher]]), **kwargs)


RECORDS = [
    record('pose_mum', 100, 0, 0.4, 0.5),
    record('pose_mum', 100, 1, 0.5, 0.5),
    record('pose_mum', 100, 2, 0.6, 0.5),
    record('other', 100, 0, 0.25, 0.25, iterations=8000),
    record('supervised', 100, 0, 0.3, None),
    record('supervised', 2000, 0, 0.7, None),
    record('plain', 100, 0, 0.3, 0.4, 'ablation'),
    record('plain', 100, 2, 0.3, 0.5, 'ablation'),
    record('plain', 100, 7, 0.9, 0.9, 'ablation'),
]


def cells(table):
    return [[cell.strip() for cell in line.strip('|').split('|')] for line in table.splitlines()]


def test_the_main_table_has_mean_and_sample_deviation():
    head, _, *rows = cells(report.main_table(RECORDS))
    assert head == ['method', '100 labels: student', '100 labels: teacher',
                    'all 2,000 labels: student', 'iterations']
    assert rows == [  # in the order of the methods, not of their names
        ['`supervised`', '0.300 (1)', '–', '0.700 (1)', '4,000'],
        ['`pose_mum`', '0.500 ± 0.100 (3)', '0.500 ± 0.000 (3)', '–', '4,000'],
        ['`other`', '0.250 (1)', '0.250 (1)', '–', '8,000'],
    ]


def test_the_lead_and_the_share_of_the_gap_are_taken_on_the_same_seeds():
    records = [*RECORDS, record('supervised', 100, 1, 0.4, None)]
    head, _, *rows = cells(report.lead_table(records))
    assert head == ['method', '100 labels: lead of `pose_mum`', '100 labels: of the gap']
    assert rows == [  # the gap is from 0.35 to 0.7, of seed 0 from 0.3; teachers count
        ['`supervised`', '+0.150 ± 0.071 (2)', '0%'],
        ['`pose_mum`', '–', '43%'],
        ['`other`', '+0.250 (1)', '-12%'],
    ]
    without = [r for r in records if r['num_labels'] < 2000]
    assert [row[2] for row in cells(report.lead_table(without))[2:]] == ['–'] * 3


def test_ablations_are_compared_on_the_same_seeds():
    _, _, reference, ablation = cells(report.ablation_table(RECORDS))
    assert reference == ['`pose_mum`', '0.500 ± 0.100 (3)', '–', '0.500 ± 0.000 (3)', '–', '50%']
    # Seeds 0 and 2: -0.1 and -0.3, the deviation √0.02; seed 7 has nothing to compare with.
    assert ablation[2] == '-0.200 ± 0.141 (2)'
    assert ablation[4] == '-0.050 ± 0.071 (2)'
    assert ablation[5] == '25%'


def test_choices_are_compared_with_as_many_labels_that_were_all_drawn():
    choice = dict(role='label_next', settings=dict(suggested_by='supervised'))

    def counts(*right):  # of two people, in base 36; each has ten keypoints
        return dict(people=dict(val=dict(right=''.join(right), seen='aa')))

    records = [
        record('supervised', 100, 0, 0.3, None), record('supervised', 100, 1, 0.5, None),
        record('supervised', 200, 0, 0.5, None, **counts('5', '5')),
        record('supervised', 200, 1, 0.5, None, **counts('5', '5')),
        record('supervised', 200, 2, 0.9, None, **counts('9', '9')),  # has no choice
        record('supervised_doubt', 200, 0, 0.6, None, **choice, **counts('6', '6')),
        record('supervised_doubt', 200, 1, 0.4, None, **choice, **counts('4', '4')),
        record('supervised_other', 200, 5, 0.4, None, **choice)]
    _, _, *rows = cells(report.label_next_table(records))
    assert rows == [
        ['`supervised`', '100 drawn', '0.400 ± 0.141 (2)', '', ''],
        ['`supervised`', '200 drawn', '0.500 ± 0.000 (2)', '', ''],
        ['`supervised_doubt`', '100 drawn, 100 chosen', '0.500 ± 0.141 (2)', '+0.000 ± 0.141 (2)',
         '+0.000 [-0.100, +0.100] (2)'],
        ['`supervised_other`', '100 drawn, 100 chosen', '0.400 (1)', '–', '–'],
    ]


def test_other_models_are_compared_with_rivals_of_the_same_model():
    def trained(name, seed, right, **kwargs):
        return record(name, 200, seed, .5, None if 'supervised' in name else .6, 'model',
                      config=f'configs/{name.replace("_", "/", 1)}.py',
                      people={people: dict(right=right, seen='aa') for people in report.PEOPLE},
                      **kwargs)

    head, _, *rows = cells(report.model_table([
        *RECORDS, trained('vit_pose_mum', 0, '88'), trained('vit_no_mixing', 0, '77'),
        trained('vit_pose_mum', 1, '88'), trained('vit_supervised', 0, '55', iterations=2000),
        trained('net_supervised', 0, '11')]))
    assert head[5:] == ['− `supervised`: validation', '− `supervised`: hidden labels',
                        '− `no_mixing`: validation', '− `no_mixing`: hidden labels']
    one, two, three = (f'+0.{i}00 (1)' for i in (1, 2, 3))
    assert rows == [
        ['`net/supervised`', '200', '4,000', '0.500 (1)', *'–––––'],
        ['`vit/supervised`', '200', '2,000', '0.500 (1)', *'–––––'],
        ['`vit/no_mixing`', '200', '4,000', '0.500 (1)', '0.600 (1)', two, two, '–', '–'],
        ['`vit/pose_mum`', '200', '4,000', '0.500 ± 0.000 (2)', '0.600 ± 0.000 (2)', three, three,
         one, one]]


def test_the_table_of_metrics_has_the_means_of_all_others():
    head, _, *rows = cells(report.metrics_table(RECORDS))
    assert head == ['method', 'labels', 'wide/PCK: student', 'wide/PCK: teacher']
    assert rows == [
        ['`supervised`', '100', '0.550', '–'],
        ['`pose_mum`', '100', '0.750', '0.750'],
        ['`other`', '100', '0.500', '0.500'],
        ['`plain`', '100', '0.750', '0.850'],
        ['`supervised`', '2,000', '0.950', '–'],
    ]


def test_without_records_the_tables_say_so():
    for render in report.TABLES.values():
        assert render([]).endswith('been trained yet.')


def test_tables_are_replaced_and_the_prose_stays():
    text = report.replace_tables(TEXT, RECORDS)
    assert 'old' not in text and text.endswith('the end\n') and '# ablation\n' in text
    for render in report.TABLES.values():
        assert render(RECORDS) in text
    assert report.replace_tables(text, RECORDS) == text


@pytest.mark.parametrize('text', [
    TEXT.replace('<!-- /benchmark:ablation -->', ''),
    TEXT.replace('benchmark:ablation', 'benchmark:ablations'),
    TEXT + '<!-- benchmark:ablation -->',
])
def test_a_missing_or_doubled_marker_is_an_error(text):
    with pytest.raises(ValueError, match='expected one .*benchmark:ablation'):
        report.replace_tables(text, RECORDS)


def test_the_metric_is_found_and_two_are_refused():
    others = [{'student_coco_ap': 0.5}]
    assert benchmark_records.metric_of(others) == 'coco_ap'
    with pytest.raises(ValueError, match=r"one metric, got \['coco_ap', 'pck'\]"):
        benchmark_records.metric_of(RECORDS + others)


def test_a_mean_curve_has_the_iterations_of_all_seeds():
    curves = [dict(curve=[[1, 0.1, None], [2, 0.25, None]]), dict(curve=[[2, 0.75, None]])]
    assert benchmark_records.mean_curve(curves, 1) == [(2, 0.5)]
    assert benchmark_records.mean_curve(curves, 2) == []
    assert benchmark_records.mean_curve([], 1) == []


@pytest.mark.parametrize('content, message', [
    ('{"method": 1}', 'expected a list of records'), ('[{"method": 1}]', "got .*'method': 1"),
    ('[', 'is not a json'), ('', 'is missing or empty')])
def test_a_file_of_something_else_is_an_error(tmp_path, content, message):
    (tmp_path / 'x.json').write_text(content)
    with pytest.raises(SystemExit, match=f'(?s)benchmark report: .*{message}'):
        report.main([str(tmp_path / 'x.json')])


def test_the_command_writes_tables_and_plots(tmp_path, capsys):
    source, page = tmp_path / 'records.json', tmp_path / 'page.md'
    records = RECORDS + [record(method, 100, 0, 0.3, 0.4, 'ablation') for method in (
        'no_mixing', 'half_as_long', 'r6_erasing')]
    source.write_text(json.dumps(records))
    page.write_text(TEXT)
    report.main([str(source)])
    assert report.main_table(records) in capsys.readouterr().out
    report.main([str(source), '--markdown', str(page), '--plots', str(tmp_path / 'plots')])
    assert page.read_text() == report.replace_tables(TEXT, records)
    for name in ('methods.png', 'curves.png', 'lengths.png'):
        assert cv2.imread(str(tmp_path / 'plots' / name)).std() > 10


def with_people(method, seed, val, hidden, role='main'):
    """Return a record whose people have 10 keypoints each; digits are how many are right."""
    return record(method, 100, seed, 0.4, 0.5, role, people={
        name: dict(right=right, seen='a' * len(right))
        for name, right in (('val', val), ('hidden', hidden))})


def test_differences_are_paired_by_seed_and_person():
    records = [with_people('pose_mum', seed, '55555555', '3a' * 100) for seed in (0, 1)]
    records += [with_people('no_mixing', seed, '44444444', '2939' * 50) for seed in (0, 1, 2)]
    head, _, row = cells(report.interval_table(records))
    assert head == ['difference', '100 labels: validation', '100 labels: hidden labels']
    assert row[:2] == ['`pose_mum` − `no_mixing`', '+0.100 [+0.100, +0.100] (2)']
    mean, low, high = (float(x.strip('[],')) for x in row[2].split()[:3])
    # Differences of 0.1, 0.1, 0 and 0.1: of 200 people the mean's deviation is 0.0031, and two
    # seeds' mean has 0.0022 to 0.0031.
    assert mean == 0.075 and 0.067 <= low < 0.073 and 0.077 < high <= 0.083


def test_the_recipe_without_mixing_is_compared_with_supervised_training_too():
    records = [with_people(method, 0, right * 8, right * 8) for method, right in (
        ('pose_mum', '6'), ('no_mixing', '5'), ('supervised', '3'))]
    rows = {row[0]: row[1] for row in cells(report.interval_table(records))[2:]}
    assert rows == {'`pose_mum` − `no_mixing`': '+0.100 (1)',
                    '`pose_mum` − `supervised`': '+0.300 (1)',
                    '`no_mixing` − `supervised`': '+0.200 (1)'}


def test_what_builds_on_the_reference_is_compared_with_it_the_other_way_round():
    records = [with_people(method, 0, right * 8, right * 8) for method, right in (
        ('pose_mum', '5'), ('mum_input', '4'), ('full_recipe', '7'))]
    rows = [(row[0], row[1]) for row in cells(report.interval_table(records))[2:]]
    assert rows == [('`pose_mum` − `mum_input`', '+0.100 (1)'),
                    ('`full_recipe` − `pose_mum`', '+0.200 (1)')]


def test_mixing_without_erasing_is_compared_with_its_own_recipe():
    records = [with_people(method, 0, right * 8, right * 8, role) for method, right, role in (
        ('pose_mum', '6', 'main'), ('r5_shifts', '3', 'ladder'),
        ('mixing_without_erasing', '5', 'ablation'))]
    _, _, row = cells(report.interval_table(records))
    assert row == ['`mixing_without_erasing` − `r5_shifts`'] + ['+0.200 (1)'] * 2


def test_an_interval_knows_that_seeds_differ():
    records = []
    for seed, right in ((0, '6' * 50), (1, '4' * 50)):
        records += [with_people('pose_mum', seed, right, right),
                    with_people('no_mixing', seed, '4' * 50, '4' * 50)]
    _, _, row = cells(report.interval_table(records))
    assert row[1:] == ['+0.100 [+0.000, +0.200] (2)'] * 2


def test_other_people_are_refused():
    first = {0: (benchmark_people_of('12'), benchmark_people_of('aa'))}
    second = {0: (benchmark_people_of('12'), benchmark_people_of('ab'))}
    with pytest.raises(ValueError, match='judged by different people'):
        report.paired_difference(first, second, True)


def benchmark_people_of(digits):
    return np.array([int(digit, 36) for digit in digits])


def test_the_ladder_has_a_rung_for_each_of_its_configs():
    configs = Path(__file__).parents[2] / 'configs/lspet/ladder'
    assert sorted(path.stem for path in configs.glob('*.py')) == list(report.LADDER[:-4])


def test_each_rung_of_the_ladder_is_compared_with_the_one_below():
    records = [record('r0_start', 100, 0, 0.1, 0.1, 'ladder'),
               record('r1_colors', 100, 0, 0.1, 0.3, 'ladder'),
               record('no_mixing', 100, 0, 0.1, 0.35), record('pose_mum', 100, 0, 0.1, 0.5),
               record('full_recipe', 100, 0, 0.1, 0.45),
               record('supervised', 100, 0, 0.2, None), record('supervised', 2000, 0, 0.6, None)]
    _, _, *rows = cells(report.ladder_table(records))
    assert [(row[0], *row[3:]) for row in rows] == [
        ('`r0_start`', '–', '-25%'), ('`r1_colors`', '+0.200 (1)', '25%'),
        ('`no_mixing`', '–', '37%'), ('`pose_mum`', '+0.150 (1)', '75%'),
        ('`full_recipe`', '–', '62%')]  # the rung below has not been trained


def test_curves_of_two_lengths_are_means_over_the_draws_that_all_have():
    def trained(method, seed, *teachers, labels=200):
        return record(method, labels, seed, 0.9, teachers[-1], curve=[
            [500 * step, 0.9, value] for step, value in enumerate(teachers, 1)])
    records = [
        trained('half_as_long', 0, 0.1, 0.2), trained('half_as_long', 3, 0.3, 0.6),
        trained('half_as_long', 5, 0.8, 0.8), trained('half_as_long', 0, 0.7, 0.7, labels=100),
        trained('r6_erasing', 0, 0.1, 0.1), trained('r6_erasing', 3, 0.2, 0.2),
        trained('pose_mum', 0, 0.1, 0.2, 0.3), trained('pose_mum', 3, 0.2, 0.4, 0.6)]
    assert report.length_table(records) == 'Two lengths have not been trained yet.'
    records += [trained('no_mixing', 3, 0, 0.1, 0.2),
                trained('no_mixing', 0, 0.1, 0.3, 0.2)]
    head, _, *rows = cells(report.length_table(records))
    assert head == ['step', 'labels', 'draws', '500', '1,000', '1,500']
    assert rows == [['`pose_mum`', '200', '2', '0.150', '0.300', '0.450'],
                    ['`no_mixing`', '200', '2', '0.050', '0.200', '0.200'],
                    ['`half_as_long`', '200', '2', '0.200', '0.400', ''],
                    ['`r6_erasing`', '200', '2', '0.150', '0.150', '']]
