"""Training on an accelerator, in absolute numbers, with the floor of each.

    python benchmarks/gpu.py
    python benchmarks/gpu.py --smoke     (tiny sizes on any device)

The floor of a step is the longest of three times, each from a rate that is measured in
the same run: its matrix products at the device's rate of products, the bytes that the
compiled program reads and writes at the rate of a copy, and one turn of an empty loop.
(What stays in the device's cache can be faster than the second.)
`gpu_cases.py` says what is trained, `device_rates.py` how the rates are measured.
"""

import dataclasses
import datetime
import json
import time
from pathlib import Path
from typing import Any

import jax
import numpy as np
import tyro
from rich.console import Console
from rich.table import Table

from device_rates import device_rates
from gpu_cases import Case, cases
from machine import machine
from sides import HERE
from steps import spread
from toymodels.training import run_chunks


@dataclasses.dataclass(frozen=True)
class Settings:
    """What to measure."""

    repeats: int = 5
    """Timed repeats of each case."""
    smoke: bool = False
    """Tiny sizes; the numbers mean nothing."""
    out: Path = HERE / "gpu.json"
    """The file to write."""


def measure(case: Case, rates: dict[str, float], repeats: int) -> dict[str, Any]:
    """Times and floor of one case."""
    chunks = run_chunks(case.spec, chunk=case.chunk)
    seconds = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        next(chunks)
        seconds.append(time.perf_counter() - start)
    milliseconds = 1e3 * np.asarray(seconds[1:]) / case.chunk
    size = case.bytes()
    floor = {
        "products": 1e3 * case.operations / rates["operations_per_second"],
        "bytes": 1e3 * size / rates["bytes_per_second"],
        "turn": 1e3 * rates["seconds_per_turn"],
    }
    spec = case.spec
    stats = jax.devices()[0].memory_stats() or {}
    return {
        "name": case.name,
        "runs": spec.runs,
        "batch": spec.batch,
        "steps": case.chunk,
        "milliseconds_per_step": spread(milliseconds),
        "microseconds_per_model_step": float(
            f"{1e3 * np.median(milliseconds) / spec.runs:.4g}"
        ),
        "operations": case.operations,
        "bytes": size,
        "floor_milliseconds": {k: float(f"{v:.4g}") for k, v in floor.items()},
        "times_floor": float(f"{np.median(milliseconds) / max(floor.values()):.4g}"),
        "first_chunk_seconds": round(seconds[0], 2),
        "peak_bytes": stats.get("peak_bytes_in_use"),
    }


def table_of(rows: list[dict[str, Any]]) -> Table:
    """The numbers that a person wants to see."""
    table = Table(title="Milliseconds per step, and the floor that binds")
    for name in ("training", "ms", "quartiles", "floor", "of", "times"):
        left = name in ("training", "of")
        table.add_column(name, justify="left" if left else "right")
    for row in rows:
        ms, floor = row["milliseconds_per_step"], row["floor_milliseconds"]
        binds = max(floor, key=lambda name: floor[name])
        table.add_row(
            row["name"],
            f"{ms['median']:.3g}",
            f"{ms['q1']:.3g}–{ms['q3']:.3g}",
            f"{floor[binds]:.3g}",
            binds,
            f"{row['times_floor']:.1f}",
        )
    return table


def main(settings: Settings) -> None:
    """Measure, print the table, write the file."""
    console, device = Console(), jax.devices()[0]
    if device.platform == "cpu" and not settings.smoke:
        console.print("[yellow]No accelerator: these are numbers of the CPU.[/]")
    sizes = {"matrix": 8192, "megabytes": 1024, "turns": 10_000}
    if settings.smoke:
        sizes = {"matrix": 64, "megabytes": 1, "turns": 10}
    with console.status("rates of the device"):
        rates = device_rates(**sizes, repeats=settings.repeats)
    console.print(
        f"{device.device_kind}: copies {rates['bytes_per_second'] / 1e9:.3g} GB/s, "
        f"products {rates['operations_per_second'] / 1e12:.3g} Tflop/s, "
        f"a turn of a loop {1e6 * rates['seconds_per_turn']:.3g} µs",
        highlight=False,
    )
    rows = []
    for case in cases(smoke=settings.smoke, repeats=settings.repeats):
        with console.status(case.name):
            rows.append(measure(case, rates, settings.repeats))
    console.print(table_of(rows))
    record = {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "device": {"platform": device.platform, "kind": device.device_kind},
        "machine": machine(),
        "smoke": settings.smoke,
        "repeats": settings.repeats,
        "rates": {name: float(f"{rate:.4g}") for name, rate in rates.items()},
        "cases": rows,
    }
    settings.out.write_text(json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    main(tyro.cli(Settings, description=__doc__))
