"""The benchmark's tables and plots, made of the records that `dev/benchmark_methods.py` keeps.

    python dev/benchmark_report.py docs/benchmark/lspet_mini.json \
        --markdown docs/benchmark.md --plots docs/benchmark

In the markdown file, what lies between `<!-- benchmark:main -->` and `<!-- /benchmark:main -->` is
replaced, likewise `benchmark:lead`, `benchmark:interval`, `benchmark:ladder`, `benchmark:length`,
`benchmark:ablation`, `benchmark:model`, `benchmark:label_next` and `benchmark:metrics`; the rest
stays as it was written. Without `--markdown` the tables are shown.
"""
import argparse
import re
from pathlib import Path

import numpy as np
from benchmark_plots import draw_curves, draw_lengths, draw_methods
from benchmark_records import (
    MODELS,
    ORDER,
    at_two_lengths,
    few_and_all,
    figures,
    labels_of,
    load_records,
    mean_curve,
    methods_of,
    metric_of,
)

REFERENCE = 'pose_mum'  # what ablations are compared with
# Behind those of the reference and each other method of the main table.
OTHER_PAIRS = (('mean_teacher', 'supervised'), ('pose_cons', 'supervised'),
               ('pose_dual', 'supervised'), ('no_mixing', 'supervised'), ('mum_input', 'no_mixing'),
               ('round2_pose_mum', 'supervised'), ('full_recipe', 'supervised'),
               ('round2_no_mixing', 'no_mixing'), ('round2_pose_mum', 'round2_no_mixing'),
               ('full_recipe', 'round2_pose_mum'), ('full_recipe', 'full_recipe_without_mixing'),
               ('one_round_four_times', 'pose_mum'), ('full_recipe', 'one_round_four_times'),
               ('pose_mum', 'twice_as_long_supervised'),
               ('twice_as_long_supervised', 'supervised'),
               ('pose_mum', 'half_as_long'), ('no_mixing', 'r6_erasing'),
               ('half_as_long', 'supervised'), ('half_as_long', 'r6_erasing'),
               ('half_as_long_round2', 'supervised'), ('half_as_long_round2', 'half_as_long'),
               ('half_as_long_round2', 'half_as_long_round2_without_mixing'),
               ('mixing_without_erasing', 'r5_shifts'))
REPLICATES, COVERAGE = 4000, 95  # of the bootstrap; per cent
PEOPLE = {'val': 'validation', 'hidden': 'hidden labels'}
# From the lowest rung up; the upper four are methods of the main table.
LADDER = ('r0_start', 'r1_colors', 'r2_momentum', 'r3_teacher_view', 'r4_strong_view', 'r5_shifts',
          'r6_erasing', 'no_mixing', 'pose_mum', 'round2_pose_mum', 'full_recipe')
NOTHING = '–'


def parse_args(args=None):
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('json', type=Path, help="the benchmark's records")
    parser.add_argument('--markdown', type=Path, help='file whose tables are replaced')
    parser.add_argument('--plots', type=Path,
                        help='folder for methods.png, curves.png and lengths.png')
    return parser.parse_args(args)


def summary(values, sign: str = '') -> str:
    """Return ``mean ± sample standard deviation (number of values)``."""
    values = list(values)
    if not values:
        return NOTHING
    spread = f' ± {np.std(values, ddof=1):.3f}' if len(values) > 1 else ''
    return f'{np.mean(values):{sign}.3f}{spread} ({len(values)})'


def table(head: list, rows: list) -> str:
    """Return a markdown table; its first column is text, the others are figures."""
    lines = [head, ['---'] + ['---:'] * (len(head) - 1), *rows]
    return '\n'.join('| ' + ' | '.join(line) + ' |' for line in lines)


def head_of(records: list, labels: int) -> str:
    """Return how a number of labels is called in a table's head."""
    everything = any(r['num_labels'] == r['num_total'] == labels for r in records)
    return f'all {labels:,} labels' if everything else f'{labels:,} labels'


def iterations_of(records: list, method: str) -> str:
    """Return how long a method was trained."""
    return ' / '.join(f'{number:,}' for number in sorted(
        {record['iterations'] for record in records if record['method'] == method}))


def main_table(records: list) -> str:
    """Return the table of the methods."""
    records = [record for record in records if record['role'] == 'main']
    if not records:
        return 'No method has been trained yet.'
    methods = methods_of(records)
    columns = [(labels, model) for labels in labels_of(records) for model in MODELS
               if any(figures(records, method, labels, model) for method in methods)]
    head = ['method', *(f'{head_of(records, labels)}: {model}' for labels, model in columns),
            'iterations']
    return table(head, [[
        f'`{method}`', *(summary(figures(records, method, *column).values()) for column in columns),
        iterations_of(records, method)] for method in methods])


