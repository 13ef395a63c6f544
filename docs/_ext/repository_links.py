"""Lets links to files of the repository that are no pages lead to its web site."""
import os
import re
from pathlib import Path

LINK = re.compile(r'(?<=]\()(?!\w+:|#)([^()\s#]+)(?=[)#])')
IMAGES = ('.jpg', '.png', '.svg')


def link_to_repository(app, docname, content):
    """Give such links in a page's source the repository's address."""
    folder = Path(app.env.doc2path(docname)).parent

    def address(link):
        path = Path(os.path.normpath(folder / link[1]))
        is_page = app.env.path2doc(path) in app.env.found_docs
        if is_page or path.suffix in IMAGES or not path.exists():
            return link[1]
        kind = 'tree' if path.is_dir() else 'blob'
        return f'{app.config.repository}/{kind}/main/{path.relative_to(app.srcdir).as_posix()}'

    content[0] = LINK.sub(address, content[0])


def setup(app):
    """Hook it into Sphinx."""
    app.add_config_value('repository', '', 'env')
    app.connect('source-read', link_to_repository)
    return dict(parallel_read_safe=True)
