"""Training on sparse rows in blocks: the same as on a dense array, never having one."""

import dataclasses
import functools
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import toymodels as tm
from toymodels.training import batch_loss
from toymodels.training.batch_loss import LossTerms, loss_and_gradient, losses
from toymodels.training.state import init, inputs_of, plan_of, step

N, POINTS = 13, 11
DATA = tm.sample_dataset(
    tm.UnitNorm(base=tm.IndependentFeatures(n=N, probability=0.2)),
    points=POINTS,
    seed=0,
)


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    """Three samples of one run, so that the last block is not full; none is kept."""
    monkeypatch.setattr(batch_loss, "BLOCK_NUMBERS", 3 * N)
    monkeypatch.setattr(batch_loss, "KEPT_NUMBERS", 0)


def model(**changes):
    return tm.Autoencoder(**{"n": N, "d": 4, **changes})


def spec_of(features=DATA, **changes):
    values = {
        "model": model(),
        "features": features,
        "importance": 0.9 ** np.arange(N),
        "optimiser": tm.Optimiser(learning_rate=1e-2),
        "seeds": 2,
        "steps": 30,
        "batch": POINTS,
        "history": 30,
    }
    return tm.TrainSpec(**values | changes)


MODELS = {
    "tied": model(),
    "hidden relu": model(hidden_activation="relu"),
    "linear": model().linear_control(),
    "no bias": model(bias=False),
    "untied": model(tied=False),
    "output mixes features": model(activation="solu_layernorm"),
    "another kind": tm.ComputationModel(n=N, neurons=4),
}


# Every model, and every convention and exponent.
CASES = [(name, "sum", 2.0) for name in MODELS]
CASES += [("tied", "mean", 3.0), ("tied", "sum", 1.0)]


@pytest.mark.parametrize(("name", "kind", "exponent"), CASES)
def test_loss_and_gradient_are_those_of_a_dense_array(name, kind, exponent):
    one, objective = MODELS[name], tm.Objective(kind=kind, exponent=exponent)
    counts = np.arange(POINTS) % 4
    data = dataclasses.replace(DATA, counts=counts)
    x = jnp.asarray(np.repeat(DATA.dense(), counts, axis=1))
    # Away from zero, so that no unit sits at the kink of its ReLU.
    params = jax.tree.map(
        lambda p: p + 0.1 * jnp.sin(jnp.arange(p.size)).reshape(p.shape),
        one.init(jax.random.key(1)),
    )
    importance = jnp.linspace(0.5, 1.5, N)

    @jax.jit
    def sparse(params):
        rows = data.draw(jax.random.key(0), POINTS)
        settings = (one, objective, params, rows, LossTerms(importance))
        return loss_and_gradient(*settings, runs=1), losses(*settings, runs=1)

    @jax.jit
    def dense(params):
        def loss_of(params):
            return objective.loss(x, one.apply(params, x), importance)

        zero = objective.loss(x, jnp.zeros_like(x), importance)
        return jax.value_and_grad(loss_of)(params), zero

    (loss, gradient), both = sparse(params)
    (expected, slope), zero = dense(params)
    np.testing.assert_allclose(loss, expected, rtol=1e-5)
    np.testing.assert_allclose(both, (expected, zero), rtol=1e-5)
    for key, value in slope.items():
        size = np.abs(value).max()
        np.testing.assert_allclose(gradient[key], value, atol=2e-6 * size)


@pytest.mark.slow
def test_an_ensemble_with_copies_takes_the_steps_of_a_dense_one():
    data = DATA.repeated([1, 10], point=3)
    sparse = tm.train(spec_of(data))
    for member, copies in enumerate([1, 10]):
        # Noise of no size makes dense samples, one for each copy.
        single = tm.NoisyFeatures(base=data.member(member), scale=0.0)
        dense = tm.train(spec_of(single, batch=POINTS - 1 + copies))
        W = sparse.by_seed(sparse.params["W"])[:, member]
        np.testing.assert_allclose(W, dense.params["W"], atol=2e-5)
        loss = sparse.history.loss.reshape(30, 2, 2)[:, :, member]
        np.testing.assert_allclose(loss, dense.history.loss, rtol=1e-4)
    assert np.abs(sparse.params["W"][1] - sparse.params["W"][0]).max() > 0.01


