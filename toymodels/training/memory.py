"""How much memory an ensemble needs, said before it starts.

The largest arrays of a step are the samples, the output, its gradient and the
intermediates between them, each (runs, n, batch) float32; the hidden layer adds
(runs, d, batch).
"""

import math
import os

from toymodels.config import SettingsError
from toymodels.training.spec import TrainSpec

# Simultaneously live (runs, n, batch) arrays of a step, as XLA schedules it on a CPU:
# samples, random numbers, output, residual and its gradient.
LIVE_SAMPLE_ARRAYS = 5


def estimate_bytes(spec: TrainSpec) -> int:
    """Peak bytes of training `spec`: samples, parameters, optimiser and snapshots."""
    n, runs, batch = spec.model.n, spec.runs, spec.batch
    sizes = [math.prod(shape[1:]) for shape in spec.parameter_shapes().values()]
    hidden = max(sizes) // n
    samples = 4 * runs * batch * (LIVE_SAMPLE_ARRAYS * n + 2 * hidden)
    # Parameters, gradients, two moments, and one copy while the state is replaced.
    copies = 5 + len(spec.snapshots)
    return samples + 4 * runs * (copies * sum(sizes) + min(spec.history, spec.steps))


def available_bytes() -> int | None:
    """Memory that could be used now, None where the system does not say."""
    try:
        # What Linux can hand out without swapping, page cache included.
        with open("/proc/meminfo") as lines:
            for line in lines:
                if line.startswith("MemAvailable:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError, AttributeError):
        return None


def check_memory(spec: TrainSpec, available: int | None = None) -> int:
    """The estimate in bytes, or a `SettingsError` that names a size that fits.

    Args:
        spec: what is to be trained.
        available: bytes; asked of the system when None.
    """
    needed = estimate_bytes(spec)
    available = available_bytes() if available is None else available
    if available is not None and needed > available:
        share = available / needed
        batch = int(spec.batch * share * 0.9)
        runs = int(spec.runs * share * 0.9)
        fits = f"batch={batch}" if batch >= 1 else f"at most {runs} runs or a smaller n"
        raise SettingsError(
            "memory",
            f"{spec.runs} runs × n = {spec.model.n} × batch = {spec.batch}",
            f"at most {available / 2**30:.1f} GiB, this needs {needed / 2**30:.1f} GiB",
            fits,
        )
    return needed
