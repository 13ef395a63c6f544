"""Charts: valid, self-contained SVG, whose texts are texts, of one run or two."""
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from mmpose_mum.report import charts
from mmpose_mum.report.run import Run

NAME = '<script>$x_{1 & "y"</script>'


def run(name, **series):
    return Run(name, Path(name), None, None, series, {}, [], [])


def parsed(svg):
    """Return the root, which knows xlink as a page's parser does."""
    return ElementTree.fromstring(str(svg).replace(
        '<svg ', '<svg xmlns:xlink="http://www.w3.org/1999/xlink" ', 1))


def texts(svg):
    return [''.join(node.itertext()) for node in parsed(svg).iter('text')]


def test_a_chart_is_an_element_with_a_name_and_no_address():
    svg = charts.svg(lambda axes: axes.set_title(NAME), NAME)
    root = parsed(svg)
    assert root.get('aria-label') == NAME and root.get('viewBox').startswith('0 0 ')
    assert NAME in texts(svg) and 'http' not in svg and '<script' not in svg


def test_references_stay_within_their_chart():
    both = [charts.svg(lambda axes: axes.plot([0, 1], [0, 1], marker='o'), name) for name in 'ab']
    ids = [[node.get('id') for node in parsed(svg).iter() if node.get('id')] for svg in both]
    assert ids[0] and not set(ids[0]) & set(ids[1])
    assert all(f'#{name}' in both[0] for name in ids[0] if not name.startswith('m'))


def test_one_run_has_a_line_for_each_loss_and_two_runs_have_names():
    one = run('a', loss={1: 2., 2: .02}, unsup_loss={1: .5, 2: .1})
    other = run(NAME, loss_kpt={1: 1.})
    (single, ) = charts.curves([one], '')
    assert {'loss', 'unsup loss'} <= set(texts(single.svg))
    (double, ) = charts.curves([one, other], '')
    assert {'a, unsup loss', f'{NAME}, loss kpt'} <= set(texts(double.svg))
    (hidden, ) = charts.curves([run('_a', loss={1: 2.}), run('_b', loss={1: 1.})], '')
    assert {'_a, loss', '_b, loss'} <= {text.strip() for text in texts(hidden.svg)}
    assert '0.1' in texts(single.svg)  # a logarithmic axis, without formulas


def test_values_that_are_not_finite_leave_gaps():
    (chart, ) = charts.curves([run('a', loss={1: float('nan'), 2: 1., 3: float('inf')})], '')
    assert parsed(chart.svg) is not None


def test_a_long_run_stays_small():
    noise = np.random.default_rng(0).uniform(1, 2, (3, 4000))
    series = {f'loss_{name}': dict(enumerate(row, 1)) for name, row in zip('abc', noise)}
    used = {f'unsup/used_{i}': {step: .5 for step in range(1000)} for i in range(17)}
    found = [*charts.curves([run('a', **series)], ''), *charts.watched(run('a', **used))]
    assert len(found) == 2 and sum(len(chart.svg) for chart in found) < 1e6


def test_accuracy_without_people_is_no_chart():
    assert charts.accuracy({}, ['a']) is None


def test_the_charts_of_hidden_labels_name_runs_shares_and_keypoints():
    values = {'hidden/PCK': .5, 'hidden/PCK_neck': .25, 'hidden/share_0.0-0.5': .75,
              'hidden/share_0.5-1.0': .25, 'hidden/confidence_0.0-0.5': .4}
    readouts = {'_a': {10: values}, 'b': {10: {**values, 'hidden/PCK_knee': 1.}}}
    for number in (1, 2):
        runs = list(readouts)[:number]
        over_time, by_confidence, by_keypoint = (
            {text.strip() for text in texts(chart.svg)}
            for chart in charts.hidden({run: readouts[run] for run in runs}, runs))
        assert {'25%', 'neck'} <= by_keypoint
        several = number > 1
        assert ('knee' in by_keypoint) == ({'_a', 'b'} <= over_time) == several
        assert {'_a: right', 'b: share of all'} <= by_confidence if several else (
            {'right', 'share of all'} <= by_confidence)
