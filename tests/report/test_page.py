"""The page: it shows what a run has, says what it lacks, and every text in it is only a text."""
import re
from html import unescape
from types import SimpleNamespace

import pytest

from helpers.browser import CHROMIUM, Browser
from helpers.hostile_run import IMAGE, KEYPOINT, METRIC, WORK_DIR
from mmpose_mum.report import write
from mmpose_mum.report.people import Judged
from mmpose_mum.report.write import write_report

needs_chromium = pytest.mark.skipif(not CHROMIUM, reason='no Chromium is installed')
LOADS = re.compile(r'(?:src|href|srcset|poster|data|action)\s*=\s*"(?!data:|#)|url\((?!#|data:)|'
                   r'@import|<script|<link rel="(?!icon)|<iframe|<object', re.I)


def sections(page):
    """Return the names of the page's sections."""
    return re.findall('<section id="(.*?)"', page)


def test_a_run_with_everything_has_every_section(hostile_run):
    page = (hostile_run / 'report.html').read_text('utf-8')  # by its hook
    assert sections(page) == ['settings', 'metrics', 'curves', 'guards', 'panels', 'validation',
                              'hidden', 'publish']
    assert page.count('<svg') >= 9 and 'Iteration 2' in page


def test_hostile_names_are_texts(hostile_run):
    page = (hostile_run / 'report.html').read_text('utf-8')
    assert not LOADS.search(page)
    assert page.count('<script') == page.count('<b>run') == page.count('<img src=x') == 0
    for name in (KEYPOINT, IMAGE, METRIC, WORK_DIR):
        assert name in unescape(page), name


@needs_chromium
@pytest.mark.parametrize('width', [1280, 390])
def test_a_browser_shows_all_of_it_and_asks_for_nothing(hostile_run, width, tmp_path):
    with Browser(tmp_path / 'profile', width) as browser:
        page = hostile_run / 'report.html'
        browser.open(page)
        assert browser.complaints == [] and browser.requests == [page.resolve().as_uri()]
        assert browser.evaluate('document.title') == WORK_DIR
        widths = browser.evaluate('[...document.images].map(image => image.naturalWidth)')
        assert len(widths) >= 10 and min(widths) > 0
        drawn = browser.evaluate('[...document.querySelectorAll("svg")].map(chart => '
                                 'Math.min(chart.clientWidth, chart.clientHeight))')
        assert len(drawn) >= 9 and min(drawn) > 100
        assert browser.evaluate('document.documentElement.scrollWidth') <= width
        ids = browser.evaluate('[...document.querySelectorAll("[id]")].map(node => node.id)')
        assert len(set(ids)) == len(ids)


@needs_chromium
def test_the_browser_notices_what_a_page_must_not_do(tmp_path):
    page = tmp_path / 'page.html'
    page.write_text('<img src="gone.png"><script>null.x</script>')
    with Browser(tmp_path / 'profile') as browser:
        browser.open(page)
        assert browser.evaluate('document.images[0].naturalWidth') == 0
        assert len(browser.requests) == 2 and 'TypeError' in ''.join(browser.complaints)


def test_a_page_of_two_runs_has_both_and_what_differs(hostile_run, work_dir, tmp_path):
    written = write_report([work_dir, hostile_run], tmp_path / 'both.html', 'cpu')
    page = unescape(written.path.read_text('utf-8'))
    lack, = written.lacks
    assert lack.startswith(f'{WORK_DIR}: No worst people: work, ')
    assert 'settings that differ' in page and f'{WORK_DIR}, unsup loss' in page
    assert 'val_evaluator' in page and 'labeled.ann_file' in page
    assert f'{WORK_DIR} teacher' in page and 'work teacher' in page
    # People of different sets are not compared: each of the first run's is shown by itself.
    worst = page[page.index('The worst people'):page.index('id="hidden"')]
    assert worst.count('work: ') and worst.count(f'{WORK_DIR}: ') == 0
    assert len(re.findall('mmpose-mum publish', page)) == 2


def test_a_panel_is_drawn_where_the_training_drew_none(work_dir, tmp_path):
    page = write_report([work_dir], tmp_path / 'page.html', 'cpu').path.read_text('utf-8')
    assert 'Drawn now, with the last checkpoint' in page
    assert 'hidden' not in sections(page)


@pytest.mark.parametrize('gone, left, lack', [
    ('last_checkpoint', ['settings', 'metrics', 'curves', 'guards', 'lacks'],
     'There is no last_checkpoint'),
    ('*/vis_data/scalars.json', ['settings', 'guards', 'panels', 'validation', 'publish', 'lacks'],
     r'There is no \*/vis_data/scalars.json'),
])
def test_what_is_missing_is_told_and_left_out(work_dir, gone, left, lack):
    for path in work_dir.glob(gone):
        path.unlink()
    written = write_report([work_dir], device='cpu')
    assert written.path == work_dir / 'report.html'
    assert sections(written.path.read_text('utf-8')) == left
    assert len(written.lacks) == 1 and re.match(lack, written.lacks[0])


def test_a_run_with_other_keypoints_is_told():
    people = Judged([], 0, 0, ['nose', 'hand'], {})
    runs = [SimpleNamespace(name=name, model=name, lacks=[]) for name in 'abc']
    write._worst(runs, dict(a=people, b=people._replace(names=['hand', 'nose']), c=people))
    assert runs[1].lacks == [
        'No worst people: a, whose people are shown, has other keypoints'] and not runs[2].lacks


def test_without_a_config_there_are_still_the_curves(work_dir):
    for path in (*work_dir.glob('*.py'), *work_dir.glob('*/vis_data/config.py')):
        path.unlink()
    written = write_report([work_dir], device='cpu')
    assert sections(written.path.read_text('utf-8')) == [
        'settings', 'metrics', 'curves', 'publish', 'lacks']
    assert 'not exactly one config' in written.lacks[0]


def test_images_that_are_gone_are_told(hostile_run, tmp_path):
    people = hostile_run.parent / 'people'
    people.rename(people.with_name('moved'))
    try:
        written = write_report([hostile_run], tmp_path / 'page.html', 'cpu')
    finally:
        people.with_name('moved').rename(people)
    assert any('none of the 3 people can be predicted' in text for text in written.lacks)
    assert {'curves', 'panels', 'lacks'} <= set(sections(written.path.read_text('utf-8')))
