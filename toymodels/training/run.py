"""A trained ensemble, and how one is made.

`run_chunks` advances a state chunk by chunk and yields a report after each: progress
bars, streaming, checkpoints and stop requests live between chunks, never inside the
compiled loop. `train` is `run_chunks` without looking.

Axis letters: `runs` = seeds × members, `windows` of the loss history, `snaps` of
snapshots.
"""

import collections
import dataclasses
import functools
import time
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh
from jaxtyping import Float, Int, Shaped

from toymodels.config import SettingsError, check_count, from_json, to_json
from toymodels.features import DEFAULT_GENERATOR
from toymodels.models import Params
from toymodels.store import Result
from toymodels.training.batch_loss import losses
from toymodels.training.blocks import (
    Block,
    Blocks,
    block_inputs,
    by_block,
    divide,
    undivided,
)
from toymodels.training.memory import check_memory
from toymodels.training.mesh import fitting_mesh, place
from toymodels.training.spec import TrainSpec
from toymodels.training.state import (
    Inputs,
    Plan,
    TrainState,
    init,
    inputs_of,
    plan_of,
    sample,
    window_ends,
)
from toymodels.training.status import NON_FINITE, has_converged, run_status

# A chunk is long enough to cost nothing and short enough that a progress bar moves and
# Ctrl-C is obeyed within a second or so.
CHUNK_STEPS = 250


class DivergedWarning(RuntimeWarning):
    """Some runs of an ensemble became non-finite; their `status` says which."""


@dataclasses.dataclass(frozen=True)
class History:
    """Training loss, averaged over windows of steps."""

    step: Int[np.ndarray, " windows"]
    """Last step of each window."""
    loss: Float[np.ndarray, "windows runs"]


@dataclasses.dataclass(frozen=True)
class Snapshots:
    """Parameters during training."""

    step: Int[np.ndarray, " snaps"]
    """Number of updates before each snapshot; 0 is the initial state."""
    params: Params
    """Each of shape (snaps, runs, …)."""


@dataclasses.dataclass(frozen=True)
class ChunkReport:
    """What is known between two chunks."""

    blocks: Blocks
    step: int
    steps: int
    seconds: float
    """Wall-clock time of this chunk, compilation included."""
    loss: Float[np.ndarray, " runs"]
    """Mean over the last completed window; NaN before the first."""

    @property
    def state(self) -> TrainState:
        """Resumable; used up by the next chunk, so keep a copy of what you need."""
        return self.blocks.state

    @classmethod
    def of(cls, spec: TrainSpec, blocks: Blocks, seconds: float) -> "ChunkReport":
        """The report of blocks that `seconds` of work have led to."""
        losses = _window_losses(spec, blocks)[1]
        unknown = np.full(spec.runs, np.nan, np.float32)
        return cls(
            blocks=blocks,
            step=blocks.step,
            steps=spec.steps,
            seconds=seconds,
            loss=losses[-1] if len(losses) else unknown,
        )


