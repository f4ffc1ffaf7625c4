"""Milliseconds a training step of every side, on one workload.

The sides take turns, repeat by repeat, in an order that is reversed every time; only
one works at a time. A ratio is formed within each repeat: the time of the peer that was
fastest in it, over ours.
"""

import dataclasses
import time
from typing import Any

import numpy as np

from sides import CEILING, OURS, PEERS, Process, Side, Unavailable
from workloads import Workload

# A thread pool may spin for up to 0.2 s after its last task; it must not do so while
# another side is timed.
PAUSE_SECONDS = 0.3
TARGET_RATIO = 10.0


def spread(values: np.ndarray) -> dict[str, float]:
    """Median, quartiles and extremes, to four digits."""
    names = ("min", "q1", "median", "q3", "max")
    quantiles = np.quantile(values, [0, 0.25, 0.5, 0.75, 1])
    return {k: float(f"{q:.4g}") for k, q in zip(names, quantiles, strict=True)}


def measure(work: Workload, repeats: int) -> dict[str, Any]:
    """All sides on one workload, and the machine's rate of matrix products beside them.

    Returns:
        Sizes, times, ratios, shares of the machine's rate; `unavailable` names the
        peers that this machine cannot run, with the reason.
    """
    taken = _take_turns(work, {**PEERS, **OURS, **CEILING}, repeats)
    times = {name: 1e3 * t / work.steps for name, t in taken.seconds.items()}
    peers = [name for name in PEERS if name in times]
    fastest = np.min([times[name] for name in peers], axis=0)
    last = taken.last["matrix_product"]
    rate = last["operations"] / taken.seconds["matrix_product"]
    ours = {name: 1e3 * work.product_operations / times[name] for name in OURS}
    return {
        **dataclasses.asdict(work),
        "milliseconds_per_step": {k: spread(times[k]) for k in (*peers, *OURS)},
        "fastest_peer": min(peers, key=lambda name: np.median(times[name])),
        "ratio": {name: spread(fastest / times[name]) for name in OURS},
        "met": {
            name: bool(np.median(fastest / times[name]) >= TARGET_RATIO)
            for name in OURS
        },
        "matrix_products": {
            "machine_gflops": float(f"{np.median(rate) / 1e9:.4g}"),
            "gflops": {k: float(f"{np.median(v) / 1e9:.4g}") for k, v in ours.items()},
            "share": {k: spread(v / np.median(rate)) for k, v in ours.items()},
        },
        "compile_seconds": taken.compile_seconds,
        "final_loss": {k: round(taken.last[k]["loss"], 6) for k in (*peers, *OURS)},
        "unavailable": taken.unavailable,
    }


@dataclasses.dataclass
class _Turns:
    """What the sides answered."""

    seconds: dict[str, np.ndarray]
    """Of each repeat, (repeats,)."""
    last: dict[str, dict[str, Any]]
    compile_seconds: dict[str, float]
    unavailable: dict[str, str]


def _take_turns(work: Workload, sides: dict[str, Side], repeats: int) -> _Turns:
    """Warm every side up, then let them take turns.

    Processes are new for each workload, so that none inherits another's memory.
    """
    processes = {name: Process(side) for name, side in sides.items()}
    first, second, unavailable = {}, {}, {}
    for name, process in list(processes.items()):
        try:
            first[name] = process.start(dataclasses.asdict(work), repeats + 2)[
                "seconds"
            ]
        except Unavailable as reason:
            unavailable[name] = str(reason)
            processes.pop(name).close()
            continue
        # The first repeat compiles or allocates, this is the first of the usual kind.
        second[name] = process.repeat()["seconds"]
    seconds = {name: np.zeros(repeats) for name in processes}
    last: dict[str, dict[str, Any]] = {}
    for repeat in range(repeats):
        order = list(processes) if repeat % 2 == 0 else list(processes)[::-1]
        for name in order:
            time.sleep(PAUSE_SECONDS)
            last[name] = processes[name].repeat()
            seconds[name][repeat] = last[name]["seconds"]
    for process in processes.values():
        process.close()
    return _Turns(
        seconds=seconds,
        last=last,
        compile_seconds={
            name: round(first[name] - second[name], 2)
            for name in processes
            if name not in ("eager", "matrix_product")
        },
        unavailable=unavailable,
    )
