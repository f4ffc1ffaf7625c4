"""Texts that a lesson computes: notes with a colour, and parts that unfold.

Both are Markdown with LaTeX between dollars. Jupyter and Colab show it as it is; marimo
asks for `_display_` first and gets its own callout or accordion.
"""

import dataclasses
import importlib
import inspect
from collections.abc import Mapping
from typing import Any

# The kinds of marimo's callouts, and the word that stands for the colour elsewhere.
KINDS = {
    "plain": "",
    "success": "✓ ",
    "danger": "✗ ",
    "warn": "… ",
}


@dataclasses.dataclass(frozen=True)
class Note:
    """One paragraph or more, for the reader.

    Attributes:
        markdown: the text.
        kind: "plain", "success", "danger" or "warn".
        passed: whether an answer was right; None if there is none yet, or no question.
        mistake: name of the mistake that was recognised, else empty.
    """

    markdown: str
    kind: str = "plain"
    passed: bool | None = None
    mistake: str = ""

    def _repr_markdown_(self) -> str:
        if self.kind == "plain":
            return self.markdown
        lines = (KINDS[self.kind] + self.markdown).split("\n")
        return "\n".join(f"> {line}".rstrip() for line in lines)

    def _display_(self) -> Any:
        mo = _marimo()
        shown = mo.md(self.markdown)
        return shown if self.kind == "plain" else mo.callout(shown, kind=self.kind)


@dataclasses.dataclass(frozen=True)
class Fold:
    """Parts that stay closed until the reader opens them.

    Attributes:
        parts: title of each part and its Markdown.
    """

    parts: Mapping[str, str]

    def _repr_markdown_(self) -> str:
        return "\n\n".join(
            f"<details><summary>{title}</summary>\n\n{part}\n\n</details>"
            for title, part in self.parts.items()
        )

    def _display_(self) -> Any:
        mo = _marimo()
        parts = {title: mo.md(part) for title, part in self.parts.items()}
        return mo.accordion(parts, multiple=True)


def text(markdown: str) -> Note:
    """Plain text with computed numbers in it.

    A text without any is better a Markdown cell of its own, `mo.md(...)`. The
    indentation of the cell is taken away.
    """
    return Note(inspect.cleandoc(markdown))


def hint(markdown: str, title: str = "Hint") -> Fold:
    """A hint that unfolds."""
    return Fold({title: markdown})


def solution(markdown: str, title: str = "Solution") -> Fold:
    """A solution that unfolds; that of an `Exercise` comes from its `help`."""
    return Fold({title: markdown})


def _marimo() -> Any:
    """marimo, which is there because only marimo asks for `_display_`."""
    return importlib.import_module("marimo")
