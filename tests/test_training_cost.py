"""What a training step costs, told by the compiler instead of a stopwatch.

Costs are per number in a step's samples (runs · n · batch float32 numbers), so that
they depend neither on sizes nor on the machine:

    passes   bytes that the step reads and writes, over the bytes of the samples
    flops    floating-point operations, those of the five matrix products included
    arrays   peak temporary memory, over the bytes of the samples

`MEASURED` is what the compiler says; the tests allow 10 % more. A step that becomes
cheaper deserves lower bounds: to renew them, set SLACK to −1 and copy what the failures
say.
"""

import math
import re
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import toymodels as tm
from toymodels.training import run_chunks, state
from toymodels.training.blocks import Blocks, divide
from toymodels.training.state import advance, init, inputs_of, plan_of

SLACK = 0.1
COSTS = ("passes", "flops", "arrays")
# By (runs, n, d), stream and generator: the costs, in their order.
MEASURED = {
    (10, 5, 2, "independent", "threefry2x32"): (25.1, 67.6, 4.41),
    (400, 2, 1, "independent", "threefry2x32"): (25.1, 57.6, 4.07),
    (7, 20, 5, "independent", "threefry2x32"): (24.4, 97.6, 4.26),
    (20, 200, 20, "independent", "threefry2x32"): (23.9, 248.0, 4.10),
    (20, 200, 20, "independent", "counter_hash"): (20.4, 243.0, 4.85),
    (20, 200, 20, "shared", "threefry2x32"): (18.9, 234.0, 3.60),
}
CASE = next(iter(MEASURED))
BATCH = 1024


@pytest.fixture
def block_of(monkeypatch):
    """One block of a workload of the benchmark, as an ensemble of its own."""
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "benchmarks"))
    import ours
    import workloads

    def block(runs, n, d, stream="independent", generator="threefry2x32"):
        assert (runs, n, d) in {(w.runs, w.n, w.d) for w in workloads.WORKLOADS}

        def spec(runs):
            work = workloads.Workload(runs=runs, n=n, d=d, batch=BATCH, steps=10)
            return ours.spec_of(work, stream, repeats=2, generator=generator)

        whole = spec(runs)
        one = spec(divide(whole)[0].runs(whole.members).size)
        assert len(divide(one)) == 1
        return one

    return block


def compiled(spec, function=advance):
    """The program that trains an ensemble; nothing is allocated."""
    shapes = jax.eval_shape(lambda: (inputs_of(spec), init(spec)))
    until = jax.ShapeDtypeStruct((), jnp.int32)
    return function.lower(plan_of(spec), *shapes, until).compile()


def worse_advance():
    """A function of its own, since JAX remembers what `advance` was."""
    return jax.jit(
        lambda *given: advance.__wrapped__(*given), static_argnums=0, donate_argnums=2
    )


def costs_of(spec, program):
    # The loop's body is counted once, since its bound is not known.
    size = spec.runs * spec.model.n * spec.batch
    told = program.cost_analysis()
    return {
        "passes": told["bytes accessed"] / (4 * size),
        "flops": told["flops"] / size,
        "arrays": program.memory_analysis().temp_size_in_bytes / (4 * size),
    }


def over_bounds(case, found):
    bounds = {k: v * (1 + SLACK) for k, v in zip(COSTS, MEASURED[case], strict=True)}
    return {k: (found[k], bounds[k]) for k in COSTS if found[k] > bounds[k]}


def strided(program):
    """Arrays of the program in which neighbours in memory are of the same sample."""
    found = set()
    for dims, layout in re.findall(r"\w\[([\d,]+)\]\{([\d,]+)", program.as_text()):
        shape = [int(size) for size in dims.split(",")]
        # From the fastest axis on; those of size 1 have no neighbours.
        ordered = [shape[int(axis)] for axis in layout.split(",")]
        contiguous = next((size for size in ordered if size > 1), 1)
        if BATCH in shape and contiguous != BATCH:
            found.add(f"[{dims}]{{{layout}}}")
    return found


@pytest.mark.parametrize("case", MEASURED, ids=str)
def test_a_step_costs_no_more_than_recorded(case, block_of):
    spec = block_of(*case)
    program = compiled(spec)
    assert not over_bounds(case, costs_of(spec, program))
    assert not strided(program)


def test_two_draws_for_a_feature_would_be_seen(block_of, monkeypatch):
    once = state.sample

    def gates_and_values(features, keys, step, **sizes):
        gates = once(features, keys, step, **sizes) > 0
        return jnp.where(gates, once(features, keys, step + 1_000_000, **sizes), 0.0)

    monkeypatch.setattr(state, "sample", gates_and_values)
    spec = block_of(*CASE)
    worse = costs_of(spec, compiled(spec, worse_advance()))
    assert {"passes", "flops"} <= set(over_bounds(CASE, worse))


