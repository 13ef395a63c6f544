"""The benchmark's plots: every method's figures, and their learning curves."""
from pathlib import Path

import numpy as np
from benchmark_records import (
    MODELS,
    at_two_lengths,
    few_and_all,
    figures,
    mean_curve,
    methods_of,
    metric_of,
)


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
    labels, upper = few_and_all(records)
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


def draw_curves(records: list, path: Path) -> None:
    """Draw the methods' learning curves, means over the seeds, as a PNG."""
    labels, upper = few_and_all(records)
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


def draw_lengths(records: list, path: Path) -> None:
    """Draw the teachers' curves of two lengths with and without mixing, as a PNG, if there are."""
    found = at_two_lengths(records)
    if not found:
        return
    figure, axes = start_figure(len(found), 5, 3.4)
    for axis, (labels, methods) in zip(axes, found.items()):
        for i, runs in enumerate(methods.values()):
            curve = mean_curve(runs, 2)
            mixing = ('with', 'without')[i % 2]  # in the order of LENGTHS, longer ones first
            axis.plot(*zip(*curve), color=f'C{i % 2}', marker='.', ls='-' if i < 2 else ':',
                      label=f'{mixing} mixing, {curve[-1][0]:,} steps')
        plain = figures(records, 'supervised', labels, 'student')
        plain = [plain[run['seed']] for run in runs if run['seed'] in plain]
        if plain:
            axis.axhline(np.mean(plain), color='.4', ls='--', label='supervised, at its end')
        axis.set(title=f'{labels:,} labels, {len(runs)} draws', xlabel='steps')
        axis.grid(alpha=.3)
    axes[0].set_ylabel(f"teacher's {metric_of(records).upper()}")
    finish(figure, axes[0], path, columns=2)


def finish(figure, axis, path: Path, columns: int = 4) -> None:
    """Put one legend below all axes, and save the figure."""
    handles, names = axis.get_legend_handles_labels()
    figure.legend(handles, names, loc='outside lower center', ncol=min(columns, len(names)))
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)
