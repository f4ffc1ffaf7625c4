"""Generated pages as files, and plain text as Markdown."""

import re
from collections.abc import Mapping
from pathlib import Path

# Words in *emphasis* and `code` stay; other signs that Markdown would read are text.
_KEPT = re.compile(r"`+[^`]+`+|(?<![\w*])\*[^*\s](?:[^*]*[^*\s])?\*(?![\w*])")
_SIGNS = re.compile(r"([\\*_<>\[\]$#|~`])")


def write_pages(folder: Path, pages: Mapping[str, str]) -> None:
    """Make a folder hold exactly these pages.

    Args:
        folder: made if absent; pages that are no longer wanted are removed.
        pages: name with ending, and text.
    """
    folder.mkdir(exist_ok=True)
    for path in folder.iterdir():
        if path.name not in pages:
            path.unlink()
    for name, text in pages.items():
        path = folder / name
        # Sphinx reads again what is newer than its last build.
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def plain(text: str) -> str:
    """Text of a docstring or a claim in one line of Markdown, with nothing special."""
    text, parts, end = " ".join(text.split()), [], 0
    for kept in _KEPT.finditer(text):
        parts += [_SIGNS.sub(r"\\\1", text[end : kept.start()]), kept.group()]
        end = kept.end()
    return "".join([*parts, _SIGNS.sub(r"\\\1", text[end:])])


def prose(text: str) -> str:
    """Paragraphs of a docstring, and its lists of items that begin with "- "."""
    blocks = []
    for block in re.split(r"\n\s*\n", text.strip()):
        first, *items = re.split(r"^\s*- ", block, flags=re.MULTILINE)
        if first.strip():
            blocks.append(plain(first))
        if items:
            blocks.append("\n".join(f"- {plain(item)}" for item in items))
    return "\n\n".join(blocks)


def table(head: list[str], rows: list[list[str]]) -> str:
    """A Markdown table of cells that are Markdown already."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
