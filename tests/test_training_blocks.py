"""Blocks of runs: they cover an ensemble, and change it by no more than rounding."""

import os

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import toymodels as tm
from toymodels.training import blocks as blocks_module
from toymodels.training import run_chunks
from toymodels.training.blocks import Blocks, cores, divide
from toymodels.training.state import advance, init, inputs_of, plan_of

LAYOUTS = {
    "seeds alone": (7, 1),
    "members alone": (1, 7),
    "a few of each": (3, 4),
    "more members than a block": (2, 11),
}


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    """Blocks of about three runs at n = 5 and batch 32."""
    monkeypatch.setattr(blocks_module, "BLOCK_NUMBERS", 3 * 5 * 32)


def spec_of(seeds: int, members: int, **changes) -> tm.TrainSpec:
    """A short training with snapshots and a member-wise probability."""
    probability = np.geomspace(1, 0.1, members)[:, None]
    settings = {
        "model": tm.Autoencoder(n=5, d=2),
        "features": tm.IndependentFeatures(n=5, probability=probability),
        "learning_rate": np.linspace(1e-3, 2e-3, members),
        "seeds": seeds,
        "steps": 30,
        "batch": 32,
        "history": 3,
        "snapshots": (0, 10, 30),
    }
    return tm.TrainSpec(**(settings | changes))


def whole(spec: tm.TrainSpec, steps: int):
    """The plain way: one program for all runs."""
    return advance(plan_of(spec), inputs_of(spec), init(spec), jnp.int32(steps))


def leaves(state) -> list[np.ndarray]:
    """Every array of a state, keys as their words."""
    return [
        np.asarray(jax.random.key_data(leaf))
        if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)
        else np.asarray(leaf)
        for leaf in jax.tree.leaves(state)
    ]


def assert_same(state, other):
    """Every array of two states has the same bits."""
    for a, b in zip(leaves(state), leaves(other), strict=True):
        np.testing.assert_array_equal(a, b)


def assert_close(state, other):
    """Whole numbers, keys too, are the same; others up to the rounding of 30 steps."""
    for a, b in zip(leaves(state), leaves(other), strict=True):
        rounding = a.dtype.kind == "f"
        np.testing.assert_allclose(a, b, rtol=rounding * 1e-5, atol=rounding * 1e-7)


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_blocks_are_the_whole(layout):
    """A program of another shape may add in another order: XLA does not promise it."""
    spec = spec_of(*layout)
    assert len(divide(spec)) > 1
    *_, last = run_chunks(spec, chunk=7)
    assert_close(last.state, whole(spec, 30))


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_a_joined_state_goes_on(layout):
    spec = spec_of(*layout)
    half = next(run_chunks(spec, chunk=15))
    *_, last = run_chunks(spec, half.state)
    *_, uninterrupted = run_chunks(spec)
    assert_same(last.state, uninterrupted.state)


@pytest.mark.parametrize("seeds", [1, 2, 3, 10, 61])
@pytest.mark.parametrize("members", [1, 2, 5, 47, 400])
@pytest.mark.parametrize("batch", [1, 32, 1024])
def test_every_run_is_in_a_block_of_one_size(seeds, members, batch):
    spec = spec_of(seeds, members, batch=batch, snapshots=())
    blocks = divide(spec)
    places = [block.runs(members) for block in blocks]
    assert set(np.concatenate(places)) == set(range(seeds * members))
    assert len({len(p) for p in places}) == 1
    # A few runs may be computed twice, never more than half of them.
    assert sum(map(len, places)) <= 2 * seeds * members
    size = len(places[0])
    assert size == 1 or size * 5 * batch <= max(
        blocks_module.MOST_NUMBERS, blocks_module.FEWEST_RUNS * 5 * batch
    )


def test_blocks_do_not_depend_on_the_machine(monkeypatch):
    spec = spec_of(3, 4)
    blocks = divide(spec)
    *_, here = run_chunks(spec)
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: range(64), raising=False)
    assert divide(spec) == blocks
    monkeypatch.setattr(blocks_module, "cores", cores.__wrapped__)
    state = Blocks.of(plan_of(spec), blocks, inputs_of(spec), init(spec))
    assert_same(state.advance(30).state, here.state)


def test_a_large_run_is_not_divided_below_two():
    spec = spec_of(4, 1, batch=4096)
    assert [len(block.runs(1)) for block in divide(spec)] == [2, 2]


def test_an_error_in_a_block_is_raised(monkeypatch):
    def broken(*_):
        raise RuntimeError("out of memory")

    spec = spec_of(3, 4)
    monkeypatch.setattr(blocks_module, "advance", broken)
    with pytest.raises(RuntimeError, match="out of memory"):
        list(run_chunks(spec))
