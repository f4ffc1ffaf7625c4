"""The floor plan and the house rules that a machine can check."""

import ast
import importlib.metadata
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# What each part of `toymodels` stands on; a new room needs a floor here first.
FLOORS = {
    "compilation": 0,
    "config": 0,
    "disk": 0,
    "result": 0,
    "store": 0,
    "claims": 0,
    "ledger": 0,
    "stats": 0,
    "interrupt": 0,
    "pytree": 0,
    "features": 1,
    "models": 1,
    "training": 2,
    "geometry": 2,
    "theory": 2,
    "probes": 3,
    "anomaly": 3,
    "sae": 3,
    "plotting": 3,
    "cli": 5,
    "explorer": 5,
    "lessons": 5,
    "report": 5,
    "report_style": 5,
}
EXPERIMENTS = 4
# The package itself re-exports the library, so only faces and experiments import it.
PACKAGE = 3
RUNNER = "experiments.reproduce"
# Rooms of the same floor or below that must not know of each other.
STRANGERS = {
    ("features", "models"),
    ("models", "features"),
    ("geometry", "training"),
    ("theory", "training"),
    ("plotting", "training"),
}


def modules():
    """Every module of the two packages: dotted name and file."""
    for package in ("toymodels", "experiments"):
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            yield ".".join(p for p in parts if p != "__init__"), path


MODULES = dict(modules())


def imports(name: str, path: Path):
    """Dotted names of what a file imports from the two packages, at any depth."""
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, *filter(None, [base])])
            found = [f"{base}.{alias.name}" for alias in node.names]
        else:
            continue
        for target in found:
            if target.split(".")[0] in ("toymodels", "experiments"):
                yield known(target)


def known(target: str) -> str:
    """The longest prefix of `target` that is a module of ours."""
    while target not in MODULES and "." in target:
        target = target.rpartition(".")[0]
    return target


def room(name: str) -> str:
    parts = name.split(".")
    return parts[1] if parts[0] == "toymodels" and len(parts) > 1 else parts[0]


def floor(name: str) -> int:
    if name == RUNNER:
        return FLOORS["cli"]
    if name.startswith("experiments"):
        return EXPERIMENTS
    return PACKAGE if name == "toymodels" else FLOORS[room(name)]


def faults_of_import(name: str, target: str) -> str | None:
    """Why `name` must not import `target`, or None."""
    if floor(target) > floor(name):
        return f"{name} (floor {floor(name)}) imports {target} ({floor(target)})"
    if target == "toymodels" and floor(name) <= PACKAGE and name != "toymodels":
        return f"{name} imports the whole package instead of a room"
    if (room(name), room(target)) in STRANGERS:
        return f"{room(name)} must not know of {room(target)}: {name} imports {target}"
    # experiments.<family>.<figure>: a figure shares only its family's _files.
    here, there = name.split("."), target.split(".")
    if here[0] == there[0] == "experiments" and len(here) == len(there) == 3:
        if here[1] != there[1] or not there[2].startswith("_"):
            return f"the experiment {name} imports the experiment {target}"
    return None


def test_every_room_has_a_floor():
    rooms = {room(name) for name in MODULES if name.startswith("toymodels.")}
    assert rooms <= set(FLOORS), "give the new room a floor"


def test_imports_go_down_only():
    faults = [
        fault
        for name, path in MODULES.items()
        for target in imports(name, path)
        if (fault := faults_of_import(name, target))
    ]
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("toymodels.config", "toymodels.models"),
        ("toymodels.models.base", "toymodels.features.base"),
        ("toymodels.training.run", "toymodels.cli"),
        ("toymodels.training.run", "experiments.registry"),
        ("toymodels.geometry.measure", "toymodels"),
        ("experiments.tms.one", "experiments.tms.two"),
        ("experiments.tms.one", "toymodels.report"),
    ],
)
def test_an_import_that_goes_up_is_a_fault(name, target):
    assert faults_of_import(name, target)


