"""The residual denoiser against NumPy, and layers as probes see them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import toymodels as tm
from toymodels.models import ResidualDenoiser
from toymodels.probes import Subject

N, D, NEURONS, BLOCKS, BATCH = 7, 4, 5, 3, 6


def denoiser(**changes):
    sizes = {"n": N, "d": D, "neurons": NEURONS, "blocks": BLOCKS}
    return ResidualDenoiser(**sizes | changes)


def perturbed(model):
    """Parameters without a zero among the biases."""
    params = model.init(jax.random.key(0))
    keys = iter(jax.random.split(jax.random.key(1), len(params)))
    return {
        k: v + 0.1 * jax.random.normal(next(keys), v.shape) for k, v in params.items()
    }


def by_hand(model, params, x):
    p = {name: np.asarray(value, float) for name, value in params.items()}
    h = p["E"] @ np.asarray(x, float)
    stream = [h]
    for block in range(model.blocks):
        z = p["encoders"][block] @ h
        if "biases" in p:
            z = z + p["biases"][block][:, None]
        z = np.maximum(z, 0) if model.activation == "relu" else z
        h = h + p["decoders"][block] @ z
        stream.append(h)
    if model.normalise:
        h = (h - h.mean(axis=0)) / np.sqrt(h.var(axis=0) + 1e-5)
    return stream, p["U"] @ h + p["c"][:, None]


@pytest.mark.parametrize(
    "changes",
    [{}, {"block_bias": False}, {"normalise": True}, {"activation": "identity"}],
    ids=str,
)
def test_every_layer_is_that_of_numpy(changes):
    model = denoiser(**changes)
    params = perturbed(model)
    x = jax.random.normal(jax.random.key(2), (N, BATCH))
    stream, output = by_hand(model, params, x)
    np.testing.assert_allclose(model.apply(params, x), output, rtol=2e-4, atol=1e-5)
    for layer, expected in zip(model.layers, stream, strict=True):
        subject = Subject(model, params, layer)
        h = subject.activation(x)
        np.testing.assert_allclose(h, expected, rtol=2e-4, atol=1e-5)
        found = subject.forward(h, x)
        assert tuple(found) == subject.later
        np.testing.assert_allclose(found["output"], output, rtol=2e-4, atol=1e-5)


def test_the_control_is_affine():
    control = denoiser().linear_control()
    params = perturbed(control)
    x, y = jax.random.normal(jax.random.key(2), (2, N, BATCH))
    half = control.apply(params, (x + y) / 2)
    ends = (control.apply(params, x) + control.apply(params, y)) / 2
    np.testing.assert_allclose(half, ends, rtol=1e-4, atol=1e-5)
    model = denoiser()
    half = model.apply(params, (x + y) / 2)
    ends = (model.apply(params, x) + model.apply(params, y)) / 2
    assert not np.allclose(half, ends, rtol=1e-2)


def test_features_point_along_the_embedding():
    model = denoiser()
    params = model.init(jax.random.key(0))
    norms = np.linalg.norm(params["E"], axis=0)
    np.testing.assert_allclose(norms, 1, rtol=1e-6)
    for layer in model.layers:
        features = Subject(model, params, layer).features()
        np.testing.assert_allclose(features, params["E"], rtol=1e-6)


@pytest.mark.parametrize(
    "model",
    [
        tm.Autoencoder(n=N, d=D),
        tm.Autoencoder(n=N, d=D, hidden_activation="relu"),
        tm.ComputationModel(n=N, neurons=5),
        tm.ComputationModel(n=N, neurons=5, residual=True),
    ],
    ids=["M1", "M1h", "M4", "M4 residual"],
)
@pytest.mark.parametrize("layer", ["input", "hidden"])
def test_what_follows_from_the_real_activation_is_the_model(model, layer):
    params = model.init(jax.random.key(0))
    x = jax.random.normal(jax.random.key(1), (N, BATCH))
    subject = Subject(model, params, layer)
    h = subject.activation(x)
    found = subject.forward(h, x)
    np.testing.assert_allclose(found["output"], model.apply(params, x), rtol=1e-5)
    moved = subject.forward(h + 1.0, x)
    assert not np.allclose(moved["output"], found["output"])
    if "hidden" in found:
        np.testing.assert_allclose(found["hidden"], model.encode(params, x), rtol=1e-5)


def test_the_residual_stream_goes_around_the_neurons():
    model = tm.ComputationModel(n=N, neurons=5, residual=True, activation="identity")
    params = model.init(jax.random.key(0))
    x = jax.random.normal(jax.random.key(1), (N, BATCH))
    subject = Subject(model, params, "hidden")
    nothing = jnp.zeros((5, BATCH))
    np.testing.assert_allclose(subject.forward(nothing, x)["output"], x, rtol=1e-6)


def test_subjects_are_mapped_over_an_ensemble():
    model = denoiser()
    params = jax.vmap(model.init)(jax.random.split(jax.random.key(0), 3))
    x = jax.random.normal(jax.random.key(1), (N, BATCH))
    ensemble = Subject(model, params, "h1")
    found = jax.vmap(lambda one: one.activation(x))(ensemble)
    for run in range(3):
        alone = Subject(model, {k: v[run] for k, v in params.items()}, "h1")
        np.testing.assert_allclose(found[run], alone.activation(x), rtol=1e-5)


def test_a_layer_that_is_not_there_is_named():
    model = denoiser()
    with pytest.raises(tm.SettingsError, match="h0, h1, h2, h3"):
        Subject(model, {}, "h4")


def test_features_are_unit_and_nothing_stays_nothing():
    model = tm.Autoencoder(n=3, d=2)
    W = jnp.asarray([[3.0, 0.0, 1.0], [4.0, 0.0, 0.0]])
    found = Subject(model, {"W": W, "b": jnp.zeros(3)}, "hidden").features()
    np.testing.assert_allclose(found, [[0.6, 0, 1], [0.8, 0, 0]], rtol=1e-6)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"blocks": 0}, "blocks"),
        ({"head": "sigmoid"}, "head"),
        ({"activation": "rleu"}, "activation"),
        ({"neurons": -1}, "neurons"),
    ],
)
def test_bad_settings_are_named(changes, field):
    with pytest.raises(tm.SettingsError, match=field):
        denoiser(**changes)
