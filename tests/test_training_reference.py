"""The compiled trainer against the NumPy model of `reference.py`, on equal samples."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from reference import AdamW, forward, gradient, loss

import toymodels as tm
from toymodels.training.state import init, inputs_of, sample

STEPS = 50


def spec_of(**changes):
    values = {
        "model": tm.Autoencoder(n=6, d=3),
        "features": tm.IndependentFeatures(n=6, probability=[[0.9], [0.1]]),
        "importance": 0.8 ** np.arange(6),
        "seeds": (3, 8),
        "steps": STEPS,
        "batch": 64,
        "snapshots": (0, 1, STEPS),
        "history": STEPS,
    }
    return tm.TrainSpec(**values | changes)


@pytest.mark.parametrize("relu", [True, False], ids=["relu", "linear"])
@pytest.mark.parametrize("exponent", [2.0, 4.0])
def test_fifty_steps_agree_with_numpy(relu, exponent):
    model = tm.Autoencoder(n=6, d=3)
    spec = spec_of(
        model=model if relu else model.linear_control(),
        objective=tm.Objective(exponent=exponent),
        learning_rate=[1e-3, 5e-3],
        weight_decay=[1e-2, 0.3],
    )
    run = tm.train(spec)
    state, inputs = init(spec), inputs_of(spec)
    importance = np.asarray(spec.importance, np.float64)
    samples = [
        np.asarray(
            sample(inputs.features, state.keys, jnp.int32(t), members=2, batch=64),
            np.float64,
        )
        for t in range(STEPS)
    ]
    for r in range(spec.runs):
        params = {k: np.asarray(v[r], np.float64) for k, v in state.params.items()}
        member = r % spec.members
        rule = AdamW([1e-3, 5e-3][member], [1e-2, 0.3][member])
        losses = []
        for x in samples:
            options = {"relu": relu, "exponent": exponent}
            losses.append(loss(params["W"], params["b"], x[r], importance, **options))
            dW, db = gradient(params["W"], params["b"], x[r], importance, **options)
            params = rule.update(params, {"W": dW, "b": db})
        # Float32 against float64: Adam divides by the root of tiny second moments, so
        # a rounding error of 1e-7 in a gradient grows to about 1e-5 in 50 steps.
        np.testing.assert_allclose(run.params["W"][r], params["W"], atol=2e-5)
        np.testing.assert_allclose(run.params["b"][r], params["b"], atol=2e-5)
        np.testing.assert_allclose(run.history.loss[:, r], losses, rtol=2e-4)


def test_hand_gradient_is_the_derivative():
    rng = np.random.default_rng(0)
    W, b = rng.normal(size=(3, 6)), rng.normal(size=6)
    x, importance = rng.uniform(size=(6, 16)), rng.uniform(size=6)
    dW, db = gradient(W, b, x, importance, exponent=3.0)
    for array, grad in ((W, dW), (b, db)):
        for place in np.ndindex(array.shape):
            ends = []
            for shift in (1e-6, -2e-6):
                array[place] += shift
                ends.append(loss(W, b, x, importance, exponent=3.0))
            array[place] += 1e-6
            assert (ends[0] - ends[1]) / 2e-6 == pytest.approx(grad[place], abs=1e-6)


def test_forward_of_untied_and_hidden_relu_models():
    rng = np.random.default_rng(1)
    x = rng.uniform(size=(6, 5)).astype(np.float32)
    model = tm.Autoencoder(n=6, d=3, hidden_activation="relu", tied=False)
    params = model.init(jax.random.key(0))
    W, W_out = np.asarray(params["W"]), np.asarray(params["W_out"])
    expected = np.maximum(W_out @ np.maximum(W @ x, 0), 0)
    np.testing.assert_allclose(model.apply(params, x), expected, atol=1e-6)
    tied = tm.Autoencoder(n=6, d=3)
    params = tied.init(jax.random.key(0))
    expected = forward(np.asarray(params["W"]), np.zeros(6), x)
    np.testing.assert_allclose(tied.apply(params, x), expected, atol=1e-6)


def test_computation_model_forward():
    rng = np.random.default_rng(2)
    x = rng.uniform(-1, 1, size=(4, 5)).astype(np.float32)
    model = tm.ComputationModel(n=4, neurons=7, residual=True)
    params = model.init(jax.random.key(0))
    W1, W2 = np.asarray(params["W1"]), np.asarray(params["W2"])
    expected = np.maximum(x + W2 @ np.maximum(W1 @ x, 0), 0)
    np.testing.assert_allclose(model.apply(params, x), expected, atol=1e-6)
    linear = model.linear_control().apply(params, x)
    np.testing.assert_allclose(linear, x + W2 @ (W1 @ x), atol=1e-6)
