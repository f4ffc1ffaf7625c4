"""Constructed and trained universal ANDs against loops and closed forms."""

import dataclasses
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import toymodels as tm
from toymodels.config import SettingsError, from_json, to_json
from toymodels.models import PairwiseAnd, QuadraticAnd, UniversalAnd

N = 6
BOOLEANS = jnp.asarray(
    np.array(list(itertools.product((0.0, 1.0), repeat=N))).T, jnp.float32
)


def and_of(x: np.ndarray, gate: np.ndarray) -> np.ndarray:
    return np.prod([x[i] for i in gate], axis=0)


@pytest.mark.parametrize("fan_in", [2, 3])
def test_the_readoff_is_the_mean_over_neurons_that_read_every_input(fan_in):
    model = UniversalAnd(n=N, neurons=40, probability=0.5, fan_in=fan_in)
    params = model.init(jax.random.key(0))
    W, x = np.asarray(params["W1"]), np.asarray(BOOLEANS)
    z = np.maximum(W @ x - (fan_in - 1), 0)
    np.testing.assert_allclose(model.encode(params, BOOLEANS), z, atol=1e-6)
    gates = model.all_gates()
    assert len(gates) == model.outputs
    expected = []
    for gate in gates:
        reads = [k for k in range(40) if all(W[k, i] == 1 for i in gate)]
        expected.append(z[reads].mean(axis=0) if reads else np.zeros(x.shape[1]))
    out = model.apply(params, BOOLEANS)
    np.testing.assert_allclose(out, expected, atol=1e-5)
    np.testing.assert_allclose(
        model.readoff(params, jnp.asarray(z), gates), out, atol=1e-5
    )
    # A readoff is never below the truth, and exact where only its own inputs are on.
    truth = np.array([and_of(x, gate) for gate in gates])
    readable = np.asarray(model.readers(params, gates)).any(axis=1)
    assert (np.asarray(out)[readable] >= truth[readable] - 1e-6).all()
    for row in np.flatnonzero(readable):
        alone = np.zeros(N)
        alone[gates[row]] = 1
        column = int(np.flatnonzero((x == alone[:, None]).all(axis=0))[0])
        assert out[row, column] == pytest.approx(1.0)


def test_a_gate_that_nothing_reads_is_read_as_zero():
    model = UniversalAnd(n=3, neurons=2, probability=0.5)
    params = {"W1": jnp.asarray([[1.0, 1.0, 0.0], [1.0, 0.0, 0.0]])}
    out = model.apply(params, jnp.ones((3, 1)))
    np.testing.assert_array_equal(out[:, 0], [1.0, 0.0, 0.0])


def test_reading_weights_are_bernoulli_and_the_control_has_the_same():
    model = UniversalAnd(n=50, neurons=2_000, probability=0.1)
    W = np.asarray(model.init(jax.random.key(1))["W1"])
    assert set(np.unique(W)) == {0.0, 1.0}
    error = np.sqrt(0.1 * 0.9 / W.size)
    assert abs(W.mean() - 0.1) < 5 * error
    linear = model.linear_control()
    np.testing.assert_array_equal(linear.init(jax.random.key(1))["W1"], W)
    x = jnp.zeros((50, 1))
    np.testing.assert_array_equal(linear.encode({"W1": jnp.asarray(W)}, x), -1.0)


def test_superposed_inputs_are_read_through_the_embedding():
    model = UniversalAnd(n=30, neurons=20, probability=0.3, embedding=8)
    params = model.init(jax.random.key(2))
    E, W = np.asarray(params["E"], float), np.asarray(params["W1"], float)
    np.testing.assert_allclose(np.linalg.norm(E, axis=0), 1, rtol=1e-5)
    x = np.random.default_rng(0).random((30, 4)).astype(np.float32)
    expected = np.maximum(W @ (E.T @ (E @ x)) - 1, 0)
    np.testing.assert_allclose(model.encode(params, x), expected, atol=1e-4)


