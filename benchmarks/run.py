"""Milliseconds a training step, here and in eager PyTorch, on this machine's CPU.

    make bench
    python benchmarks/run.py --repeats 9

Each side is one process. For each workload both are warmed up, then they take turns,
repeat by repeat, in an order that is reversed every time; only one works at a time. The
ratio is the median over repeats of PyTorch's time over ours.
"""

import dataclasses
import datetime
import importlib.util
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import tyro
from rich.console import Console
from rich.table import Table

from workloads import LEARNING_RATE, WEIGHT_DECAY, WORKLOADS, Workload

HERE = Path(__file__).parent
# A thread pool may spin for up to 0.2 s after its last task; it must not do so while
# the other side is timed.
PAUSE_SECONDS = 0.3
# Other work hurts PyTorch more, whose threads wait for each other after every
# operation: on two cores with a load of 5 the ratio came out several times too high.
BUSY_LOAD = 0.3
SIDES = ("pytorch", "independent", "shared")


@dataclasses.dataclass(frozen=True)
class Settings:
    """What to measure."""

    repeats: int = 7
    """Timed repeats of each workload, at least 5 for results that are kept."""
    smoke: bool = False
    """Tiny sizes, to see that everything runs; the numbers mean nothing."""
    out: Path = HERE / "results.json"
    """The file to write."""


class Side:
    """One process that trains on request."""

    def __init__(self, script: str, environment: Mapping[str, str]):
        self._script = script
        self._process = subprocess.Popen(
            [sys.executable, str(HERE / script)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **environment},
        )

    def ask(self, **request: Any) -> dict[str, Any]:
        """Send a request and wait for the answer."""
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            raise RuntimeError("the process has no pipes")
        try:
            stdin.write(json.dumps(request) + "\n")
            stdin.flush()
            line = stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise SystemExit(f"benchmarks/{self._script} stopped; its message is above")
        return json.loads(line)

    def close(self) -> None:
        """End the process by closing its input."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait(timeout=30)


def spread(values: np.ndarray) -> dict[str, float]:
    """Median, quartiles and extremes, to four digits."""
    names = ("min", "q1", "median", "q3", "max")
    quantiles = np.quantile(values, [0, 0.25, 0.5, 0.75, 1])
    return {k: float(f"{q:.4g}") for k, q in zip(names, quantiles, strict=True)}


def measure(work: Workload, repeats: int) -> dict[str, Any]:
    """All three sides on one workload.

    Processes are new for each workload, so that none inherits another's memory.
    """
    one_cpu = {"JAX_PLATFORMS": "cpu", "XLA_FLAGS": ""}
    sides = {
        "pytorch": Side("eager_pytorch.py", {}),
        "independent": Side("ours.py", one_cpu),
        "shared": Side("ours.py", one_cpu),
    }
    first = {
        name: side.ask(
            workload=dataclasses.asdict(work), stream=name, repeats=repeats + 2
        )
        for name, side in sides.items()
    }
    # The first repeat compiles or allocates, the second is the first of the usual kind.
    second = {name: side.ask() for name, side in sides.items()}
    milliseconds = {name: np.zeros(repeats) for name in SIDES}
    last: dict[str, Any] = {}
    for repeat in range(repeats):
        for name in SIDES if repeat % 2 == 0 else SIDES[::-1]:
            time.sleep(PAUSE_SECONDS)
            last[name] = sides[name].ask()
            milliseconds[name][repeat] = 1e3 * last[name]["seconds"] / work.steps
    for side in sides.values():
        side.close()
    return {
        **dataclasses.asdict(work),
        "milliseconds_per_step": {k: spread(v) for k, v in milliseconds.items()},
        "ratio": {
            name: spread(milliseconds["pytorch"] / milliseconds[name])
            for name in ("independent", "shared")
        },
        "compile_seconds": {
            name: round(first[name]["seconds"] - second[name]["seconds"], 2)
            for name in ("independent", "shared")
        },
        "final_loss": {name: round(last[name]["loss"], 6) for name in SIDES},
        "pytorch_threads": last["pytorch"]["threads"],
    }


def machine() -> dict[str, Any]:
    """What the numbers depend on."""
    return {
        "cpu": cpu_name(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": {
            name: version(name)
            for name in ("toymodels", "jax", "jaxlib", "flax", "optax", "torch")
        },
    }


def cpu_name() -> str:
    """The processor's model, as the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.split(":", 1)[1].strip() for line in lines if "model name" in line]
    return names[0] if names else platform.machine()


def load_at_start() -> float | None:
    """Processes that want a core, averaged over a minute; None where unknown."""
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None


def table_of(workloads: list[dict[str, Any]]) -> Table:
    """The numbers that a person wants to see."""
    table = Table(title="Training, milliseconds per step (medians, batch 1024)")
    columns = ("runs", "n", "d", "PyTorch", "ours", "ratio", "shared", "ratio", "s")
    for name in columns:
        table.add_column(name, justify="right", no_wrap=True)
    for row in workloads:
        ms = {k: f"{v['median']:.3g}" for k, v in row["milliseconds_per_step"].items()}
        ratio, shared = row["ratio"]["independent"], row["ratio"]["shared"]
        table.add_row(
            *(str(row[size]) for size in ("runs", "n", "d")),
            ms["pytorch"],
            ms["independent"],
            f"{ratio['median']:.1f} ({ratio['q1']:.1f}–{ratio['q3']:.1f})",
            ms["shared"],
            f"{shared['median']:.1f}",
            f"{row['compile_seconds']['independent']:.1f}",
        )
    return table


def main(settings: Settings) -> None:
    """Measure, print the table, write the file."""
    if importlib.util.find_spec("torch") is None:
        sys.stderr.write(
            "PyTorch is missing: it is the extra `bench`; try make bench\n"
        )
        raise SystemExit(2)
    console = Console()
    load = load_at_start()
    if load is not None and load > BUSY_LOAD * (os.cpu_count() or 1):
        console.print(
            f"[yellow]The machine is busy (load {load}): the ratios will be too high. "
            "Measure again when it is idle.[/]"
        )
    workloads = WORKLOADS
    if settings.smoke:
        workloads = tuple(
            dataclasses.replace(w, runs=min(w.runs, 3), batch=256, steps=50)
            for w in WORKLOADS[:1]
        )
    rows = []
    for work in workloads:
        with console.status(f"{work.name}: {settings.repeats} repeats of each side"):
            rows.append(measure(work, settings.repeats))
    console.print(table_of(rows))
    console.print(
        "ours: every run has its own data, as in PyTorch; ratio with quartiles. "
        "shared: the runs of a sweep share random numbers. s: seconds to compile, "
        "once for each size, not part of the times."
    )
    results = {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "machine": {**machine(), "load_at_start": load},
        "optimiser": {
            "name": "adamw",
            "learning_rate": LEARNING_RATE,
            "weight_decay": WEIGHT_DECAY,
        },
        "repeats": settings.repeats,
        "smoke": settings.smoke,
        "workloads": rows,
    }
    settings.out.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main(tyro.cli(Settings, description=__doc__))
