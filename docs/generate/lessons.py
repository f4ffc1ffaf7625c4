"""A page for each lesson, read from its notebook without running it.

A marimo notebook is Python: cells are functions under `@app.cell`. Their texts and the
code that a reader is meant to see are shown; predictions are asked, not answered; what
computes, checks and draws is left to the notebook.
"""

import ast
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path

# Functions that show the Markdown they are given.
TEXTS = ("md", "text")
# What a number is shown as that a run would compute.
COMPUTED = "…"


def pages(root: Path) -> dict[str, str]:
    """The index and a page for each notebook; without notebooks the index alone.

    Args:
        root: of the repository.
    """
    notebooks = sorted((root / "lessons").glob("[0-9][0-9]_*.py"))
    titles, found = {}, {}
    for path in notebooks:
        source = path.read_text(encoding="utf-8")
        found[f"{path.stem}.md"] = _page(path.name, source)
        titles[path.stem] = title(source) or path.stem
    return {"index.md": _index(titles, notebooks), **found}


def title(source: str) -> str | None:
    """The first heading of a notebook."""
    for kind, text in parts(source):
        heading = re.search(r"^# +(.+)$", text, re.MULTILINE)
        if kind == "text" and heading:
            return heading[1].strip()
    return None


def parts(source: str) -> Iterator[tuple[str, str]]:
    """What a page shows of a notebook, in order.

    Args:
        source: of the notebook.

    Yields:
        ("text", Markdown) or ("code", Python).
    """
    for node in ast.parse(source).body:
        if not isinstance(node, ast.FunctionDef | ast.ClassDef):
            continue
        kind, hidden = _decoration(node)
        if kind == "cell" and isinstance(node, ast.FunctionDef):
            texts = list(_texts(node))
            yield from (("text", text) for text in texts)
            if not texts and not hidden:
                yield "code", _body(source, node)
        elif kind in ("function", "class_definition") and not hidden:
            yield "code", ast.get_source_segment(source, node) or ""


def _decoration(node: ast.FunctionDef | ast.ClassDef) -> tuple[str | None, bool]:
    """What marimo makes of a function, and whether its code is folded away."""
    for mark in node.decorator_list:
        call = mark.func if isinstance(mark, ast.Call) else mark
        if isinstance(call, ast.Attribute) and ast.unparse(call.value) == "app":
            given = mark.keywords if isinstance(mark, ast.Call) else []
            hidden = any(
                k.arg == "hide_code" and ast.unparse(k.value) == "True" for k in given
            )
            return call.attr, hidden
    return None, False


def _texts(cell: ast.FunctionDef) -> Iterator[str]:
    """The Markdown that a cell shows: its texts, and the questions that it asks."""
    for statement in cell.body:
        value = getattr(statement, "value", None)
        if not isinstance(value, ast.Call):
            continue
        name = ast.unparse(value.func).rpartition(".")[2]
        if isinstance(statement, ast.Expr) and name in TEXTS and value.args:
            text = _written(value.args[0])
            if text is not None:
                yield textwrap.dedent(text).strip()
        elif isinstance(statement, ast.Assign) and name == "Prediction":
            yield _question({k.arg: k.value for k in value.keywords if k.arg})


def _written(node: ast.expr) -> str | None:
    """Text as it is in the file; what a run would fill in is `COMPUTED`."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(_written(part) or COMPUTED for part in node.values)
    return None


def _question(given: dict[str, ast.expr]) -> str:
    question = _written(given["question"]) if "question" in given else None
    options = given.get("options")
    lines = [f"**Prediction.** {question or ''}".strip()]
    if isinstance(options, ast.Dict):
        lines += [
            f"- ({ast.literal_eval(key)}) {_written(value) or COMPUTED}"
            for key, value in zip(options.keys, options.values, strict=True)
            if isinstance(key, ast.Constant)
        ]
    return "\n".join(["> " + lines[0], ">", *(f"> {line}" for line in lines[1:])])


def _body(source: str, cell: ast.FunctionDef) -> str:
    """The lines of a cell without the `return` that names what it defines."""
    body = cell.body
    if isinstance(body[-1], ast.Return):
        body = body[:-1]
    if not body:
        return ""
    lines = source.splitlines()
    # Comments before the first statement belong to the cell.
    first = cell.body[0].lineno
    while first > 1 and lines[first - 2].lstrip().startswith("#"):
        first -= 1
    return textwrap.dedent("\n".join(lines[first - 1 : body[-1].end_lineno])).strip()


def _page(name: str, source: str) -> str:
    shown: list[str] = []
    for kind, text in parts(source):
        if kind == "code" and not text:
            continue
        shown.append(text if kind == "text" else f"```python\n{text}\n```")
    number = int(name[:2])
    heading = re.match(r"# .+", shown[0]) if shown else None
    if heading:
        shown[0] = shown[0][heading.end() :].strip()
    how = (
        ":::{note}\nThis is the text of a notebook that runs: there predictions are "
        "checked, exercises say what is wrong, and figures appear. Open a copy of your "
        f"own in a clone with `make lessons`, or with `toymodels lessons {number}` "
        "where the extra `lessons` is installed. Numbers that a run computes are shown "
        "here as …\n:::"
    )
    top = heading[0] if heading else f"# {name}"
    return "\n\n".join([top, how, *filter(None, shown)]) + "\n"


def _index(titles: dict[str, str], notebooks: list[Path]) -> str:
    head = [
        "# Lessons",
        "A ladder of short notebooks. Each has one idea, asks for a prediction before "
        "it shows the result, and has exercises that say what is wrong.",
    ]
    if not notebooks:
        return "\n\n".join([*head, "There are none in this copy."]) + "\n"
    items = "\n".join(f"- [{text}]({stem}.md)" for stem, text in titles.items())
    members = "\n".join(titles)
    return (
        "\n\n".join(
            [
                *head,
                "`make lessons` in a clone opens them in the browser. They are plain "
                "Python files for [marimo](https://marimo.io), and can be exported for "
                "Jupyter: `toymodels lessons --help`.",
                items,
                f"```{{toctree}}\n:hidden:\n\n{members}\n```",
            ]
        )
        + "\n"
    )
