"""The lessons that there are: number, title and file."""

import ast
import dataclasses
import importlib.util
from pathlib import Path

from toymodels.config import SettingsError
from toymodels.disk import check_writable, write_atomically

# They lie beside the package in a clone.
FOLDER = Path(__file__).parents[2] / "lessons"

# No package index has this package, so the way leads through a clone.
TO_INSTALL = "in a clone: pip install -e '.[lessons]' -c constraints.txt"


@dataclasses.dataclass(frozen=True)
class Lesson:
    """One notebook.

    Attributes:
        number: its place, from 1.
        title: without the number.
        summary: one line.
        path: the file.
    """

    number: int
    title: str
    summary: str
    path: Path


def lessons_folder() -> Path:
    """Where the lessons are.

    Raises:
        SettingsError: they are not on this machine.
    """
    if any(FOLDER.glob("[0-9][0-9]_*.py")):
        return FOLDER
    raise SettingsError(
        "lessons", f"none in {FOLDER}", "the notebooks", "a clone of the repository"
    )


def find_lessons() -> list[Lesson]:
    """All lessons in their order; nothing is run."""
    found = []
    for path in sorted(lessons_folder().glob("[0-9][0-9]_*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        summary = (ast.get_docstring(tree) or "").partition(": ")[2].split("\n\n")[0]
        found.append(
            Lesson(
                number=int(path.name[:2]),
                title=_app_title(tree).partition(" · ")[2],
                summary=" ".join(summary.split()),
                path=path,
            )
        )
    return found


def lesson(number: int) -> Lesson:
    """The lesson with this number.

    Raises:
        SettingsError: there is none.
    """
    lessons = find_lessons()
    for one in lessons:
        if one.number == number:
            return one
    numbers = f"{lessons[0].number} to {lessons[-1].number}"
    raise SettingsError("number", number, f"a lesson, {numbers}", "toymodels lessons")


def own_copy(lesson: Lesson, folder: Path, *, fresh: bool = False) -> Path:
    """The reader's own file of a lesson, which marimo writes the answers into.

    Args:
        lesson: which.
        folder: is made if it is not there.
        fresh: replace a copy that is there already, instead of keeping it.

    Returns:
        The file.

    Raises:
        StoreError: the folder cannot be written.
    """
    path = folder / lesson.path.name
    if fresh or not path.exists():
        check_writable(folder)
        write_atomically(path, lesson.path.read_bytes())
    return path


def require_marimo() -> None:
    """Say in one line what is missing, before anything is begun.

    Raises:
        SettingsError: marimo is not installed.
    """
    if importlib.util.find_spec("marimo") is None:
        raise SettingsError(
            "lessons",
            "no marimo",
            "the extra `lessons` to be installed",
            TO_INSTALL,
        )


def _app_title(tree: ast.Module) -> str:
    """The title that the notebook gives its app."""
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and node.arg == "app_title":
            return str(ast.literal_eval(node.value))
    return ""
