"""Lessons as Jupyter notebooks, for JupyterLab, VS Code or Colab.

marimo writes the cells; here they get what Jupyter needs beside them: a first cell that
says how to begin, and a kernel. Cells stay in the order of the lesson, which marimo
does not ask for and Jupyter does. Cells whose code marimo folds away, with the answers
among them, are folded away here too: for Jupyter by marimo, for Colab as a form.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from toymodels.config import SettingsError
from toymodels.disk import check_writable, write_atomically
from toymodels.lessons.catalogue import Lesson, require_marimo

_BEGIN = """*This notebook was made from `{file}` by `toymodels lessons --export`.*

It needs the package and its extra `lessons`. In a clone of the repository, that is
`pip install -e '.[lessons]' -c constraints.txt`. For Colab, make a wheel in the clone
with `pip wheel . --no-deps`, upload it, and install it in a cell:
`%pip install 'NAME_OF_THE_WHEEL[lessons]'`.

Run the cells from the top. Where a cell is yours to fill in, run it and the ones below
it again."""
_FORM = "# @title Of the lesson: run it, there is nothing to fill in"
_KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}


def export_lesson(lesson: Lesson, folder: Path) -> Path:
    """Write one lesson as `.ipynb`, without outputs.

    Args:
        lesson: which.
        folder: is made if it is not there; a file of the same name is replaced.

    Returns:
        The file.

    Raises:
        SettingsError: marimo is not installed, or cannot read the lesson.
        StoreError: the folder cannot be written.
    """
    check_writable(folder)
    notebook = _with_beginning(_converted(lesson.path), lesson.path.name)
    path = folder / f"{lesson.path.stem}.ipynb"
    text = json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"
    write_atomically(path, text.encode())
    return path


def _converted(path: Path) -> dict:
    """The notebook as marimo exports it; no cell is run."""
    require_marimo()
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "lesson.ipynb"
        done = subprocess.run(
            [sys.executable, "-m", "marimo", "--yes", "export", "ipynb", str(path)]
            + ["--sort", "top-down", "--output", str(out)],
            capture_output=True,
            text=True,
            # A progress line or a colour would only get into the message of an error.
            env={**os.environ, "NO_COLOR": "1"},
        )
        if done.returncode or not out.exists():
            last = (done.stderr.strip() or "no message").splitlines()[-1]
            raise SettingsError(
                path.name, last, "a notebook that marimo can export", "marimo check"
            )
        return json.loads(out.read_text(encoding="utf-8"))


def _with_beginning(notebook: dict, file: str) -> dict:
    first = [
        {
            "cell_type": "markdown",
            "id": "how-to-begin",
            "metadata": {},
            "source": _BEGIN.format(file=f"lessons/{file}"),
        },
    ]
    metadata = {**notebook["metadata"], "kernelspec": _KERNEL}
    cells = first + [_folded(cell) for cell in notebook["cells"]]
    return {**notebook, "cells": cells, "metadata": metadata}


def _folded(cell: dict) -> dict:
    metadata = cell["metadata"]
    if not metadata.get("jupyter", {}).get("source_hidden"):
        return cell
    source = f"{_FORM}\n{''.join(cell['source'])}"
    return {**cell, "metadata": {**metadata, "cellView": "form"}, "source": source}
