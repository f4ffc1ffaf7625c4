"""What a second worker is worth: blocks per second on one and on two local workers.

    python benchmarks/cluster.py

A small phase diagram (two features in one dimension) is trained in blocks, as
`toymodels reproduce --workers` would: through Dask, into a store, and joined. Both
clusters are up all the time and have compiled everything in a first sweep; then they
take turns, in an order that is reversed every time. The efficiency is formed within
each repeat: blocks per second of two workers, over twice those of one.
"""

import dataclasses
import datetime
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import tyro
from rich.console import Console

from machine import busy, machine
from sides import HERE
from steps import spread

# A script's own folder is on the path, the repository's root is not.
sys.path.append(str(HERE.parent))

from experiments.cluster import Cluster, connected  # noqa: E402
from experiments.tms._phase_grid import PhaseGrid  # noqa: E402
from experiments.trainer import Trainer  # noqa: E402
from toymodels.store import Store  # noqa: E402
from toymodels.training import parts_of  # noqa: E402

WORKERS = (1, 2)


@dataclasses.dataclass(frozen=True)
class Settings:
    """What to measure."""

    blocks: int = 16
    """Blocks of a sweep; 400 runs each."""
    steps: int = 10_000
    """Updates of each run; a block then takes a second or two."""
    repeats: int = 5
    """Sweeps on each number of workers."""
    out: Path = HERE / "cluster.json"
    """The file to write."""


def sweep(settings: Settings, cluster: Cluster | None, seed: int) -> float:
    """Train a sweep into a new store; seconds."""
    grid = PhaseGrid(
        n=2,
        d=1,
        grid=20,
        groups=1,
        restarts=settings.blocks,
        steps=settings.steps,
        batch=128,
        seed=seed,
    )
    with tempfile.TemporaryDirectory() as folder:
        train = Trainer(
            Store(Path(folder)),
            lambda *_: None,
            lambda: False,
            cluster=cluster,
            divide=lambda spec: parts_of(spec, grid.grid**2),
        )
        start = time.perf_counter()
        train(grid.spec())
        return time.perf_counter() - start


def measure(settings: Settings) -> dict[str, Any]:
    """Blocks per second of each number of workers, and the efficiency."""
    rates: dict[int, list[float]] = {count: [] for count in WORKERS}
    with connected(WORKERS[0]) as one, connected(WORKERS[1]) as two:
        clusters = dict(zip(WORKERS, (one, two), strict=True))
        for cluster in clusters.values():
            sweep(dataclasses.replace(settings, steps=1), cluster, seed=0)
            sweep(settings, cluster, seed=0)
        for repeat in range(settings.repeats):
            order = WORKERS if repeat % 2 == 0 else WORKERS[::-1]
            for count in order:
                seconds = sweep(settings, clusters[count], seed=repeat + 1)
                rates[count].append(settings.blocks / seconds)
    first, second = (np.array(rates[count]) for count in WORKERS)
    return {
        "blocks_per_second": {
            str(count): spread(np.array(rate)) for count, rate in rates.items()
        },
        "efficiency": spread(second / (2 * first)),
    }


def main(settings: Settings) -> None:
    """Measure, print, write the file."""
    console, here = Console(), machine()
    if busy(here):
        console.print("[yellow]The machine is busy: measure again when it is idle.[/]")
    numbers = measure(settings)
    results = {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "machine": here,
        "blocks": settings.blocks,
        "steps": settings.steps,
        "repeats": settings.repeats,
        **numbers,
    }
    settings.out.write_text(json.dumps(results, indent=2) + "\n")
    rates = numbers["blocks_per_second"]
    for count in WORKERS:
        console.print(f"{count} worker(s): {rates[str(count)]['median']:.3g} blocks/s")
    share = numbers["efficiency"]
    console.print(
        f"efficiency from 1 to 2 workers: {share['median']:.0%} "
        f"({share['q1']:.0%}–{share['q3']:.0%})"
    )


if __name__ == "__main__":
    main(tyro.cli(Settings, description=__doc__))
