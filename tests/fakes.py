"""A package of fake experiments that count how often they compute."""

import io
import sys
import textwrap

import pytest
from rich.console import Console

from experiments.registry import find_experiments
from experiments.reproduce import reproduce
from toymodels.store import Store

PACKAGE = "fake_experiments"

SOURCE = '''
"""{id}: a fake experiment.

It counts how often it computes.
"""

import numpy as np

from fake_experiments.fam._shared import doubled
from toymodels.claims import AtLeast, control, judge
from toymodels.config import settings, to_json
from toymodels.plotting import new_figure
from toymodels.result import Result

ID = "{id}"
TITLE = "Fake [bold] {id}"


@settings
class Fake{number}:
    """Settings."""

    size: int
    seed: int = 0

    @classmethod
    def preset(cls, scale):
        return cls(size={{"smoke": 5, "laptop": 6, "paper": 7}}[scale])


def compute(settings, train):
    """Numbers around 2."""
    with open({log!r}, "a") as log:
        log.write("{id} ")
    {compute}
    rng = np.random.default_rng(settings.seed)
    values = doubled(1 + 0.1 * rng.random(settings.size))
    return Result({{"values": values}}, {{"settings": to_json(settings)}})


def plot(result):
    figure = new_figure(2.0, width=3.0)
    figure.subplots().plot(result["values"]){plot}
    return {{"line": figure}}


def claims(result):
    {claims}
    test = AtLeast(1)
    return [
        judge(
            id="{id}.a",
            experiment="{id}",
            statement="All values exceed one.",
            source="nobody",
            statistic="value",
            expected=2,
            samples=result["values"],
            test=test,
            controls=[control("zeros", np.zeros(3), test)],
            scale="smoke",
        )
    ]
'''

SHARED = "def doubled(x):\n    return 2 * x\n\n\ndef unused(x):\n    return x\n"


class Fakes:
    """A folder of fake experiments, and a command that runs them."""

    def __init__(self, root):
        self.root = root
        self.family = root / PACKAGE / "fam"
        self.family.mkdir(parents=True)
        (self.family / "_shared.py").write_text(SHARED)
        self.log = root / "log"
        self.out = root / "out"
        self.store = Store(root / "store")
        self.shown = ""

    def write(self, number, *, id=None, compute="pass", plot="", claims="pass"):
        text = SOURCE.format(
            id=id or f"FAKE-{number}",
            number=number,
            log=str(self.log),
            compute=textwrap.indent(compute, "    ").strip(),
            plot=plot,
            claims=claims,
        )
        path = self.family / f"number_{number}.py"
        path.write_text(text.lstrip())
        return path

    def catalogue(self):
        # Edited files are imported again.
        for name in [m for m in sys.modules if m.startswith(PACKAGE)]:
            del sys.modules[name]
        return find_experiments(self.root / PACKAGE, PACKAGE)

    def run(self, *ids, **options):
        console = Console(file=io.StringIO(), width=120)
        try:
            return reproduce(
                ids,
                **{"scale": "smoke", **options},
                out=self.out,
                store=self.store.root,
                console=console,
                catalogue=self.catalogue(),
            )
        finally:
            self.shown = console.file.getvalue()

    def computed(self):
        """Ids in the order in which they computed since the last call."""
        found = self.log.read_text().split() if self.log.exists() else []
        self.log.unlink(missing_ok=True)
        return found

    def files(self):
        return {p.name: p.read_bytes() for p in sorted(self.out.iterdir())}


@pytest.fixture
def fakes(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    made = Fakes(tmp_path)
    yield made
    for name in [m for m in sys.modules if m.startswith(PACKAGE)]:
        del sys.modules[name]
