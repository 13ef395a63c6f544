"""Lets links to files of the repository that are no pages lead to its web site, if it has one."""
import os
import re
from pathlib import Path

# Text, in which an image may stand; the path; and what is behind its #.
LINK = re.compile(r'(?<!!)\[((?:!\[[^][]*\]\([^()]*\)|[^][])*)\]'
                  r'\((?!\w+:|#)([^()\s#]+)(#[^()\s]*)?\)')
IMAGES = ('.jpg', '.png', '.svg')


def link_to_repository(app, docname, content):
    """Give such links in a page's source the repository's address, or leave their text alone."""
    folder = Path(app.env.doc2path(docname)).parent

    def changed(link):
        text, target, anchor = link.groups('')
        path = Path(os.path.normpath(folder / target))
        is_page = app.env.path2doc(path) in app.env.found_docs
        if is_page or path.suffix in IMAGES or not path.exists():
            return link[0]
        if not app.config.repository:
            return text
        kind = 'tree' if path.is_dir() else 'blob'
        name = path.relative_to(app.srcdir).as_posix()
        return f'[{text}]({app.config.repository}/{kind}/main/{name}{anchor})'

    content[0] = LINK.sub(changed, content[0])


def setup(app):
    """Hook it into Sphinx."""
    app.add_config_value('repository', '', 'env')
    app.connect('source-read', link_to_repository)
    return dict(parallel_read_safe=True)
