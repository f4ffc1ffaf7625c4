"""What the documentation site makes of the code when it is built.

A Sphinx extension of its own, so that nothing in the site is typed twice: the reference
from docstrings, the catalogue from the experiments and the ledger, the lessons from
their notebooks. The pages that it writes lie in `docs/api`, `docs/catalogue`,
`docs/lessons` and `docs/project`, which git ignores. A page is rewritten only where its
text has changed.
"""

from pathlib import Path

from sphinx.application import Sphinx

from generate import (
    catalogue,
    docstrings,
    lessons,
    mathml,
    offline,
    project,
    reference,
    signatures,
)
from generate.pages import write_pages

WRITERS = {
    "api": reference.pages,
    "catalogue": catalogue.pages,
    "lessons": lessons.pages,
    "project": project.pages,
}


def write_all(app: Sphinx) -> None:
    """Write every generated page before Sphinx looks for sources."""
    docs = Path(app.srcdir)
    for folder, pages in WRITERS.items():
        write_pages(docs / folder, pages(docs.parent))


def setup(app: Sphinx) -> dict[str, bool]:
    """Join in."""
    app.connect("builder-inited", write_all)
    app.connect("source-read", project.rewrite_links)
    # Before napoleon, which takes the sections of a docstring apart.
    app.connect("autodoc-process-docstring", docstrings.process, priority=400)
    app.connect("autodoc-process-docstring", docstrings.escape_types, priority=600)
    app.connect("autodoc-process-signature", signatures.process)
    app.connect("build-finished", offline.check)
    mathml.setup(app)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