@dataclasses.dataclass(frozen=True)
class Run:
    """A trained ensemble.

    Attributes:
        spec: what was asked for.
        params: NumPy arrays of shape (runs, …), by name.
        indices: (runs,) place of each run in the spec's ensemble.
        history: training loss over windows of steps.
        snapshots: parameters at the steps that the spec names.
        status: (runs,) 0 budget spent, 1 converged, 2 non-finite; see `status.py`.
        status_step: (runs,) the step of the status: last step, or first failure.
    """

    spec: TrainSpec
    params: Params
    indices: Int[np.ndarray, " runs"]
    history: History
    snapshots: Snapshots
    status: Int[np.ndarray, " runs"]
    status_step: Int[np.ndarray, " runs"]

    @property
    def runs(self) -> int:
        """Number of models held; fewer than `spec.runs` after `select`."""
        return len(self.status)

    def by_seed(
        self, array: Shaped[np.ndarray, "runs ..."]
    ) -> Shaped[np.ndarray, "seeds members ..."]:
        """An array over all runs of the spec, as (seeds, members, …)."""
        array = np.asarray(array)
        if len(array) != self.spec.runs:
            raise SettingsError(
                "array", f"{len(array)} entries", f"one for each of {self.spec.runs}"
            )
        return array.reshape(len(self.spec.seeds), self.spec.members, *array.shape[1:])

    def final_loss(
        self, batch: int = 16_384, seed: int = 1, *, relative: bool = False
    ) -> Float[np.ndarray, " runs"]:
        """Loss of every run of the spec on fresh samples, the same for all of them.

        Of a finite dataset the samples are its points; the loss on others is that of
        this run with another distribution in its spec.

        Args:
            batch: samples to average over, rounded up to whole training batches; of no
                account where every batch is the whole dataset.
            seed: of the evaluation samples, which training never saw.
            relative: divide by the loss of the all-zero prediction on these samples,
                which compares models of different n.

        Returns:
            The loss in the spec's convention; its standard error falls as 1/√batch.
            NaN for runs that became non-finite, whatever they are now.
        """
        if self.runs != self.spec.runs:
            raise SettingsError(
                "run", f"{self.runs} selected runs", "the whole ensemble"
            )
        plan, inputs = plan_of(self.spec), inputs_of(self.spec)
        whole = self.spec.features.whole_batch
        batches = 1 if whole else -(-check_count("batch", batch) // plan.batch)
        root = jax.random.key(self.spec.seed, impl=DEFAULT_GENERATOR)
        key = jax.random.fold_in(root, 2**31 + seed)
        members = self.spec.members

        def losses_of(block: Block) -> tuple[np.ndarray, np.ndarray]:
            runs = block.runs(members)
            part = {
                name: jax.device_put(value[runs]) for name, value in self.params.items()
            }
            of_block = block_inputs(inputs, block, members)
            loss, zero = _evaluate(plan, of_block, part, key, batches, block.seed_count)
            return np.asarray(loss), np.asarray(zero)

        loss, zero = np.empty((2, self.runs), np.float32)
        for block, found in by_block(losses_of, divide(self.spec)):
            loss[block.runs(members)], zero[block.runs(members)] = found
        if relative:
            with np.errstate(invalid="ignore", divide="ignore"):  # no importance at all
                loss = loss / zero
        return np.where(self.status == NON_FINITE, np.nan, loss)

    def select(self, indices: Sequence[int] | np.ndarray) -> "Run":
        """The runs at `indices`, in that order; the spec stays that of all."""
        chosen = np.asarray(indices)
        return dataclasses.replace(
            self,
            params={k: v[chosen] for k, v in self.params.items()},
            indices=self.indices[chosen],
            history=dataclasses.replace(
                self.history, loss=self.history.loss[:, chosen]
            ),
            snapshots=dataclasses.replace(
                self.snapshots,
                params={k: v[:, chosen] for k, v in self.snapshots.params.items()},
            ),
            status=self.status[chosen],
            status_step=self.status_step[chosen],
        )

    def best_indices(self, batch: int = 16_384) -> Int[np.ndarray, " members"]:
        """For each member, the run of the seed with the lowest final loss.

        Non-finite runs are never chosen while a finite one exists.
        """
        loss = self.by_seed(self.final_loss(batch))
        seed = np.argmin(np.where(np.isfinite(loss), loss, np.inf), axis=0)
        return seed * self.spec.members + np.arange(self.spec.members)

    def best(self, batch: int = 16_384) -> "Run":
        """One run for each member: the best of its restarts."""
        return self.select(self.best_indices(batch))

    def to_result(self) -> Result:
        """As named arrays and plain data, for the store."""
        arrays = {f"params/{k}": np.asarray(v) for k, v in self.params.items()}
        arrays |= {f"snapshots/{k}": v for k, v in self.snapshots.params.items()}
        arrays |= {
            "history/step": self.history.step,
            "history/loss": self.history.loss,
            "snapshot_step": self.snapshots.step,
            "indices": self.indices,
            "status": self.status,
            "status_step": self.status_step,
        }
        return Result(arrays=arrays, meta={"spec": to_json(self.spec)})

    @classmethod
    def from_result(cls, result: Result) -> "Run":
        """The inverse of `to_result`."""
        arrays = result.arrays
        return cls(
            spec=from_json(result.meta["spec"]),
            params=_with_prefix(arrays, "params/"),
            indices=arrays["indices"],
            history=History(arrays["history/step"], arrays["history/loss"]),
            snapshots=Snapshots(
                arrays["snapshot_step"], _with_prefix(arrays, "snapshots/")
            ),
            status=arrays["status"],
            status_step=arrays["status_step"],
        )


def _with_prefix(arrays: dict[str, np.ndarray], prefix: str) -> Params:
    return {
        k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)
    }


@functools.partial(jax.jit, static_argnums=(0, 4, 5))
def _evaluate(
    plan: Plan, inputs: Inputs, params: Params, key: Any, blocks: int, seeds: int
):
    """Mean loss over `blocks` batches, and that of the all-zero prediction.

    Every seed sees the same samples.
    """
    keys = jnp.broadcast_to(key, (seeds,))
    runs = inputs.learning_rate.shape[0]

    losses_of = functools.partial(losses, plan.model, plan.objective, runs=runs)

    def block(totals, index):
        x = sample(
            inputs.features, keys, index, members=runs // seeds, batch=plan.batch
        )
        both = jax.vmap(losses_of)(params, x, inputs.terms)
        return jax.tree.map(jnp.add, totals, both), None

    start = (jnp.zeros(runs), jnp.zeros(runs))
    totals, _ = jax.lax.scan(block, start, jnp.arange(blocks))
    return jax.tree.map(lambda total: total / blocks, totals)