def test_a_bias_of_its_own_takes_the_place_of_minus_k_plus_one():
    model = UniversalAnd(n=4, neurons=3, probability=0.5, fan_in=3)
    assert model.threshold == 2.0
    assert dataclasses.replace(model, bias=-1.0).threshold == 1.0
    assert dataclasses.replace(model, bias=0.0).threshold == 0.0


def test_squares_span_all_products_of_two_readoffs():
    model = QuadraticAnd(n=N, rank=5)
    params = model.init(jax.random.key(3))
    E, x = np.asarray(params["E"], float), np.asarray(BOOLEANS, float)
    r = E.T @ (E @ x)
    i, j = np.triu_indices(N, 1)
    out = model.apply(params, BOOLEANS)
    np.testing.assert_allclose(out, r[i] * r[j], atol=1e-4)
    assert model.encode(params, BOOLEANS).shape[0] == model.neurons == 15
    assert model.outputs == 15
    linear = model.linear_control().apply(params, BOOLEANS)
    assert np.abs(np.asarray(linear) - r[i] * r[j]).max() > 0.1


def test_orthogonal_directions_make_squares_exact():
    model = QuadraticAnd(n=N, rank=N)
    out = model.apply({"E": jnp.eye(N)}, BOOLEANS)
    x = np.asarray(BOOLEANS)
    i, j = np.triu_indices(N, 1)
    np.testing.assert_allclose(out, x[i] * x[j], atol=1e-6)


def test_the_trained_model_is_two_layers_and_learns_pairs():
    model = PairwiseAnd(n=3, neurons=6)
    params = model.init(jax.random.key(4))
    x = BOOLEANS[:3]
    z = np.maximum(np.asarray(params["W1"]) @ x + np.asarray(params["b1"])[:, None], 0)
    out = np.asarray(params["W2"]) @ z + np.asarray(params["b2"])[:, None]
    np.testing.assert_allclose(model.apply(params, x), out, atol=1e-5)
    spec = tm.TrainSpec(
        model=model,
        features=tm.IndependentFeatures(n=3, probability=0.5, values="boolean"),
        objective=tm.Objective(target="pairwise_and"),
        optimiser=tm.preset("cis").optimiser,
        seeds=3,
        steps=800,
        batch=64,
    )
    loss = tm.train(spec).final_loss(2_048)
    assert np.min(loss) < 0.05
    linear = dataclasses.replace(spec, model=model.linear_control())
    assert np.min(tm.train(linear).final_loss(2_048)) > 0.1


@pytest.mark.parametrize(
    "model",
    [
        UniversalAnd(n=5, neurons=4, probability=0.5, embedding=3, bias=-1.0),
        QuadraticAnd(n=5, rank=3),
        PairwiseAnd(n=5, neurons=4),
    ],
    ids=lambda model: type(model).__name__,
)
def test_settings_round_trip_and_probes_can_ask_for_directions(model):
    assert from_json(to_json(model)) == model
    params = model.init(jax.random.key(0))
    assert model.feature_directions(params, "input").shape == (5, 5)
    hidden = model.feature_directions(params, "hidden")
    assert hidden is None or hidden.shape[1] == 5


@pytest.mark.parametrize(
    ("make", "field"),
    [
        (lambda: UniversalAnd(n=2, neurons=4, probability=0.5, fan_in=3), "fan_in"),
        (lambda: UniversalAnd(n=4, neurons=4, probability=0.0), "probability"),
        (lambda: UniversalAnd(n=4, neurons=4, probability=1.5), "probability"),
        (lambda: UniversalAnd(n=4, neurons=4, probability=0.5, embedding=-1), "embedd"),
        (lambda: QuadraticAnd(n=4, rank=1), "rank"),
        (lambda: QuadraticAnd(n=4, rank=2, activation="relu"), "activation"),
        (lambda: PairwiseAnd(n=1, neurons=4), "n:"),
    ],
)
def test_bad_settings_are_named(make, field):
    with pytest.raises(SettingsError, match=field):
        make()
