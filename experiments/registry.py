"""Finds the experiments, without importing any of them.

An experiment is a file `experiments/<family>/<name>.py` (no leading underscore) that
says at its top level, as plain text,

    ID = "TMS-1"             # or IDS = ("TMS-9", "TMS-10"), served together
    TITLE = "…"

and defines a settings class with a `preset` classmethod, `compute(settings, train)`,
`plot(result)` and `claims(result)`. Adding such a file is all it takes.
"""

import ast
import difflib
import importlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from toymodels.config import SettingsError

HERE = Path(__file__).parent

# The order of the catalogue; families that are not in it come last.
FAMILIES = "TMS DD REP PLT ISO RO SPH CIS SAE MAD ARCH MISC".split()


@dataclass(frozen=True)
class Experiment:
    """Where an experiment is and what it is called."""

    ids: tuple[str, ...]
    title: str
    docstring: str
    module: str
    """Dotted name, as `experiments.tms.intro_polygons`."""
    path: Path

    @property
    def id(self) -> str:
        """The first id, which names its files."""
        return self.ids[0]

    @property
    def family(self) -> str:
        """What comes before the number of its id."""
        return self.id.partition("-")[0]

    @property
    def summary(self) -> str:
        """First line of the docstring."""
        return self.docstring.partition("\n")[0]

    @property
    def name(self) -> str:
        """The file's name without its ending."""
        return self.path.stem

    def load(self) -> ModuleType:
        """Import the module.

        Raises:
            SettingsError: it lacks a part that an experiment has.
        """
        module = importlib.import_module(self.module)
        for part in ("compute", "plot", "claims"):
            if not callable(getattr(module, part, None)):
                raise SettingsError(
                    self.path.name, f"no {part}", "compute, plot and claims"
                )
        return module


def settings_class(module: ModuleType) -> Any:
    """The class of an experiment module that has presets.

    Raises:
        SettingsError: there is none, or more than one.
    """
    own = [
        value
        for value in vars(module).values()
        if isinstance(value, type)
        and value.__module__ == module.__name__
        and callable(getattr(value, "preset", None))
    ]
    if len(set(own)) != 1:
        raise SettingsError(
            module.__name__,
            f"{len(set(own))} classes with presets",
            "one settings class with a `preset` classmethod",
        )
    return own[0]


def find_experiments(
    folder: Path = HERE, package: str = "experiments"
) -> list[Experiment]:
    """Every experiment below `folder`, in the order of the catalogue.

    Raises:
        SettingsError: a file without id or title, or an id used twice.
    """
    found = [
        _read(path, f"{package}.{path.parent.name}.{path.stem}")
        for path in sorted(folder.glob("*/*.py"))
        if not path.name.startswith("_")
    ]
    owner: dict[str, Experiment] = {}
    for experiment in found:
        for id in experiment.ids:
            if id in owner:
                raise SettingsError(
                    f"ID of {experiment.path.name}",
                    id,
                    f"an id other than that of {owner[id].path.name}",
                )
            owner[id] = experiment
    return sorted(found, key=lambda experiment: sort_key(experiment.id))


def sort_key(id: str) -> tuple[int, str, int, str]:
    """Catalogue order: by family, then by number, so that TMS-9 precedes TMS-10."""
    family, _, rest = id.partition("-")
    number = re.match(r"\d+", rest)
    place = FAMILIES.index(family) if family in FAMILIES else len(FAMILIES)
    return place, family, int(number[0]) if number else 0, rest


def select(
    wanted: Iterable[str], experiments: Sequence[Experiment]
) -> list[Experiment]:
    """The experiments with these ids, in catalogue order; all of them if none is named.

    Args:
        wanted: ids such as "TMS-3" or families such as "TMS", in any case.
        experiments: what there is.

    Raises:
        SettingsError: an unknown id; the nearest one is suggested.
    """
    by_name: dict[str, set[int]] = {}
    for place, experiment in enumerate(experiments):
        for id in experiment.ids:
            by_name.setdefault(id.upper(), set()).add(place)
            by_name.setdefault(id.partition("-")[0].upper(), set()).add(place)
    wanted = list(wanted)
    chosen: set[int] = set()
    for name in wanted:
        if name.upper() not in by_name:
            near = difflib.get_close_matches(name.upper(), by_name, n=1, cutoff=0.0)
            raise SettingsError(
                "experiment",
                name,
                "an id or a family from `toymodels list`",
                near[0] if near else "",
            )
        chosen |= by_name[name.upper()]
    return [e for place, e in enumerate(experiments) if place in chosen or not wanted]


def _read(path: Path, module: str) -> Experiment:
    """What the file says about itself, read as text: importing would start jax."""
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
    except SyntaxError as error:
        raise SettingsError(
            f"{path.name}, line {error.lineno}", error.msg, "Python"
        ) from None
    said: dict[str, Any] = {}
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            name = node.targets[0].id
            if name in ("ID", "IDS", "TITLE"):
                try:
                    said[name] = ast.literal_eval(node.value)
                except ValueError:
                    raise SettingsError(
                        f"{name} of {path.name}", ast.unparse(node.value), "plain text"
                    ) from None
    ids = tuple(said["IDS"]) if "IDS" in said else (said.get("ID"),)
    if not ids or not all(isinstance(id, str) for id in ids):
        raise SettingsError(path.name, "no ID", 'a line such as ID = "TMS-1"')
    if not isinstance(said.get("TITLE"), str):
        raise SettingsError(path.name, "no TITLE", 'a line such as TITLE = "…"')
    return Experiment(
        ids=ids,
        title=said["TITLE"],
        docstring=ast.get_docstring(tree) or "",
        module=module,
        path=path,
    )