@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("toymodels.training.state", "toymodels.features.base"),
        ("toymodels.cli", "experiments.reproduce"),
        ("experiments.tms.one", "experiments.tms._ensemble"),
        ("experiments.tms.one", "toymodels"),
    ],
)
def test_an_import_that_goes_down_is_none(name, target):
    assert faults_of_import(name, target) is None


def test_relative_and_nested_imports_are_seen(tmp_path):
    path = tmp_path / "run.py"
    path.write_text("def f():\n    from ..features import base\nimport numpy\n")
    assert list(imports("toymodels.training.run", path)) == ["toymodels.features.base"]


@pytest.mark.parametrize("name", MODULES)
def test_house_rules_of_a_file(name):
    text = MODULES[name].read_text(encoding="utf-8")
    tree = ast.parse(text)
    assert len(text.splitlines()) < 500, "one concept a file"
    assert ast.get_docstring(tree) or not text.strip(), "what, which paper, letters"
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            postponed = {a.name for a in node.names} & {"annotations"}
            # It would switch the run-time check of shapes off.
            assert not (node.module == "__future__" and postponed)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            prints = node.func.id == "print"
            assert not prints or room(name) == "cli" or name == RUNNER


# A platform that does not exist: whatever asks JAX for a device on import fails.
IMPORT_EVERYTHING = """
import importlib, sys
import jax, flax.nnx, optax, orbax.checkpoint, scipy.stats, numpy as np
import matplotlib.pyplot as plt, warnings, os, random

def world():
    return {
        "jax": dict(jax.config.values),
        "matplotlib": dict(plt.rcParams),
        "numpy": (np.geterr(), repr(np.get_printoptions())),
        "random": (random.getstate(), repr(np.random.get_state())),
        "environment": dict(os.environ),
        "warnings": list(warnings.filters),
    }

before = world()
for name in sys.argv[1:]:
    importlib.import_module(name)
after = world()
changed = [key for key in before if before[key] != after[key]]
assert not changed, f"importing changed the settings of {changed}"
assert not plt.get_fignums(), "importing made a figure"
try:
    jax.devices()
except RuntimeError:
    pass
else:
    raise AssertionError("the test's platform exists after all")
"""


def test_nothing_happens_on_import(tmp_path):
    # A module that needs an extra says so when used, so that all can be imported.
    done = subprocess.run(
        [sys.executable, "-c", IMPORT_EVERYTHING, *MODULES],
        cwd=tmp_path,
        env={
            **os.environ,
            "JAX_PLATFORMS": "no_such_platform",
            "PYTHONPATH": str(ROOT),
            "PYTHONDONTWRITEBYTECODE": "1",
        },
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout == ""
    assert list(tmp_path.iterdir()) == []


def tracked_texts():
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for name in filter(None, listed.stdout.split("\0")):
        try:
            yield name, (ROOT / name).read_text(encoding="utf-8")
        except (UnicodeDecodeError, FileNotFoundError, IsADirectoryError):
            continue


def test_tracked_files_name_no_registry_and_no_machine():
    hosts = [r"\.".join(h) for h in (("pypi", "org"), ("pythonhosted", "org"))]
    hosts += [r"\.".join(h) for h in (("npmjs", "org"), ("download", "pytorch", "org"))]
    # A path below one of these is of one machine. Base64 never comes after a quote.
    roots = "|".join(("work", "root", "home", "Users", "opt"))
    pattern = re.compile(rf"{'|'.join(hosts)}|(?<![\w.+/=:}})*])/({roots})/\w")
    assert pattern.search("cd " + "/".join(("", "home", "someone")))
    faults = [
        f"{name}: {match.group()}"
        for name, text in tracked_texts()
        for match in pattern.finditer(text)
    ]
    assert not faults, "\n".join(faults)


def test_the_version_is_written_once():
    version = importlib.metadata.version("toymodels")
    for name, path in MODULES.items():
        assert version not in path.read_text(encoding="utf-8"), name
