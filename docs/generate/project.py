"""Pages that lie elsewhere in the repository, and links that hold here and on GitHub.

A page in `docs/` points to `../benchmarks/README.md`, as GitHub wants it. In the site
that file is a page of its own, and any other file of the repository is a download.
"""

import posixpath
import re
from pathlib import Path
from typing import Any

# Where a file of the repository is shown in the site.
PAGES = {
    "benchmarks/README.md": "project/benchmarks",
    "CHANGELOG.md": "project/changelog",
}
_LINK = re.compile(r"\]\((?![a-z]+:|#)([^)#\s]+)(#[^)\s]*)?\)")


def pages(root: Path) -> dict[str, str]:
    """The files of `PAGES` as they are, with links for where they lie now."""
    found = {}
    for source, page in PAGES.items():
        text = (root / source).read_text(encoding="utf-8")
        name = f"{posixpath.basename(page)}.md"
        found[name] = moved(text, source=source, page=page)
    return found


def moved(text: str, *, source: str, page: str) -> str:
    """Markdown whose links are right for a page of the site.

    Args:
        text: of a file of the repository.
        source: its path, from the root.
        page: its name in the site.
    """
    here = posixpath.dirname(source)
    there = posixpath.dirname(f"docs/{page}")

    def link(found: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(here, found[1]))
        target = f"docs/{PAGES[target]}.md" if target in PAGES else target
        return f"]({posixpath.relpath(target, there or '.')}{found[2] or ''})"

    return _LINK.sub(link, text)


def rewrite_links(app: Any, page: str, source: list[str]) -> None:
    """For `source-read`: a guide's links as the site has them."""
    # Those in folders are generated, with links that are right already.
    if "/" not in page:
        source[0] = moved(source[0], source=f"docs/{page}.md", page=page)
