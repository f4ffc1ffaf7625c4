"""How much memory an ensemble needs, said before it starts.

The largest arrays of a step are the samples, the output, its gradient and the
intermediates between them, each (runs, n, batch) float32; the hidden layer adds
(runs, d, batch). Of all runs, only those of the blocks that are computed now have them
(`blocks`). Sparse rows go through the model in parts (`batch_loss`), so there the batch
is that of one part, and the columns of W that it names, (batch, width, d), come along.
"""

import dataclasses
import math
import os

import jax
from jax.sharding import Mesh

from toymodels.config import SettingsError
from toymodels.features import FiniteDataset
from toymodels.training.batch_loss import is_kept, rows_in_block
from toymodels.training.blocks import runs_at_once
from toymodels.training.spec import TrainSpec

# Simultaneously live (runs, n, batch) arrays of a step, as XLA schedules it on a CPU:
# samples, output, residual and its gradient; a fifth is scratch of the matrix product.
LIVE_SAMPLE_ARRAYS = 5
# Copies of the parameters: themselves and two moments, in the blocks of runs and in the
# whole that is put together of them, and one gradient.
LIVE_PARAMETERS = 7
# Of sparse rows: of the whole ensemble, of its blocks of runs, divided in parts.
LIVE_ROWS = 3
# Compiling and holding one more program.
PROGRAM_BYTES = 52 * 2**20
# More where the program also draws rows: measured, 20 to 30 MiB.
DRAWING_BYTES = 24 * 2**20
# What the heap of a thread keeps, where blocks are computed side by side.
THREAD_BYTES = 16 * 2**20


@dataclasses.dataclass(frozen=True)
class MemoryNeed:
    """Peak bytes of a training, by what they grow with."""

    fixed: int
    """The program, its threads, and parts of a sparse batch."""
    per_run: int
    """Parameters, optimiser, snapshots and the run's dataset."""
    per_sample: int
    """Of all runs that are computed at once, for each sample of a batch."""
    batch: int
    runs: int

    @property
    def total(self) -> int:
        """Peak bytes."""
        return self.fixed + self.per_run * self.runs + self.per_sample * self.batch


def memory_need(
    *, n: int, hidden: int, parameters: int, runs: int, batch: int, copies: int = 0
) -> MemoryNeed:
    """The estimate from numbers alone; nothing is allocated.

    Args:
        n: features.
        hidden: units of the hidden layer.
        parameters: of one model.
        runs: models.
        batch: samples in each update.
        copies: further copies of the parameters, for snapshots.
    """
    together, now = runs_at_once(n, batch, runs)
    threads = -(-now // together)
    return MemoryNeed(
        fixed=PROGRAM_BYTES + (THREAD_BYTES * threads if threads > 1 else 0),
        per_run=4 * (LIVE_PARAMETERS + copies) * parameters,
        per_sample=4 * now * (LIVE_SAMPLE_ARRAYS * n + 2 * hidden),
        batch=batch,
        runs=runs,
    )


def estimate_bytes(spec: TrainSpec) -> int:
    """Peak bytes of training `spec`: samples, parameters, optimiser and snapshots."""
    return _need_of(spec, spec.runs).total


def _need_of(spec: TrainSpec, runs: int) -> MemoryNeed:
    sizes = [math.prod(shape[1:]) for shape in spec.parameter_shapes().values()]
    # A unit has a weight for each entry of a sample, or of an output.
    hidden = max(*sizes, sum(sizes) // 2) // spec.width
    if spec.noise is not None:
        hidden += math.prod(spec.model.noise_shape(1))
    need = memory_need(
        n=spec.width,
        hidden=hidden,
        parameters=sum(sizes),
        runs=runs,
        batch=spec.batch,
        copies=len(spec.snapshots),
    )
    if isinstance(spec.features, FiniteDataset):
        return _in_parts(need, spec.features, hidden)
    return need


def _in_parts(need: MemoryNeed, data: FiniteDataset, hidden: int) -> MemoryNeed:
    """The need where a small batch is written out, of a large one only a part."""
    pair = 8  # an index and a value
    together, now = runs_at_once(data.n, need.batch, need.runs)
    per_run = need.per_run + LIVE_ROWS * pair * data.points * data.width
    if data.whole_batch and is_kept(data.n, need.batch, together):
        # The batch is the data set's, so that only fewer runs are a way out.
        fixed = need.fixed + need.per_sample * need.batch
        return dataclasses.replace(need, fixed=fixed, per_run=per_run, per_sample=0)
    part = min(rows_in_block(data.n, together), need.batch)
    # The columns that a row names, and their gradient.
    columns = 2 * data.width * hidden
    drawn = 0 if data.whole_batch else 2 * pair * data.width * now
    return dataclasses.replace(
        need,
        fixed=need.fixed
        + (0 if data.whole_batch else DRAWING_BYTES)
        + part * (need.per_sample + 4 * now * columns),
        per_run=per_run,
        per_sample=drawn,
    )


def available_bytes() -> int | None:
    """Memory that could be used now, None where the system does not say."""
    device = _of_device()
    if device is not None:
        return device
    found = [_of_system(), _of_container()]
    return min((size for size in found if size is not None), default=None)


def check_memory(
    spec: TrainSpec, available: int | None = None, *, mesh: Mesh | None = None
) -> int:
    """The estimate in bytes, or a `SettingsError` that names a size that fits.

    Args:
        spec: what is to be trained.
        available: bytes; asked of the system when None.
        mesh: devices that share the runs; the estimate is then that of one
            accelerator, or of this process if they are CPUs.
    """
    what = f"n = {spec.model.n}"
    if mesh is None:
        return check_need(_need_of(spec, spec.runs), what, available)
    cpus = jax.default_backend() == "cpu"
    share = jax.local_device_count() / mesh.size if cpus else 1 / mesh.size
    runs = math.ceil(spec.runs * min(share, 1.0))
    what = f"{what} on one of {mesh.size} devices" if share < 1 else what
    return check_need(_need_of(spec, runs), what, available)


def check_need(need: MemoryNeed, what: str, available: int | None = None) -> int:
    """`need.total`, or a `SettingsError` that names a size that fits."""
    available = available_bytes() if available is None else available
    if available is None or need.total <= available:
        return need.total
    raise SettingsError(
        "memory",
        f"{need.runs} runs × {what} × batch = {need.batch}",
        f"at most {available / 2**30:.1f} GiB, this needs {need.total / 2**30:.1f} GiB",
        _what_fits(need, int(0.9 * available)),
    )


def _what_fits(need: MemoryNeed, available: int) -> str:
    rest = available - need.fixed
    if need.per_sample:
        batch = (rest - need.per_run * need.runs) // need.per_sample
        if batch >= 16:
            return f"batch={batch}"
    runs = (rest - need.per_sample * need.batch) // need.per_run
    return f"{runs} runs" if runs >= 1 else "a smaller n or d, or fewer snapshots"


def _of_device() -> int | None:
    """Memory limit of an accelerator; None for CPUs."""
    stats = jax.local_devices()[0].memory_stats()
    return stats.get("bytes_limit") if stats else None


def _of_system() -> int | None:
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


def _of_container() -> int | None:
    try:
        with open("/sys/fs/cgroup/memory.max") as file:
            return int(file.read())
    except (OSError, ValueError):  # no such group, or "max"
        return None
