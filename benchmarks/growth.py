"""What a model's step costs as an ensemble grows, 10 to 10,000 runs, and its memory.

    python benchmarks/growth.py

The cost of a model-step should fall while there is something to share, then stay flat;
memory should grow in proportion; no size should compile more programs than another.
Each size is a process of its own, whose peak memory the system tells. n = 5, d = 2,
batch 1024; letters as in `workloads.py`.
"""

import dataclasses
import json
import os
import subprocess
import sys
import time
from typing import Any

import jax
import numpy as np
import tyro

from ours import spec_of
from sides import CPU, HERE
from toymodels.training import estimate_bytes, run_chunks
from workloads import Workload

try:
    import resource
except ImportError:  # Windows
    resource = None

# Model-steps in each timed chunk, whatever the size: about a second.
MODEL_STEPS = 100_000
SIZES = (10, 100, 1_000, 10_000)
STREAMS = ("independent", "shared")
_COMPILED = "/jax/core/compile/backend_compile_duration"


@dataclasses.dataclass(frozen=True)
class Settings:
    """One size, measured in this process."""

    runs: int = 10
    """Models trained together."""
    stream: str = "independent"
    """"independent" or "shared", see `ours.py`."""
    repeats: int = 3
    """Timed chunks."""
    model_steps: int = MODEL_STEPS
    """Steps times runs of a chunk."""


def peak_bytes() -> int | None:
    """Most memory this process has ever had; None where the system does not say."""
    if resource is None:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def measure(settings: Settings) -> dict[str, Any]:
    """Cost, memory and compilations of one size, in this process."""
    programs: list[str] = []

    def listen(event: str, _: float, *, fun_name: str = "", **__: Any) -> None:
        if event == _COMPILED:
            programs.append(fun_name)

    jax.monitoring.register_event_duration_secs_listener(listen)
    steps = max(settings.model_steps // settings.runs, 2)
    work = Workload(runs=settings.runs, n=5, d=2, batch=1024, steps=steps)
    spec = spec_of(work, settings.stream, settings.repeats + 1)
    # The smallest training there is: what Python, JAX and a compiler take anyway.
    tiny = dataclasses.replace(work, runs=1, batch=1, steps=1)
    for _ in run_chunks(spec_of(tiny, settings.stream, repeats=1)):
        pass
    before, of_tiny = peak_bytes(), len(programs)
    seconds = []
    chunks = run_chunks(spec, chunk=steps)
    for _ in range(settings.repeats + 1):
        start = time.perf_counter()
        next(chunks)
        seconds.append(time.perf_counter() - start)
    peak = peak_bytes()
    per_model_step = 1e6 * np.asarray(seconds[1:]) / (steps * settings.runs)
    return {
        "runs": settings.runs,
        "stream": settings.stream,
        "steps": steps,
        "microseconds_per_model_step": {
            "min": float(f"{per_model_step.min():.4g}"),
            "median": float(f"{np.median(per_model_step):.4g}"),
            "max": float(f"{per_model_step.max():.4g}"),
        },
        "peak_mib": _mib(peak - before) if peak and before else None,
        "estimate_mib": _mib(estimate_bytes(spec)),
        "programs": len(programs) - of_tiny,
        "training_programs": programs[of_tiny:].count("jit(advance)"),
    }


def _mib(size: int) -> float:
    return round(size / 2**20, 1)


def measure_all(
    sizes: tuple[int, ...] = SIZES, streams: tuple[str, ...] = STREAMS, **settings: Any
) -> list[dict[str, Any]]:
    """Every size and stream, each in a process of its own."""
    return [
        _in_process(Settings(runs=runs, stream=stream, **settings))
        for stream in streams
        for runs in sizes
    ]


def _in_process(settings: Settings) -> dict[str, Any]:
    flags = [f"--{k.replace('_', '-')}={v}" for k, v in vars(settings).items()]
    done = subprocess.run(
        [sys.executable, str(HERE / "growth.py"), *flags],
        env={**os.environ, **CPU},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


if __name__ == "__main__":
    json.dump(measure(tyro.cli(Settings, description=__doc__)), sys.stdout)
