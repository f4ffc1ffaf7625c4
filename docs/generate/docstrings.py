"""Docstrings, which are plain text with `code` and *emphasis*, as reStructuredText.

Without this, W_i, |x| and (*runs, d, n) would be read as references, substitutions and
emphasis that never ends.
"""

import re
from typing import Any

_CODE = re.compile(r"(`+)([^`]+)\1")
_EMPHASIS = re.compile(r"(?<![\w*])\*[^*\s](?:[^*]*[^*\s])?\*(?![\w*])")
_NAME = re.compile(r"[A-Za-z_][\w.]*")
_SIGNS = re.compile(r"([\\*|`])|(?<=\w)(_)(?!\w)")
_ITEM = re.compile(r"\s*- ")
_SECTION = re.compile(r"\s*(Args|Attributes|Returns|Yields|Raises|References):$")


def process(
    app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]
) -> None:
    """Rewrite the lines of one docstring in place, for `autodoc-process-docstring`."""
    lines[:] = rewritten(lines)


def escape_types(
    app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]
) -> None:
    """Types of attributes, which napoleon adds, hold axis names such as *runs."""
    lines[:] = [
        _SIGNS.sub(r"\\\g<0>", line) if line.lstrip().startswith(":vartype") else line
        for line in lines
    ]


def rewritten(lines: list[str]) -> list[str]:
    """The lines with special signs escaped, and indented blocks as code."""
    result: list[str] = []
    code_indent: int | None = None
    section_indent: int | None = None
    for line in lines:
        indent = len(line) - len(line.lstrip())
        before = next((done for done in reversed(result) if done.strip()), "")
        if line.strip():
            if section_indent is not None and indent <= section_indent:
                section_indent = None
            if code_indent is not None and indent < code_indent:
                code_indent = None
            opens = bool(result) and not result[-1].strip() and before
            deeper = indent >= len(before) - len(before.lstrip()) + 4
            if code_indent is None and section_indent is None and opens and deeper:
                if not _ITEM.match(before):
                    margin = " " * (indent - 4)
                    result += [f"{margin}.. code-block:: text", ""]
                    code_indent = indent
        if code_indent is not None and line.strip():
            result.append(line)
            continue
        if _SECTION.match(line):
            section_indent = indent
        is_item = bool(_ITEM.match(line))
        if is_item and result and result[-1].strip() and not _ITEM.match(before):
            # A continued item is deeper than its dash.
            if len(before) - len(before.lstrip()) <= indent:
                result.append("")
        result.append(_escaped(line))
    return result


def _escaped(line: str) -> str:
    parts, end = [], 0
    for found in _CODE.finditer(line):
        parts += [_text(line[end : found.start()]), _as_code(found[2])]
        end = found.end()
    return "".join([*parts, _text(line[end:])])


def _as_code(text: str) -> str:
    # A name becomes a link where there is such an object.
    return f":py:obj:`{text}`" if _NAME.fullmatch(text) else f"``{text}``"


def _text(text: str) -> str:
    parts, end = [], 0
    for kept in _EMPHASIS.finditer(text):
        parts += [_SIGNS.sub(r"\\\g<0>", text[end : kept.start()]), kept.group()]
        end = kept.end()
    return "".join([*parts, _SIGNS.sub(r"\\\g<0>", text[end:])])
