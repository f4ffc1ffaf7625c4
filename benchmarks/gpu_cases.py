"""What is trained on a GPU, and what it costs at least.

The four workloads of the benchmark, the phase diagram of TMS-6 (21 × 21 cells, ten
restarts), and one model of the size of Henighan et al. 2023 (n = 10,000 features,
S = 0.999, unit-norm samples, the whole dataset in every step).

Letters as in `workloads.py`; T data points.
"""

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

import toymodels as tm
from ours import spec_of
from toymodels.training.batch_loss import rows_in_block
from toymodels.training.state import advance, init, inputs_of, plan_of
from workloads import WORKLOADS


@dataclass(frozen=True)
class Case:
    """A training, and how much of it is measured.

    Attributes:
        name: as tables show it.
        spec: what is trained; at most `spec.steps` are measured.
        chunk: steps in each timed repeat.
        operations: floating-point operations of a step's matrix products.
    """

    name: str
    spec: tm.TrainSpec
    chunk: int
    operations: int

    def bytes(self) -> float:
        """Bytes that one step of the compiled program reads and writes."""
        if not isinstance(self.spec.features, tm.FiniteDataset):
            return _bytes_of_step(self.spec)
        # The compiler counts a loop's body once, and there is one loop over parts of
        # the batch: a step whose batch is one part stands for all of them.
        data = self.spec.features
        part = min(rows_in_block(data.n, self.spec.runs), data.points)
        one = dataclasses.replace(
            data,
            index=data.index[:part],
            value=data.value[:part],
            counts=data.counts[:part],
        )
        spec = dataclasses.replace(self.spec, features=one, batch=part)
        return _bytes_of_step(spec) * data.points / part


def cases(*, smoke: bool, repeats: int) -> Iterator[Case]:
    """All of them; tiny ones for `smoke`."""
    scale = 100 if smoke else 1
    for work in WORKLOADS:
        steps = max(10 * work.steps // scale, 2)
        runs = max(work.runs // (10 if smoke else 1), 2)
        work = dataclasses.replace(work, runs=runs, steps=steps)
        for generator in ("threefry2x32", "counter_hash"):
            spec = spec_of(work, "independent", repeats + 1, generator)
            name = f"({work.runs}, {work.n}, {work.d}), {generator}"
            yield Case(name, spec, steps, work.product_operations)
    yield _phase_diagram(cells=3 if smoke else 21, chunk=2_000 // scale)
    yield _many_features(
        n=300 if smoke else 10_000, points=50 if smoke else 10_000, chunk=200 // scale
    )


def _phase_diagram(cells: int, chunk: int) -> Case:
    p, r = np.meshgrid(np.geomspace(1, 0.01, cells), np.geomspace(0.1, 10, cells))
    spec = tm.TrainSpec(
        model=tm.Autoencoder(n=2, d=1),
        features=tm.IndependentFeatures(n=2, probability=p.reshape(-1, 1)),
        importance=np.stack([np.ones(p.size), r.ravel()], axis=1),
        seeds=10,
        steps=5 * chunk,
    )
    name = f"phase diagram, {cells}² cells × 10"
    # Two products forward, three backward, each of 2 n d operations a sample.
    return Case(name, spec, chunk, 5 * 2 * 2 * spec.batch * spec.runs)


def _many_features(n: int, points: int, chunk: int) -> Case:
    sparse = tm.UnitNorm(base=tm.IndependentFeatures(n=n, probability=10 / n))
    d = 10
    spec = tm.TrainSpec(
        model=tm.Autoencoder(n=n, d=d),
        features=tm.sample_dataset(sparse, points=points, seed=0),
        optimiser=tm.preset("dd").optimiser,
        seeds=1,
        steps=50_000,
        batch=points,
    )
    # Encoding touches the ten features of a sample; the decoder and its two gradients
    # are products of full size.
    name = f"n {n:,}, T {points:,}, d {d}"
    return Case(name, spec, chunk, 3 * 2 * n * d * points)


def _bytes_of_step(spec: tm.TrainSpec) -> float:
    """As one block of runs, which an ensemble is on an accelerator."""
    shapes = jax.eval_shape(lambda: (inputs_of(spec), init(spec)))
    until = jax.ShapeDtypeStruct((), jnp.int32)
    program = advance.lower(plan_of(spec), *shapes, until).compile()
    told = program.cost_analysis() or {}
    return told["bytes accessed"]
