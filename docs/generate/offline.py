"""The built site asks nothing of any other machine: checked at the end of a build."""

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.errors import SphinxError

# Attributes whose address a browser fetches by itself, by element.
FETCHED = {
    "script": ("src",),
    "img": ("src", "srcset"),
    "source": ("src", "srcset"),
    "video": ("src", "poster"),
    "audio": ("src",),
    "iframe": ("src",),
    "embed": ("src",),
    "object": ("data",),
    "use": ("href", "xlink:href"),
    "image": ("href", "xlink:href"),
}
# Relations of <link> that are only words about the page.
_WORDS = {"canonical", "search", "index", "next", "prev", "author", "license"}
_OUTSIDE = re.compile(r"^\s*(?:https?:)?//", re.IGNORECASE)
_STYLE = re.compile(
    r"(?:url\(\s*|@import\s+)[\"']?((?:https?:)?//[^\"')\s;]+)", re.IGNORECASE
)


class _Finder(HTMLParser):
    def __init__(self):
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        wanted = FETCHED.get(tag, ())
        if tag == "link" and not set(values.get("rel", "").split()) <= _WORDS:
            wanted = ("href",)
        addresses = [values.get(name, "") for name in wanted]
        self.found += [a for a in addresses if _OUTSIDE.match(a)]
        self.found += _STYLE.findall(values.get("style", ""))

    def handle_data(self, data: str) -> None:
        if self.lasttag == "style":
            self.found += _STYLE.findall(data)


def outside_requests(page: str) -> list[str]:
    """Addresses of other machines that a browser would fetch to show an HTML page."""
    finder = _Finder()
    finder.feed(page)
    finder.close()
    return finder.found


def check(app: Sphinx, exception: Exception | None) -> None:
    """Look through all pages and styles that were built.

    Raises:
        SphinxError: one would fetch something from elsewhere.
    """
    if exception is not None or app.builder.format != "html":
        return
    faults = []
    for path in sorted(Path(app.outdir).rglob("*")):
        found: Any = []
        if path.suffix == ".html":
            found = outside_requests(path.read_text(encoding="utf-8"))
        elif path.suffix == ".css":
            found = _STYLE.findall(path.read_text(encoding="utf-8"))
        faults += [f"{path.relative_to(app.outdir)}: {address}" for address in found]
    if faults:
        raise SphinxError("requests that leave the machine:\n" + "\n".join(faults))