def judged(records: list, method: str, labels: int) -> dict:
    """Return ``{seed: figure}`` of a method's teacher, or of its only model."""
    return (figures(records, method, labels, 'teacher')
            or figures(records, method, labels, 'student'))


def share_of_gap(records: list, method: str, labels: int, upper) -> str:
    """Return how much of the gap a method closes between `supervised` with few and all labels.

    Args:
        records (list[dict]): All records.
        method (str): Its name.
        labels (int): The number of few labels.
        upper (float, optional): What all labels give.
    """
    found, lower = (judged(records, name, labels) for name in (method, 'supervised'))
    common = found.keys() & lower.keys()  # some draws of labels are harder than others
    if not common or upper is None:
        return NOTHING
    mean, least = (np.mean([values[seed] for seed in common]) for values in (found, lower))
    return f'{(mean - least) / (upper - least):.0%}'


def lead_table(records: list) -> str:
    """Return how far the reference leads, seed by seed, and how much of the gap each one closes."""
    records = [record for record in records if record['role'] == 'main']
    counts, upper = few_and_all(records)
    if not any(record['method'] == REFERENCE for record in records):
        return f'`{REFERENCE}` has not been trained yet.'
    head, rows = ['method'], []
    for labels in counts:
        name = head_of(records, labels)
        head += [f'{name}: lead of `{REFERENCE}`', f'{name}: of the gap']
    for method in methods_of(records):
        row = [f'`{method}`']
        for labels in counts:
            found, reference = (judged(records, name, labels) for name in (method, REFERENCE))
            lead = [reference[seed] - found[seed] for seed in found if seed in reference]
            row += [summary(lead if method != REFERENCE else (), '+'),
                    share_of_gap(records, method, labels, upper)]
        rows.append(row)
    return table(head, rows)


def counts_of(records: list, method: str, labels: int, people: str) -> dict:
    """Return ``{seed: (right, seen)}`` of a method, the keypoints of each person as arrays (P,)."""
    found = {}
    for record in records:
        counts = (record.get('people') or {}).get(people)
        if counts and (record['method'], record['num_labels']) == (method, labels):
            found[record['seed']] = tuple(
                np.array([int(digit, 36) for digit in counts[name]]) for name in ('right', 'seen'))
    return found


def paired_difference(first: dict, second: dict, same_people: bool):
    """Return how far one method is ahead on the same seeds and people, with its interval.

    Of all labeled keypoints, the share that is right, as a mean over the seeds. The interval is a
    percentile bootstrap's, which draws seeds and people with replacement.

    Args:
        first (dict): ``{seed: (right, seen)}`` of :func:`counts_of`.
        second (dict): Those of the method that it is compared with.
        same_people (bool): Whether all seeds have the same people, as in validation; a draw then
            concerns all of them.

    Returns:
        tuple[float, float, float, int] | None: The difference, the ends of the interval, and the
        number of seeds; None if there is no common seed.

    Raises:
        ValueError: If the two have not the same people.
    """
    seeds = sorted(first.keys() & second.keys())
    if not seeds:
        return None
    if any(not np.array_equal(first[seed][1], second[seed][1]) for seed in seeds):
        raise ValueError('two methods of the same seed were judged by different people or labels: '
                         'train them again on the same data')
    ahead = np.stack([first[seed][0] - second[seed][0] for seed in seeds])
    seen = np.stack([first[seed][1] for seed in seeds])
    rng = np.random.default_rng(0)
    people = ahead.shape[1]

    def draw():  # how often each person is drawn (REPLICATES, P)
        return rng.multinomial(people, np.full(people, 1 / people), REPLICATES)

    drawn = draw() if same_people else None
    shares = []  # by seed, (REPLICATES, )
    for i in range(len(seeds)):
        times = draw() if drawn is None else drawn
        shares.append(times @ ahead[i] / (times @ seen[i]))
    picked = rng.integers(len(seeds), size=(REPLICATES, len(seeds)))
    means = np.take_along_axis(np.stack(shares, 1), picked, 1).mean(1)
    low, high = np.percentile(means, [50 - COVERAGE / 2, 50 + COVERAGE / 2])
    return float((ahead.sum(1) / seen.sum(1)).mean()), float(low), float(high), len(seeds)


def difference(records: list, pair: tuple, labels: int, people: str) -> str:
    """Return a pair's :func:`paired_difference` in words, with the number of seeds."""
    return told(paired_difference(*(counts_of(records, method, labels, people) for method in pair),
                                  same_people=people == 'val'))


def told(found) -> str:
    """Write what :func:`paired_difference` returns."""
    if found is None:
        return NOTHING
    mean, low, high, seeds = found
    # One seed does not tell how much seeds differ.
    interval = f' [{low:+.3f}, {high:+.3f}]' if seeds > 1 else ''
    return f'{mean:+.3f}{interval} ({seeds})'


