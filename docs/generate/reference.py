"""The reference: a page for each room, its public names in the order of its files.

A room says what is public in its `__init__`, by what it imports there; a room that is
one file, by names without an underscore. Rooms are grouped by the floors of the floor
plan: imports go down only.
"""

import ast
import importlib
import inspect
import re
import textwrap
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from generate.docstrings import rewritten


@dataclass(frozen=True)
class Floor:
    """Rooms of one height, and what they are for."""

    title: str
    text: str
    rooms: tuple[str, ...]


FLOORS = (
    Floor(
        "Settings, results, verdicts",
        "What everything stands on: checked settings, artefacts on disk, claims and "
        "their intervals.",
        ("config", "result", "store", "claims", "ledger", "stats"),
    ),
    Floor(
        "The world and the model",
        "Distributions of sparse features, and what may be trained on them.",
        ("features", "models"),
    ),
    Floor(
        "Train it, measure it, know what it must be",
        "Ensembles of runs, the geometry of their weights, closed forms.",
        ("training", "geometry", "theory"),
    ),
    Floor(
        "Ask a trained model, and draw",
        "Probes, detectors of anomalies, sparse autoencoders, figures.",
        ("probes", "anomaly", "sae", "plotting"),
    ),
    Floor(
        "Faces",
        "The code behind the lessons and the report.",
        ("lessons", "report"),
    ),
)
# Rooms that nobody imports: the command line and the page have guides instead, the
# others are parts of the machinery.
INNER = {
    "cli", "explorer", "compilation", "disk", "interrupt", "pytree", "report_style",
}  # fmt: skip


def pages(root: Path) -> dict[str, str]:
    """The index, the package itself and a page for each room.

    Args:
        root: of the repository.

    Raises:
        ValueError: a room is on no floor.
    """
    package = root / "toymodels"
    there = {
        path.stem
        for path in package.iterdir()
        if (path.suffix == ".py" or (path / "__init__.py").exists())
        and not path.name.startswith("_")
    }
    placed = {room for floor in FLOORS for room in floor.rooms}
    if there - placed - INNER:
        raise ValueError(
            f"rooms without a floor in the reference: {sorted(there - placed - INNER)}"
        )
    floors = [
        Floor(f.title, f.text, tuple(room for room in f.rooms if room in there))
        for f in FLOORS
    ]
    found = {"index.rst": _index(floors), "toymodels.rst": _package()}
    for floor in floors:
        for room in floor.rooms:
            found[f"{room}.rst"] = _room(root, room)
    return found


def _title(text: str, line: str = "=") -> str:
    return f"{text}\n{line * len(text)}"


def _contents(names: list[str]) -> str:
    inner = "\n".join(f"   {name}" for name in names)
    return f".. toctree::\n   :hidden:\n\n{inner}"


def _index(floors: list[Floor]) -> str:
    parts = [
        _title("Reference"),
        "``import toymodels as tm`` has what most programs need: "
        ":doc:`these names <toymodels>`. The rooms below hold the rest. A room imports "
        "from its own floor and those before it, never from one after.",
        _contents(["toymodels"]),
    ]
    for floor in floors:
        items = []
        for room in floor.rooms:
            first = (_module(f"toymodels.{room}").__doc__ or "").partition("\n")[0]
            items.append(f"- :doc:`{room}`: {_rest(first)}")
        parts += [_title(floor.title, "-"), floor.text, "\n".join(items)]
        parts.append(_contents(list(floor.rooms)))
    return "\n\n".join(parts) + "\n"


def _package() -> str:
    """The package's own names, each with a link to the room that it comes from."""
    tree = ast.parse(inspect.getsource(_module("toymodels")))
    rooms: dict[str, list[str]] = {}
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.module:
            rooms[node.module] = [alias.name for alias in node.names]
    parts = [_title("toymodels"), ".. automodule:: toymodels"]
    for room, names in rooms.items():
        short = room.removeprefix("toymodels.")
        parts.append(_title(f"From {short}", "-"))
        parts += [
            f"- :py:obj:`tm.{name} <{room}.{name}>`: {_first_line(room, name)}"
            for name in sorted(names)
        ]
    return re.sub(r"\n\n(- .*)(?=\n\n- )", r"\n\1", "\n\n".join(parts)) + "\n"


def _first_line(room: str, name: str) -> str:
    text = inspect.getdoc(getattr(_module(room), name)) or ""
    return _rest(text.partition("\n\n")[0])


def _room(root: Path, room: str) -> str:
    """A room's docstring, then its names under the file that defines them."""
    dotted = f"toymodels.{room}"
    parts = [_title(dotted), f".. automodule:: {dotted}"]
    for source, names in _public(root, room).items():
        if source != dotted:
            first = (_module(source).__doc__ or "").partition("\n\n")[0]
            parts.append(_title(source.rpartition(".")[2].replace("_", " "), "-"))
            parts.append(_rest(first))
        parts += [_entry(dotted, source, name) for name in names]
    return "\n\n".join(parts) + "\n"


def _public(root: Path, room: str) -> dict[str, list[str]]:
    """Names by the module that they come from, in the order of the room's file."""
    folder = root / "toymodels" / room
    path = folder / "__init__.py" if folder.is_dir() else folder.with_suffix(".py")
    tree = ast.parse(path.read_text(encoding="utf-8"))
    dotted = f"toymodels.{room}"
    found: dict[str, list[str]] = {}
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and folder.is_dir():
            if (node.module or "").startswith(dotted):
                names = [alias.asname or alias.name for alias in node.names]
                found.setdefault(node.module, []).extend(names)
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.setdefault(dotted, []).append(node.name)
    shown = {
        source: [name for name in names if not name.startswith("_")]
        for source, names in found.items()
    }
    return {source: names for source, names in shown.items() if names}


def _entry(room: str, source: str, name: str) -> str:
    value = getattr(_module(room), name)
    if inspect.isclass(value):
        return f".. autoclass:: {room}.{name}\n   :members:"
    own = str(getattr(value, "__module__", "")).startswith("toymodels")
    if callable(value) and own:
        return f".. autofunction:: {room}.{name}"
    text = textwrap.indent(_rest(_remark(source, name)), "   ")
    return f".. py:data:: {name}\n\n{text}".rstrip()


def _remark(source: str, name: str) -> str:
    """The text below the assignment of a constant, if there is one.

    A value has the docstring of its type, which says nothing about it.
    """
    body = ast.parse(inspect.getsource(_module(source))).body
    for node, after in zip(body, body[1:], strict=False):
        targets = getattr(node, "targets", [getattr(node, "target", None)])
        named = any(isinstance(t, ast.Name) and t.id == name for t in targets)
        value = after.value if isinstance(after, ast.Expr) else None
        if named and isinstance(value, ast.Constant) and isinstance(value.value, str):
            return inspect.cleandoc(value.value)
    return ""


def _module(dotted: str) -> ModuleType:
    return importlib.import_module(dotted)


def _rest(text: str) -> str:
    """Text of a docstring in one line of reStructuredText."""
    return " ".join(rewritten([" ".join(text.split())]))
