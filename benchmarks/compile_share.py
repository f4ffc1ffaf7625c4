"""How much of the experiments' time is compiling, without and with kept programs.

    python benchmarks/compile_share.py                  (every experiment, laptop scale)
    python benchmarks/compile_share.py TMS-1 --scale smoke

Every experiment is run from nothing twice, each time in a process of its own: "cold"
with an empty folder of compiled programs, "warm" with the one that the first left.
Compiling is the time in which JAX traced, lowered or compiled something (or read a
program from disk), as its own monitoring tells; the experiment's time is all of it:
training, measuring, drawing.
"""

import dataclasses
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated, Any

import jax
import tyro
from rich.console import Console
from rich.table import Table

HERE = Path(__file__).parent
# The experiments are the repository's, run as they are here.
sys.path.insert(0, str(HERE.parent))

from experiments.registry import find_experiments, select  # noqa: E402
from experiments.reproduce import reproduce  # noqa: E402
from machine import busy, machine  # noqa: E402
from toymodels.compilation import keep_compiled  # noqa: E402

TARGET_SHARE = 0.1
COMPILED = "/jax/core/compile/backend_compile_duration"
STAGES = (
    "/jax/core/compile/jaxpr_trace_duration",
    "/jax/core/compile/jaxpr_to_mlir_module_duration",
    COMPILED,
)


@dataclasses.dataclass(frozen=True)
class Settings:
    """Which experiments, and at which scale."""

    ids: Annotated[tuple[str, ...], tyro.conf.Positional] = ()
    """Experiments or families; all if none."""
    scale: str = "laptop"
    """"smoke", "laptop" or "paper"."""
    out: Path = HERE / "compile_share.json"
    """The file to write."""
    within: Path | None = None
    """For one run in this process, told as JSON; used by the script itself."""


class Stopwatch:
    """Seconds in which JAX prepared programs, in all threads together."""

    def __init__(self):
        self._intervals: list[tuple[float, float]] = []
        self._programs: dict[str, float] = {}
        self._count = 0
        jax.monitoring.register_event_duration_secs_listener(self._listen)

    def _listen(
        self, event: str, seconds: float, *, fun_name: str = "?", **_: Any
    ) -> None:
        if event not in STAGES:
            return
        now = time.monotonic()
        self._intervals.append((now - seconds, now))
        if event == COMPILED:
            self._count += 1
            self._programs[fun_name] = self._programs.get(fun_name, 0.0) + seconds

    def lap(self) -> dict[str, Any]:
        """What was prepared since the last lap."""
        slowest = sorted(self._programs.items(), key=lambda item: -item[1])[:3]
        told = {
            "compile_seconds": round(_covered(self._intervals), 3),
            "programs": self._count,
            "slowest": {name: round(seconds, 3) for name, seconds in slowest},
        }
        self._intervals, self._programs, self._count = [], {}, 0
        return told


def _covered(intervals: list[tuple[float, float]]) -> float:
    """Length of the union: a function is traced within another's tracing."""
    total, until = 0.0, -float("inf")
    for start, end in sorted(intervals):
        total += max(end - max(start, until), 0.0)
        until = max(until, end)
    return total


def run_here(ids: tuple[str, ...], scale: str, folder: Path) -> list[dict[str, Any]]:
    """Every experiment from an empty store, one after another."""
    keep_compiled(folder / "compiled")
    silent, watch, rows = Console(quiet=True), Stopwatch(), []
    with tempfile.TemporaryDirectory(dir=folder) as results:
        for experiment in select(ids, find_experiments()):
            start = time.monotonic()
            summary = reproduce(
                (experiment.id,),
                scale=scale,
                out=Path(results) / "figures",
                store=Path(results) / "store",
                console=silent,
            )
            if summary.failures:
                raise SystemExit(f"{experiment.id} failed: {summary.failures}")
            seconds = round(time.monotonic() - start, 3)
            rows.append({"id": experiment.id, "seconds": seconds, **watch.lap()})
    return rows


def run_apart(settings: Settings, folder: Path) -> list[dict[str, Any]]:
    """The same in a new process, which has compiled nothing yet."""
    flags = ["--scale", settings.scale, "--within", str(folder)]
    done = subprocess.run(
        [sys.executable, str(HERE / "compile_share.py"), *settings.ids, *flags],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def _sum(rows: list[dict[str, Any]]) -> dict[str, Any]:
    names = ("programs", "seconds", "compile_seconds")
    return {"id": "all", **{name: sum(row[name] for row in rows) for name in names}}


def share(rows: list[dict[str, Any]]) -> float:
    """Of all experiments together."""
    return _sum(rows)["compile_seconds"] / _sum(rows)["seconds"]


def table_of(cold: list[dict[str, Any]], warm: list[dict[str, Any]]) -> Table:
    """A line for each experiment, the sum at the end."""
    table = Table(title="Seconds of compiling in the seconds of each experiment")
    table.add_column("experiment")
    for name in ("programs", "cold", "of", "share", "warm", "of", "share"):
        table.add_column(name, justify="right")
    for one, other in zip([*cold, _sum(cold)], [*warm, _sum(warm)], strict=True):
        cells = [one["id"], str(one["programs"])]
        for row in (one, other):
            spent = row["compile_seconds"]
            cells += [f"{spent:.1f}", f"{row['seconds']:.1f}"]
            cells.append(f"{spent / row['seconds']:.0%}")
        table.add_row(*cells)
    return table


def main(settings: Settings) -> None:
    """Run everything twice, print the table, write the file."""
    console, here = Console(), machine()
    if busy(here):
        console.print("[yellow]The machine is busy: all times will be too long.[/]")
    with tempfile.TemporaryDirectory() as folder:
        runs = {}
        for cache in ("cold", "warm"):
            with console.status(f"{cache}: the experiments at {settings.scale} scale"):
                runs[cache] = run_apart(settings, Path(folder))
    console.print(table_of(runs["cold"], runs["warm"]))
    for cache, rows in runs.items():
        state = "met" if share(rows) <= TARGET_SHARE else "missed"
        over = [r["id"] for r in rows if share([r]) > TARGET_SHARE]
        console.print(
            f"≤ {TARGET_SHARE:.0%} of the time, {cache}: {share(rows):.1%}, {state}"
            + (f"; more in {', '.join(over)}" if over else ""),
            highlight=False,
            soft_wrap=True,
        )
    record = {
        "machine": here,
        "scale": settings.scale,
        "share": {cache: round(share(rows), 4) for cache, rows in runs.items()},
        **runs,
    }
    settings.out.write_text(json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    chosen = tyro.cli(Settings, description=__doc__)
    if chosen.within is None:
        main(chosen)
    else:
        json.dump(run_here(chosen.ids, chosen.scale, chosen.within), sys.stdout)