def interval_table(records: list) -> str:
    """Return differences with their intervals.

    The first rows are those of the reference and each other method of the main table, then come
    `OTHER_PAIRS`. Of the former, the lower one in the main table stands first.
    """
    main = [record for record in records if record['role'] == 'main']
    counts, _ = few_and_all(main)
    methods = methods_of(main)
    split = methods.index(REFERENCE) if REFERENCE in methods else len(methods)
    pairs = [*((REFERENCE, method) for method in methods[:split]),
             *((method, REFERENCE) for method in methods[split + 1:]),
             *(pair for pair in OTHER_PAIRS if set(pair) <= set(methods_of(records)))]
    columns = [(labels, people) for labels in counts for people in PEOPLE]
    rows = []
    for pair in pairs:
        row = [f'`{pair[0]}` − `{pair[1]}`']
        for labels, people in columns:
            row.append(difference(records, pair, labels, people))
        if set(row[1:]) != {NOTHING}:
            rows.append(row)
    if not rows:
        return 'No two methods have been trained yet.'
    return table(['difference', *(f'{head_of(records, labels)}: {PEOPLE[people]}'
                                  for labels, people in columns)], rows)


def ladder_table(records: list) -> str:
    """Return the recipe's ladder: each rung's teacher, what it adds, and its share of the gap."""
    own = [record for record in records if record['role'] == 'ladder']
    if not own:
        return 'No ladder has been trained yet.'
    _, upper = few_and_all([record for record in records if record['role'] == 'main'])
    rows = []
    for labels in labels_of(own):
        below = {}
        for method in LADDER:
            found = judged(records, method, labels)
            if not found:  # the next one is not compared with another than the one below
                below = {}
                continue
            added = [found[seed] - below[seed] for seed in found if seed in below]
            rows.append([f'`{method}`', f'{labels:,}', summary(found.values()),
                         summary(added, '+'), share_of_gap(records, method, labels, upper)])
            below = found
    return table(['config', 'labels', 'teacher', 'change from the row above',
                  'of the gap'], rows)


def ablation_table(records: list) -> str:
    """Return the ablations, their differences to the reference, and their share of the gap."""
    ablations = [record for record in records if record['role'] == 'ablation']
    if not ablations:
        return 'No ablation has been trained yet.'
    _, upper = few_and_all([record for record in records if record['role'] == 'main'])
    columns = [(labels, model) for labels in labels_of(ablations) for model in MODELS]
    head = ['method']
    for labels, model in columns:
        name = f'{head_of(records, labels)}: {model}'
        head += [name, f'{name} − `{REFERENCE}`']
    head += [f'{head_of(records, labels)}: of the gap' for labels in labels_of(ablations)]
    rows = []
    for method in [REFERENCE, *methods_of(ablations)]:
        row = [f'`{method}`']
        for column in columns:
            found = figures(records, method, *column)
            reference = figures(records, REFERENCE, *column) if method != REFERENCE else {}
            row += [summary(found.values()), summary(
                (found[seed] - reference[seed] for seed in found if seed in reference), '+')]
        rows.append(row + [share_of_gap(records, method, labels, upper)
                           for labels in labels_of(ablations)])
    return table(head, rows)


def model_table(records: list) -> str:
    """Return the methods with other models, each beside the rivals with the same model."""
    own = [record for record in records if record['role'] == 'model']
    if not own:
        return 'No other model has been trained yet.'
    # The config's folder is the model, its name what is done with it.
    methods = {Path(record['config']).with_suffix('').parts[-2:]: record['method']
               for record in own}
    rivals = ('supervised', 'no_mixing')
    rows = []
    for model, name in sorted(methods, key=lambda key: (key[0], ORDER.index(key[1]))):
        method = methods[model, name]
        for labels in labels_of(own):
            differences = [
                NOTHING if ORDER.index(name) <= ORDER.index(rival) else difference(
                    own, (method, methods.get((model, rival))), labels, people)
                for rival in rivals for people in PEOPLE]
            rows.append([f'`{model}/{name}`', f'{labels:,}', iterations_of(own, method), *(
                summary(figures(own, method, labels, which).values()) for which in MODELS),
                *differences])
    return table(['config', 'labels', 'iterations', *MODELS, *(
        f'− `{rival}`: {people}' for rival in rivals for people in PEOPLE.values())], rows)


def length_table(records: list) -> str:
    """Return the teachers' curves of two lengths, means over the seeds that all of them have."""
    rows = [(f'`{method}`', labels, len(runs), dict(mean_curve(runs, 2)))
            for labels, methods in at_two_lengths(records).items()
            for method, runs in methods.items()]
    if not rows:
        return 'Two lengths have not been trained yet.'
    steps = sorted({step for *_, curve in rows for step in curve})
    return table(['step', 'labels', 'draws', *(f'{step:,}' for step in steps)], [
        [name, f'{labels:,}', str(draws),
         *(f'{curve[step]:.3f}' if step in curve else '' for step in steps)]
        for name, labels, draws, curve in rows])


