"""The benchmark's tables and plots, made of the records that `tools/benchmark_methods.py` keeps.

    python tools/benchmark_report.py docs/benchmark/lspet_mini.json \
        --markdown docs/benchmark.md --plots docs/benchmark

In the markdown file, what lies between `<!-- benchmark:main -->` and `<!-- /benchmark:main -->` is
replaced, likewise `benchmark:lead`, `benchmark:ablation` and `benchmark:metrics`; the rest stays as
it was written.
Without `--markdown` the tables are shown.
"""
import argparse
import json
import re
from pathlib import Path

import numpy as np

ORDER = ('supervised', 'mean_teacher', 'pose_cons', 'pose_dual', 'mum_input', 'pose_mum')
REFERENCE = 'pose_mum'  # what ablations are compared with
MODELS = ('student', 'teacher')
NOTHING = '–'


def parse_args(args=None):
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('json', type=Path, help="the benchmark's records")
    parser.add_argument('--markdown', type=Path, help='file whose tables are replaced')
    parser.add_argument('--plots', type=Path, help='folder for methods.png and curves.png')
    return parser.parse_args(args)


def load_records(path: Path) -> list:
    """Read the benchmark's records.

    Raises:
        ValueError: If the file holds something else.
    """
    try:
        records = json.loads(path.read_text(encoding='utf-8'))
    except json.JSONDecodeError as error:
        raise ValueError(f'{path} is no JSON ({error}); expected a list of records as '
                         'tools/benchmark_methods.py writes it') from error
    keys = {'method', 'role', 'num_labels', 'num_total', 'seed', 'curve', 'metrics'}
    for record in records if isinstance(records, list) else [records]:
        missing = keys - set(record) if isinstance(record, dict) else keys
        if missing or not isinstance(records, list):
            raise ValueError(f'{path}: expected a list of records with {", ".join(sorted(keys))}, '
                             f'got {str(record)[:80]!r}; write it by tools/benchmark_methods.py')
    return records


def metric_of(records: list) -> str:
    """Return what the records' figures end in, as in ``student_pck``."""
    names = {key.split('_', 1)[1] for record in records for key in record
             if key.startswith('student_')}
    if len(names) != 1:
        raise ValueError(f'expected records of one metric, got {sorted(names)}; keep those of each '
                         '--metric in a JSON file of their own')
    return names.pop()


def methods_of(records: list) -> list:
    """Return the methods: the known ones in their order, then others by name."""
    names = {record['method'] for record in records}
    return [name for name in ORDER if name in names] + sorted(names - set(ORDER))


def labels_of(records: list) -> list:
    """Return the numbers of labels, rising."""
    return sorted({record['num_labels'] for record in records})


def figures(records: list, method: str, labels: int, model: str) -> dict:
    """Return ``{seed: figure}`` of a method's student or teacher."""
    key = f'{model}_{metric_of(records)}'
    return {record['seed']: record[key] for record in records
            if (record['method'], record['num_labels']) == (method, labels)
            and record[key] is not None}


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


def lead_table(records: list) -> str:
    """Return how far the reference leads, seed by seed, and how much of the gap each one closes.

    The gap lies between `supervised` with few labels and with all of them.
    """
    records = [record for record in records if record['role'] == 'main']
    counts, upper = panels(records)
    if not any(record['method'] == REFERENCE for record in records):
        return f'`{REFERENCE}` has not been trained yet.'
    head, rows = ['method'], []
    for labels in counts:
        name = head_of(records, labels)
        head += [f'{name}: lead of `{REFERENCE}`', f'{name}: of the gap']
    for method in methods_of(records):
        row = [f'`{method}`']
        for labels in counts:
            found, reference, lower = (judged(records, name, labels)
                                       for name in (method, REFERENCE, 'supervised'))
            lead = [reference[seed] - found[seed] for seed in found if seed in reference]
            share = NOTHING
            if found and lower and upper is not None:
                mean, least = (np.mean(list(values.values())) for values in (found, lower))
                share = f'{(mean - least) / (upper - least):.0%}'
            row += [summary(lead if method != REFERENCE else (), '+'), share]
        rows.append(row)
    return table(head, rows)


def ablation_table(records: list) -> str:
    """Return the table of the ablations, with differences to the reference on the same seeds."""
    ablations = [record for record in records if record['role'] == 'ablation']
    if not ablations:
        return 'No ablation has been trained yet.'
    columns = [(labels, model) for labels in labels_of(ablations) for model in MODELS]
    head = ['method']
    for labels, model in columns:
        name = f'{head_of(records, labels)}: {model}'
        head += [name, f'{name} − `{REFERENCE}`']
    rows = []
    for method in [REFERENCE, *methods_of(ablations)]:
        row = [f'`{method}`']
        for column in columns:
            found = figures(records, method, *column)
            reference = figures(records, REFERENCE, *column) if method != REFERENCE else {}
            row += [summary(found.values()), summary(
                (found[seed] - reference[seed] for seed in found if seed in reference), '+')]
        rows.append(row)
    return table(head, rows)


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


