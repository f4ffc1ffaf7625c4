"""`toymodels lessons`: list them, open them, write them for Jupyter."""

import dataclasses
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import tyro
from rich.console import Console
from rich.table import Table

from toymodels.config import SettingsError
from toymodels.lessons.catalogue import (
    find_lessons,
    lesson,
    own_copy,
    require_marimo,
)
from toymodels.lessons.export import export_lesson


@dataclasses.dataclass(frozen=True)
class Lessons:
    """Learn by doing: ten notebooks with exercises that check themselves.

    Without arguments they are listed.

    Examples:
      toymodels lessons

      toymodels lessons 1

      toymodels lessons --open

      toymodels lessons --export notebooks

    Args:
        number: the lesson to open in marimo.
        open: open the folder of all lessons in marimo.
        folder: where your copies are, with what you wrote into them.
        fresh: begin with empty blanks again, and forget what was written.
        export: folder to write them to as Jupyter notebooks; with a number, only that.
        browser: open marimo's page in a browser.
    """

    number: Annotated[int | None, tyro.conf.Positional] = None
    open: bool = False
    folder: Path = Path(".toymodels/lessons")
    fresh: bool = False
    export: Path | None = None
    browser: bool = True

    def run(self) -> int:
        """Do one of the three."""
        if self.open and self.export is not None:
            raise SettingsError("open", True, "one of --open and --export, not both")
        if self.open and self.number is not None:
            raise SettingsError("open", True, "a number or --open, not both")
        if self.fresh and not self.open and self.number is None:
            raise SettingsError(
                "fresh", True, "it with a number or with --open", "lessons 1 --fresh"
            )
        chosen = find_lessons() if self.number is None else [lesson(self.number)]
        if self.export is not None:
            for one in chosen:
                print(export_lesson(one, self.export), flush=True)
            return 0
        if self.open or self.number is not None:
            require_marimo()
            copies = [own_copy(one, self.folder, fresh=self.fresh) for one in chosen]
            return self._marimo(self.folder if self.open else copies[0])
        table = Table("", "lesson", "about", box=None)
        for one in chosen:
            table.add_row(str(one.number), one.title, one.summary)
        Console().print(table)
        print("\nOpen one with: toymodels lessons 1")
        return 0

    def _marimo(self, path: Path) -> int:
        print(f"Your answers are kept in {path}.", flush=True)
        command = [sys.executable, "-m", "marimo", "edit", str(path)]
        command += [] if self.browser else ["--headless"]
        try:
            return subprocess.call(command)
        except KeyboardInterrupt:  # marimo got it too, and has ended
            return 0
