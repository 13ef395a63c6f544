"""Settings of the docs site, which `make docs` builds from the repository's root.

The pages stay where they lie, the README and CONTRIBUTING among them, so that their links hold on
the site and in the repository alike.
"""
import os
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / 'docs/_ext')]

project = 'Pose-MUM for MMPose'
author = 'The contributors of mmpose_mum'
root_doc = 'docs/index'
include_patterns = ['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md', 'docs/**.md', 'docs/api/**.rst',
                    'configs/*/README.md']
# Folders that no page lies in need not be searched.
exclude_patterns = ['.*', 'build', 'data', 'mmpose_mum', 'tests', 'work_dirs']
extensions = ['myst_nb', 'autoapi.extension', 'sphinx.ext.napoleon', 'cli_reference',
              'repository_links']

# Links to files that are no pages lead there. GitHub's builds know the name; elsewhere there is no
# address, and such links become text.
name = os.environ.get('GITHUB_REPOSITORY')
repository = f'https://github.com/{name}' if name else ''

myst_enable_extensions = ['deflist']
myst_heading_anchors = 4

# `make docs` lets the notebooks find the commands of .venv. They run again when they change.
nb_execution_mode = 'cache'
nb_execution_cache_path = str(ROOT / 'build/notebooks')
nb_execution_timeout = 1800  # seconds for each cell
nb_output_stderr = 'remove'
smartquotes = False  # would make one dash of a flag's two
suppress_warnings = ['myst.header']  # a page of the README's kind may leave out a level

# Reads the sources and imports nothing: the package's import needs a compiled mmcv.
autoapi_dirs = [str(ROOT / 'mmpose_mum')]
autoapi_root = 'docs/api'
# The command has a page of its own, and its docstrings are written for a terminal.
autoapi_ignore = ['*/.mim/*', '*/cli/*', '*/__main__.py']
autoapi_options = ['members', 'undoc-members', 'show-inheritance', 'show-module-summary']
autoapi_add_toctree_entry = False
autoapi_python_class_content = 'both'
napoleon_use_ivar = True  # or an attribute that its class describes is listed twice

html_theme = 'furo'
html_title = project
html_show_copyright = False
html_static_path = ['_static']
html_css_files = ['site.css']
html_extra_path = ['_static/index.html']  # leads from the site's root to docs/index.html


def shorten_title(app, docname, content):
    """Let a page of the API be called ``models.estimator``, without the package's name."""
    if docname.startswith(autoapi_root):
        content[0] = content[0].removeprefix('mmpose_mum.')


def setup(app):
    """Hook it into Sphinx."""
    app.connect('source-read', shorten_title)
