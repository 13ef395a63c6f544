"""The docs site as far as it can be checked without Sphinx, which `make docs` runs."""
import importlib.util
import os
import re
from collections import Counter
from pathlib import Path

import pytest

from mmpose_mum.cli import VERBS

ROOT = Path(__file__).parents[1]
PAGES = {path.relative_to(ROOT).as_posix() for path in (
    *ROOT.glob('docs/**/*.md'), *ROOT.glob('configs/*/README.md'), ROOT / 'README.md',
    ROOT / 'CONTRIBUTING.md', ROOT / 'CHANGELOG.md')}
TOCTREE = re.compile(r'^```{toctree}\n(.*?)^```', re.M | re.S)
API = 'docs/api/mmpose_mum/index.md'  # is made from the sources


def listed():
    """Return how often each page stands in a toctree."""
    found = Counter()
    for page in ROOT.glob('docs/**/*.md'):
        for toctree in TOCTREE.findall(page.read_text('utf-8')):
            for target in re.findall(r'<(\S+)>$', toctree, re.M):
                path = os.path.relpath(os.path.normpath(page.parent / target), ROOT)
                found[Path(path).as_posix() + '.md'] += 1
    return found


def load_extension(name):
    spec = importlib.util.spec_from_file_location(name, ROOT / f'docs/_ext/{name}.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_page_is_in_exactly_one_toctree():
    assert listed() == Counter(PAGES - {'docs/index.md'}) + Counter([API])


@pytest.mark.parametrize('room', ['start', 'howto', 'reference', 'results', 'maintainers'])
def test_a_room_links_to_the_pages_of_its_toctree(room):
    text = (ROOT / f'docs/{room}.md').read_text('utf-8')
    for target in re.findall(r'^.+ <(\S+)>$', text, re.M):
        assert f']({target}.md' in text or f'docs/{target}.md' == API, target


def test_the_command_line_reference_has_every_verb_and_argument():
    extension = load_extension('cli_reference')
    text = extension.reference()
    assert tuple(re.findall(r'^## (\S+)$', text, re.M)) == VERBS
    for name, _, parser in extension.verbs():
        for action in parser._actions:
            assert all(f'`{flag}`' in text for flag in action.option_strings)
            assert action.help, f'{name} does not say what {action.dest} is'


def test_the_command_line_reference_is_put_into_its_page():
    extension = load_extension('cli_reference')
    content = [(ROOT / 'docs/cli.md').read_text('utf-8')]
    extension.insert(None, 'docs/cli', content)
    assert '## convert' in content[0] and extension.PLACE not in content[0]


@pytest.mark.parametrize('link, address', [
    ('../mmpose_mum/datasets/unlabeled.py', 'R/blob/main/mmpose_mum/datasets/unlabeled.py'),
    ('examples', 'R/tree/main/docs/examples'),
    ('faults.md#the-training', 'faults.md#the-training'),
    ('run.png', 'run.png'),
    ('no_such_file.py', 'no_such_file.py'),  # stays, so that Sphinx warns
    ('https://arxiv.org/abs/2203.07837', 'https://arxiv.org/abs/2203.07837'),
    ('#words', '#words'),
])
def test_links_to_files_that_are_no_pages_lead_to_the_repository(link, address):
    assert linked(f'See [it]({link}) there.', 'R') == f'See [it]({address}) there.'


@pytest.mark.parametrize('text, shown', [
    ('See [it](examples) there.', 'See it there.'),
    ('[![a badge](https://a.b/c.svg)](../LICENSE)', '![a badge](https://a.b/c.svg)'),
    ('[Words](#words), [faults](faults.md#the-training)', None),
    ('[gone](no_such_file.py)', None),
    ('![A curve](run.png)', None),
])
def test_without_an_address_links_to_such_files_are_text(text, shown):
    assert linked(text, '') == (shown or text)


def linked(text, address):
    """Return what becomes of a text of docs/concepts.md on a site with this repository."""
    class Env:
        found_docs = {'docs/faults', 'docs/concepts'}

        def doc2path(self, docname):
            return ROOT / f'{docname}.md'

        def path2doc(self, path):
            path = path.relative_to(ROOT)
            return path.with_suffix('').as_posix() if path.suffix == '.md' else None

    class App:
        env, srcdir = Env(), ROOT
        config = type('Config', (), dict(repository=address))

    content = [text]
    load_extension('repository_links').link_to_repository(App, 'docs/concepts', content)
    return content[0]