def test_random_rows_are_those_of_dense_samples(monkeypatch):
    data = dataclasses.replace(DATA, order="random").repeated([1, 9])
    spec = spec_of(data, batch=7)
    plan, inputs = plan_of(spec), inputs_of(spec)
    sparse_step = jax.jit(functools.partial(step, plan))
    state, info = sparse_step(inputs, init(spec))
    _, later = sparse_step(inputs, state)
    monkeypatch.setattr(tm.FiniteDataset, "draw", tm.FeatureDistribution.draw)
    dense, expected = jax.jit(functools.partial(step, plan))(inputs, init(spec))
    np.testing.assert_allclose(info.loss, expected.loss, rtol=1e-5)
    np.testing.assert_allclose(state.params["W"], dense.params["W"], atol=1e-5)
    # Another step sees other rows.
    assert np.all(np.abs(later.loss - info.loss) > 1e-4)


@pytest.mark.slow
def test_the_size_of_a_block_is_only_rounding(monkeypatch):
    few = tm.train(spec_of())
    monkeypatch.setattr(batch_loss, "BLOCK_NUMBERS", 10**6)
    jax.clear_caches()
    whole = tm.train(spec_of())
    np.testing.assert_allclose(few.params["W"], whole.params["W"], atol=2e-5)
    jax.clear_caches()


def test_a_set_that_is_written_out_differs_by_rounding(monkeypatch):
    spec = spec_of(DATA.repeated([1, 10], point=3))
    divided = tm.train(spec)
    jax.clear_caches()
    monkeypatch.setattr(batch_loss, "KEPT_NUMBERS", 4 * N * POINTS)
    kept = tm.train(spec)
    # 30 steps of Adam, which divides by the root of small numbers.
    np.testing.assert_allclose(kept.params["W"], divided.params["W"], atol=2e-5)
    np.testing.assert_allclose(kept.history.loss, divided.history.loss, rtol=1e-4)
    jax.clear_caches()


def test_the_final_loss_is_that_of_the_dataset():
    data = DATA.repeated(5, point=1)
    run = tm.train(spec_of(data, importance=1.0))
    x = np.repeat(data.dense(), data.counts, axis=1)
    for r, loss in enumerate(run.final_loss(100_000)):
        params = {k: v[r] for k, v in run.params.items()}
        out = run.spec.model.apply(params, x)
        assert loss == pytest.approx(
            float(((x - out) ** 2).sum(axis=0).mean()), rel=1e-5
        )
    # Every point has length 1, so predicting zero scores exactly 1.
    zeros = tm.train(
        spec_of(data, importance=1.0, steps=1, model=model(init_name="zeros"))
    )
    np.testing.assert_allclose(zeros.history.loss, 1, rtol=1e-6)
    relative = run.final_loss(relative=True)
    np.testing.assert_allclose(relative, run.final_loss(), rtol=1e-5)


def test_no_array_of_a_step_has_all_features_of_all_points():
    n, points = 97, 89
    data = tm.sample_dataset(
        tm.IndependentFeatures(n=n, probability=0.02), points=points, seed=0
    )

    def shapes(features):
        spec = spec_of(
            features, model=model(n=n), batch=points, importance=1.0, seeds=1
        )
        program = jax.jit(step, static_argnums=0).lower(
            plan_of(spec), inputs_of(spec), init(spec)
        )
        text = program.compile().as_text()
        return [
            [int(size) for size in dims.split(",")]
            for dims in re.findall(r"f32\[([\d,]+)\]", text)
        ]

    largest = max(np.prod(shape) for shape in shapes(data))
    assert largest < n * points / 4
    dense = shapes(tm.NoisyFeatures(base=data, scale=0.0))
    assert max(np.prod(shape) for shape in dense) >= n * points


def test_a_full_dataset_wants_its_own_batch():
    with pytest.raises(tm.SettingsError, match="batch: got 1024, expected the 11 poin"):
        spec_of(batch=1024)
    assert spec_of(tm.NoisyFeatures(base=DATA, scale=0.1), batch=1024).batch == 1024