TABLES = {'main': main_table, 'lead': lead_table, 'ablation': ablation_table,
          'metrics': metrics_table}


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


def panels(records: list):
    """Return the numbers of labels to draw, and the mean that all labels give, or None."""
    everything = [record for record in records if record['num_labels'] == record['num_total']]
    labels = [n for n in labels_of(records) if n not in labels_of(everything)]
    if not labels or not everything:
        return labels_of(records), None
    values = [record[f'student_{metric_of(records)}'] for record in everything]
    return labels, float(np.mean(values))


def start_figure(count: int, width: float, height: float, **kwargs):
    """Return a figure with axes side by side, and them."""
    import matplotlib
    matplotlib.use('Agg')
    import matplotlib.pyplot as plt
    figure, axes = plt.subplots(1, count, figsize=(width * count + 1.5, height), squeeze=False,
                                constrained_layout=True, **kwargs)
    return figure, axes[0]


def draw_methods(records: list, path: Path) -> None:
    """Draw every method's student and teacher, mean, deviation and seeds, as a PNG."""
    main = methods_of([record for record in records if record['role'] == 'main'])
    methods = main + [name for name in methods_of(records) if name not in main]
    labels, upper = panels(records)
    figure, axes = start_figure(len(labels), 4.2, 1.6 + .45 * len(methods), sharey=True)
    for axis, number in zip(axes, labels):
        for i, model in enumerate(MODELS):
            color, marker = f'C{i}', 'os'[i]
            for row, method in enumerate(methods):
                values = list(figures(records, method, number, model).values())
                if not values:
                    continue
                height = row + .28 * i - .14
                axis.plot(values, [height] * len(values), '.', color=color, alpha=.3, ms=8, mew=0)
                axis.errorbar(np.mean(values), height, color=color, marker=marker, capsize=3,
                              xerr=np.std(values, ddof=1) if len(values) > 1 else None)
            axis.plot([], [], color=color, marker=marker, ls='', label=model)
        if upper is not None:
            axis.axvline(upper, color='.4', ls='--', label='supervised, all labels')
        if 0 < len(main) < len(methods):
            axis.axhline(len(main) - .5, color='.7', lw=.8)
        axis.set(title=f'{number:,} labels', xlabel=metric_of(records).upper())
        axis.grid(axis='x', alpha=.3)
    axes[0].set_yticks(range(len(methods)), methods)
    axes[0].invert_yaxis()
    finish(figure, axes[0], path)


def mean_curve(records: list, column: int) -> list:
    """Return the mean of the records' curves, at the iterations that all of them have."""
    curves = [{point[0]: point[column] for point in record['curve']} for record in records]
    steps = sorted(set.intersection(*map(set, curves))) if curves else []
    return [(step, float(np.mean([curve[step] for curve in curves]))) for step in steps
            if all(curve[step] is not None for curve in curves)]


def draw_curves(records: list, path: Path) -> None:
    """Draw the methods' learning curves, means over the seeds, as a PNG."""
    labels, upper = panels(records)
    main = [record for record in records if record['role'] == 'main']
    figure, axes = start_figure(len(labels), 5, 4.2, sharey=True)
    for axis, number in zip(axes, labels):
        for i, method in enumerate(methods_of(main)):
            runs = [r for r in main if (r['method'], r['num_labels']) == (method, number)]
            teacher = mean_curve(runs, 2)
            axis.plot(*zip(*(teacher or mean_curve(runs, 1) or [(np.nan, np.nan)])), color=f'C{i}',
                      marker='.', label=method)
            if teacher:
                axis.plot(*zip(*mean_curve(runs, 1)), color=f'C{i}', lw=1, ls=':')
        axis.plot([], [], color='.2', lw=1, ls=':', label='student (lines: teacher)')
        if upper is not None:
            axis.axhline(upper, color='.4', ls='--', label='supervised, all labels, at its end')
        axis.set(title=f'{number:,} labels', xlabel='iterations')
        axis.grid(alpha=.3)
    axes[0].set_ylabel(metric_of(records).upper())
    finish(figure, axes[0], path)


def finish(figure, axis, path: Path) -> None:
    """Put one legend below all axes, and save the figure."""
    handles, names = axis.get_legend_handles_labels()
    figure.legend(handles, names, loc='outside lower center', ncol=min(4, len(names)))
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)


def main(args=None) -> None:
    """Make the tables and the plots."""
    args = parse_args(args)
    try:
        records = load_records(args.json)
        if args.markdown:
            text = args.markdown.read_text(encoding='utf-8')
            args.markdown.write_text(replace_tables(text, records), encoding='utf-8')
        else:
            print('\n\n'.join(render(records) for render in TABLES.values()))
        if args.plots:
            draw_methods(records, args.plots / 'methods.png')
            draw_curves(records, args.plots / 'curves.png')
    except (ValueError, OSError) as error:
        raise SystemExit(f'benchmark report: {error}') from error


if __name__ == '__main__':
    main()
