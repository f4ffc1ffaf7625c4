"""Training speed on this machine's CPU: here, and as three peers would do it.

    make bench
    python benchmarks/run.py --repeats 9 --only 0 3

Milliseconds a step of four workloads against eager PyTorch, torch.compile and a JAX
loop; the share of the machine's own rate of matrix products; what a model's step costs
as an ensemble grows. `README.md` in this folder says how it is measured.
"""

import dataclasses
import datetime
import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

import tyro
from rich.console import Console

from growth import measure_all
from machine import busy, machine
from sides import HERE
from steps import measure
from tables import growth_table, ratios_table, times_table, verdicts
from workloads import LEARNING_RATE, WEIGHT_DECAY, WORKLOADS


@dataclasses.dataclass(frozen=True)
class Settings:
    """What to measure."""

    repeats: int = 7
    """Timed repeats of each workload, at least 5 for results that are kept."""
    only: tuple[int, ...] = ()
    """Places of the workloads to measure, 0 to 3; all when empty. Leaves growth out."""
    smoke: bool = False
    """Tiny sizes, to see that everything runs; the numbers mean nothing."""
    out: Path = HERE / "results.json"
    """The file to write."""


def measured(settings: Settings, console: Console) -> dict[str, Any]:
    """Times of the workloads, and growth."""
    workloads = [WORKLOADS[i] for i in settings.only] or list(WORKLOADS)
    growth: dict[str, Any] = {}
    if settings.smoke:
        tiny = {"runs": 3, "batch": 256, "steps": 50}
        workloads = [dataclasses.replace(WORKLOADS[0], **tiny)]
        growth = {"sizes": (2, 4), "streams": ("independent",)}
        growth |= {"repeats": 1, "model_steps": 40}
    rows = []
    for work in workloads:
        with console.status(f"{work.name}: {settings.repeats} repeats of each side"):
            rows.append(measure(work, settings.repeats))
    reasons = {k: v for row in rows for k, v in row["unavailable"].items()}
    for name, reason in reasons.items():
        console.print(f"[yellow]{name} is left out: {reason}[/]", highlight=False)
    console.print(times_table(rows))
    console.print(ratios_table(rows))
    for line in verdicts(rows):
        console.print(line, highlight=False, soft_wrap=True)
    if settings.only:
        return {"workloads": rows}
    with console.status("ensembles of growing size"):
        grown = measure_all(**growth)
    console.print(growth_table(grown))
    return {"workloads": rows, "growth": grown}


def main(settings: Settings) -> None:
    """Measure, print the tables, write the file."""
    if importlib.util.find_spec("torch") is None:
        sys.stderr.write(
            "PyTorch is missing: it is the extra `bench`; try make bench\n"
        )
        raise SystemExit(2)
    console = Console()
    here = machine()
    if busy(here):
        console.print(
            f"[yellow]The machine is busy (load {here['load_at_start']}): the ratios "
            "will be too high. Measure again when it is idle.[/]"
        )
    results = {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "machine": here,
        "optimiser": {
            "name": "adamw",
            "learning_rate": LEARNING_RATE,
            "weight_decay": WEIGHT_DECAY,
        },
        "repeats": settings.repeats,
        "smoke": settings.smoke,
        **measured(settings, console),
    }
    settings.out.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main(tyro.cli(Settings, description=__doc__))