def label_next_table(records: list) -> str:
    """Return what labels that were chosen bring, beside as many that were all drawn."""
    choices = [record for record in records if record['role'] == 'label_next']
    if not choices:
        return 'No choice has been trained yet.'
    rows = []
    for labels in labels_of(choices):
        for rival in methods_of([dict(method=r['settings']['suggested_by']) for r in choices]):
            chosen = [record for record in choices if record['num_labels'] == labels
                      and record['settings']['suggested_by'] == rival]
            # Some draws are harder than others: only those that have choices, too.
            drawn, before = (
                {seed: figure for seed, figure in judged(records, rival, number).items()
                 if seed in {record['seed'] for record in chosen}}
                for number in (labels, labels // 2))
            rows += [[f'`{rival}`', f'{labels // 2:,} drawn', summary(before.values()), '', ''],
                     [f'`{rival}`', f'{labels:,} drawn', summary(drawn.values()), '', '']]
            for method in methods_of(chosen):
                found = judged(records, method, labels)
                pair = paired_difference(*(counts_of(records, name, labels, 'val')
                                           for name in (method, rival)), same_people=True)
                rows.append([
                    f'`{method}`', f'{labels // 2:,} drawn, {labels - labels // 2:,} chosen',
                    summary(found.values()),
                    summary((found[seed] - drawn[seed] for seed in found if seed in drawn), '+'),
                    told(pair)])
    return table(['method', 'labels', 'PCK', 'more than drawn', 'of all keypoints'], rows)


def metrics_table(records: list) -> str:
    """Return the table of all other scalars of the last validations, means over the seeds."""
    if not records:
        return 'No method has been trained yet.'
    found = {}  # (method, labels) → (scalar, model) → values
    for record in records:
        row = found.setdefault((record['method'], record['num_labels']), {})
        for key, value in record['metrics'].items():
            model = key.split('/')[0] if key.startswith(('student/', 'teacher/')) else 'student'
            name = re.sub('^(student|teacher)/', '', key)
            if value is not None and re.sub(r'\W', '_', name.lower()) != metric_of(records):
                row.setdefault((name, model), []).append(value)
    columns = sorted({column for row in found.values() for column in row})
    if not columns:
        return 'There is no other scalar.'
    main = methods_of([record for record in records if record['role'] == 'main'])
    methods = main + [name for name in methods_of(records) if name not in main]
    head = ['method', 'labels', *(f'{name}: {model}' for name, model in columns)]
    return table(head, [
        [f'`{method}`', f'{labels:,}',
         *(f'{np.mean(row[c]):.3f}' if c in row else NOTHING for c in columns)]
        for labels in labels_of(records) for method in methods
        for row in [found.get((method, labels))] if row])


TABLES = {'main': main_table, 'lead': lead_table, 'interval': interval_table,
          'ladder': ladder_table, 'length': length_table, 'ablation': ablation_table,
          'model': model_table, 'label_next': label_next_table, 'metrics': metrics_table}


def replace_tables(text: str, records: list) -> str:
    """Return a markdown text with the tables of the records between its markers.

    Raises:
        ValueError: If a marker is missing, or there twice.
    """
    for name, render in TABLES.items():
        start, end = f'<!-- benchmark:{name} -->', f'<!-- /benchmark:{name} -->'
        if (text.count(start), text.count(end)) != (1, 1) or text.index(start) > text.index(end):
            raise ValueError(f'expected one {start!r} and after it one {end!r} in the markdown, '
                             f'got {text.count(start)} and {text.count(end)}; the table of the '
                             'records goes between them')
        before, rest = text.split(start)
        text = f'{before}{start}\n{render(records)}\n{end}{rest.split(end)[1]}'
    return text


def main(args=None) -> None:
    """Make the tables and the plots."""
    args = parse_args(args)
    try:
        records = load_records(args.json)
        if not records:
            raise ValueError(f'{args.json} is missing or empty: dev/benchmark_methods.py writes '
                             'it')
        if args.markdown:
            text = args.markdown.read_text(encoding='utf-8')
            args.markdown.write_text(replace_tables(text, records), encoding='utf-8')
        else:
            print('\n\n'.join(render(records) for render in TABLES.values()))
        if args.plots:
            draw_methods(records, args.plots / 'methods.png')
            draw_curves(records, args.plots / 'curves.png')
            draw_lengths(records, args.plots / 'lengths.png')
    except (ValueError, OSError) as error:
        raise SystemExit(f'benchmark report: {error}') from error


if __name__ == '__main__':
    main()