def test_samples_as_rows_would_be_seen(block_of, monkeypatch):
    def on_rows(model, objective, params, x, terms, noise, *, runs):
        importance = terms.importance

        def loss_of(params):
            rows, b = x.T, params["b"][None, :]
            output = jax.nn.relu(rows @ params["W"].T @ params["W"] + b)
            return (importance[None, :] * (rows - output) ** 2).mean()

        return jax.value_and_grad(loss_of)(params)

    monkeypatch.setattr(state, "loss_and_gradient", on_rows)
    assert strided(compiled(block_of(*CASE), worse_advance()))


def test_larger_intermediates_would_be_seen(block_of, monkeypatch):
    once = state.sample

    def median_of_three(features, keys, step, **sizes):
        draws = [once(features, keys, step + k, **sizes) for k in range(3)]
        return jnp.sort(jnp.stack(draws), axis=0)[1]

    monkeypatch.setattr(state, "sample", median_of_three)
    spec = block_of(*CASE)
    worse = costs_of(spec, compiled(spec, worse_advance()))
    assert "arrays" in over_bounds(CASE, worse)


def test_the_whole_state_is_updated_in_place(block_of):
    spec = block_of(*CASE)
    leaves = jax.tree.leaves(jax.eval_shape(lambda: init(spec)))
    size = sum(math.prod(leaf.shape) * leaf.dtype.itemsize for leaf in leaves)
    assert compiled(spec).memory_analysis().alias_size_in_bytes == size


def test_snapshots_are_recorded_in_place():
    def bytes_of(snapshots):
        spec = tm.TrainSpec(
            model=tm.Autoencoder(n=20, d=5),
            features=tm.IndependentFeatures(n=20, probability=0.1),
            batch=16,
            steps=1000,
            snapshots=tuple(range(1, snapshots + 1)),
        )
        program = compiled(spec)
        memory = program.memory_analysis().temp_size_in_bytes
        return np.array([program.cost_analysis()["bytes accessed"], memory])

    one = 4 * (20 * 5 + 20)
    assert np.all(bytes_of(500) - bytes_of(2) < one)


@pytest.fixture
def programs():
    """Names of the programs that JAX compiles, as it does."""
    found = []

    def listen(event, _, *, fun_name="", **__):
        if event == "/jax/core/compile/backend_compile_duration":
            found.append(fun_name)

    jax.monitoring.register_event_duration_secs_listener(listen)
    yield found
    jax.monitoring.unregister_event_duration_listener(listen)


def sweep(**changes):
    """An ensemble of sizes that no other test has, in several blocks."""
    settings = {
        "model": tm.Autoencoder(n=7, d=3),
        "features": tm.IndependentFeatures(
            n=7, probability=np.linspace(0.1, 0.9, 6)[:, None]
        ),
        "seeds": (0, 1),
        "steps": 23,
        "batch": 999,
        "history": 3,
    }
    return tm.TrainSpec(**{**settings, **changes})


def test_one_program_serves_all_chunks_blocks_and_settings(programs):
    assert len(divide(sweep())) > 1
    chunks = [report.step for report in run_chunks(sweep(), chunk=5)]
    assert chunks == [5, 10, 15, 20, 23]
    assert programs.count("jit(advance)") == 1
    tm.train(sweep())
    assert programs.count("jit(advance)") == 1
    programs.clear()
    tm.train(
        sweep(
            features=tm.IndependentFeatures(n=7, probability=0.5),
            members=6,
            importance=0.9 ** np.arange(7),
            learning_rate=np.geomspace(1e-4, 1e-2, 6),
            weight_decay=0.1,
            seeds=(5, 8),
            seed=1,
        )
    )
    assert programs == []
    tm.train(sweep(batch=998, steps=1))
    assert programs.count("jit(advance)") == 1


def test_a_chunk_takes_nothing_from_the_host(block_of):
    spec = block_of(*CASE)
    division = divide(spec)
    blocks = Blocks.of(plan_of(spec), division, inputs_of(spec), init(spec))
    until = jax.device_put(np.int32(3))
    with jax.transfer_guard("disallow"):
        done = advance(blocks.plan, blocks.inputs[0], blocks.states[0], until)
    assert int(done.step) == 3


def test_a_step_never_speaks_to_the_host(block_of):
    text = compiled(block_of(*CASE)).as_text()
    for word in ("custom-call", "infeed", "outfeed", "send(", "recv("):
        assert word not in text