def run_chunks(
    spec: TrainSpec,
    state: TrainState | None = None,
    *,
    chunk: int = CHUNK_STEPS,
    mesh: Mesh | None = None,
) -> Iterator[ChunkReport]:
    """Train, and report after every chunk.

    Several blocks are trained in threads, where JAX's settings hold but its context
    managers (`jax.default_matmul_precision`, `jax.debug_nans`) do not: use
    `jax.config.update` instead.

    Args:
        spec: what to train; its memory need is checked before anything runs.
        state: where to go on; from the beginning when None.
        chunk: steps between reports, ≥ 1. It does not change any number.
        mesh: devices to spread the runs over (`runs_mesh`); when None, all accelerators
            of this machine, or else the cores of its CPU.

    Yields:
        A report after each chunk; stop iterating to stop training. A finished state
        gives one report at once.
    """
    check_count("chunk", chunk)
    mesh = fitting_mesh(spec) if mesh is None else mesh
    check_memory(spec, mesh=mesh)
    state = init(spec) if state is None else state
    inputs, division = inputs_of(spec), divide(spec)
    if mesh is not None:
        inputs, state = place(spec, mesh, inputs, state)
        division = (undivided(spec),)
    blocks = Blocks.of(plan_of(spec), division, inputs, state)
    del inputs, state  # the blocks have their own; these would double the memory
    if is_complete(spec, blocks):
        yield ChunkReport.of(spec, blocks, seconds=0.0)
        return
    start = time.perf_counter()
    blocks = blocks.compiled()
    while not is_complete(spec, blocks):
        at = blocks.step
        # Early stops are decided at fixed steps, whatever the chunks are.
        limit = CHUNK_STEPS - at % CHUNK_STEPS if spec.early_stop else chunk
        blocks = blocks.advance(min(at + min(chunk, limit), spec.steps))
        yield ChunkReport.of(spec, blocks, time.perf_counter() - start)
        start = time.perf_counter()


def is_complete(spec: TrainSpec, state: TrainState | Blocks) -> bool:
    """Whether training has ended: all steps done, or flat where the spec stops then."""
    if int(state.step) >= spec.steps:
        return True
    if not spec.early_stop or int(state.step) % CHUNK_STEPS:
        return False
    failed = np.asarray(state.failed_at) >= 0
    return bool((has_converged(_window_losses(spec, state)[1]) | failed).all())


def _window_losses(
    spec: TrainSpec, state: TrainState | Blocks
) -> tuple[Int[np.ndarray, " windows"], Float[np.ndarray, "windows runs"]]:
    """Last step and mean loss of every completed window."""
    edges = window_ends(plan_of(spec))
    complete = int(np.searchsorted(edges, int(state.step), side="right"))
    counts = np.diff(edges, prepend=0)[:complete].astype(np.float32)
    sums = np.asarray(state.loss_sums)[:complete]
    return edges[:complete], sums / counts[:, None]


def finish(spec: TrainSpec, state: TrainState) -> Run:
    """The `Run` of a state, which may be that of an unfinished training."""
    steps, losses = _window_losses(spec, state)
    params = {name: np.asarray(value) for name, value in state.params.items()}
    # The loss is that before an update; the last one may have broken the parameters.
    broken = [~np.isfinite(v).reshape(len(v), -1).all(1) for v in params.values()]
    failed_at = np.asarray(state.failed_at)
    failed_at = np.where(
        np.any(broken, axis=0) & (failed_at < 0), int(state.step), failed_at
    )
    status = run_status(losses, failed_at)
    taken = sum(s <= int(state.step) for s in spec.snapshots)
    run = Run(
        spec=spec,
        params=params,
        indices=np.arange(spec.runs),
        history=History(step=steps, loss=losses),
        snapshots=Snapshots(
            step=np.asarray(spec.snapshots[:taken], int),
            params={k: np.asarray(v)[:taken] for k, v in state.snapshots.items()},
        ),
        status=status,
        status_step=np.where(failed_at >= 0, failed_at, int(state.step)),
    )
    warn_of_diverged(run)
    return run


def warn_of_diverged(run: Run) -> None:
    """Warn if some runs became non-finite."""
    bad = run.status == NON_FINITE
    if bad.any():
        warnings.warn(
            f"{bad.sum()} of {len(bad)} runs became non-finite, the first at step "
            f"{run.status_step[bad].min()}; run.status names them, a smaller learning "
            "rate may help",
            DivergedWarning,
            stacklevel=3,
        )


def train(spec: TrainSpec, *, mesh: Mesh | None = None) -> Run:
    """Train the ensemble that `spec` describes.

    Args:
        spec: settings.
        mesh: devices to spread the runs over, see `run_chunks`.

    Returns:
        The trained ensemble. Runs that diverged or did not converge are in it, with
        their status.

    Raises:
        SettingsError: the ensemble does not fit into memory.
    """
    last = collections.deque(run_chunks(spec, mesh=mesh), maxlen=1).pop()
    return finish(spec, last.state)
