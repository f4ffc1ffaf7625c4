"""Readoffs: exact thresholds of M1, hinges with known knees, additive regressions."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import toymodels as tm
from toymodels.config import SettingsError
from toymodels.probes import (
    Subject,
    additive_r2,
    expected_largest_readoff,
    fit_hinge,
    largest_readoff,
    random_directions,
    readoffs,
    real_bases,
    sweep_readoffs,
)


def tied(W, b, activation="relu"):
    d, n = np.shape(W)
    model = tm.Autoencoder(n=n, d=d, activation=activation)
    params = {"W": jnp.asarray(W, jnp.float32), "b": jnp.asarray(b, jnp.float32)}
    return Subject(model, params, "hidden")


@pytest.fixture
def random_model():
    rng = np.random.default_rng(0)
    return tied(rng.normal(size=(4, 9)) / 2, -rng.uniform(0.1, 0.4, 9))


# --- sweeps --------------------------------------------------------------------------


def test_a_readoff_is_a_dot_product_and_the_largest_is_of_either_sign():
    W = jnp.asarray([[1.0, 0.0, -3.0], [0.0, 2.0, 0.0]])
    h = jnp.asarray([[1.0, 0.5], [1.0, 0.0]])
    np.testing.assert_array_equal(readoffs(W, h), [[1, 0.5], [2, 0], [-3, -1.5]])
    np.testing.assert_array_equal(largest_readoff(W, h), [3.0, 1.5])


def test_random_readoffs_are_as_large_as_expected():
    n, d = 512, 64
    first, second = jax.random.split(jax.random.key(1))
    W, delta = random_directions(first, d, n), random_directions(second, d, 200)
    ratio = float(largest_readoff(W, delta).mean()) / expected_largest_readoff(n, d)
    assert 0.8 < ratio < 1.0


def test_a_sweep_sets_the_readoff_and_leaves_the_rest_of_h(random_model):
    W, b = (np.asarray(random_model.params[name], float) for name in "Wb")
    x = jax.random.uniform(jax.random.key(0), (9, 3))
    position = jnp.linspace(0.0, 1.0, 5)
    found = sweep_readoffs(random_model, x, random_model.params["W"], position)
    h = W @ np.asarray(x, float)
    outputs = []
    for share in (0.0, *np.asarray(position)):
        for i in range(9):
            square = W[:, i] @ W[:, i]
            moved = h + np.outer(W[:, i], share - (W[:, i] @ h) / square)
            outputs.append(np.maximum(W.T @ moved + b[:, None], 0.0))
    outputs = np.array(outputs).reshape(6, 9, 9, 3)
    own = np.einsum("siib->ibs", outputs[1:])
    total = np.linalg.norm(outputs[1:] - outputs[0], axis=2)
    np.testing.assert_allclose(found.own, own, atol=1e-5)
    np.testing.assert_allclose(found.total, np.moveaxis(total, 0, 2), atol=1e-5)


def test_the_knee_of_m1s_own_output_is_its_bias(random_model):
    position = jnp.linspace(0.0, 1.0, 81)
    W = random_model.params["W"]
    x = jax.random.uniform(jax.random.key(0), (9, 4))
    found = sweep_readoffs(random_model, x, W, position)
    fit = fit_hinge(position, found.own.mean(axis=1))
    square, threshold = jnp.sum(W**2, axis=0), -random_model.params["b"]
    inside = np.asarray(threshold / square) < 0.9
    knee = np.asarray(fit.knee * square)[inside]
    np.testing.assert_allclose(knee, np.asarray(threshold)[inside], rtol=1e-3)
    assert inside.sum() >= 5 and (np.asarray(fit.gain)[inside] > 10).all()
    linear = tied(W, random_model.params["b"], "identity")
    flat = fit_hinge(position, sweep_readoffs(linear, x, W, position).own.mean(axis=1))
    assert (np.asarray(flat.gain) < 0).all()


# --- hinges --------------------------------------------------------------------------


@pytest.mark.parametrize("knee", [0.05, 0.313, 0.7])
@pytest.mark.parametrize("slope", [3.0, -0.5])
def test_a_hinge_is_recovered(knee, slope):
    u = np.linspace(0.0, 1.0, 60)
    curve = 0.4 + slope * np.maximum(u - knee, 0)
    fit = fit_hinge(jnp.asarray(u, jnp.float32), jnp.asarray(curve, jnp.float32))
    assert float(fit.knee) == pytest.approx(knee, abs=1e-3)
    assert float(fit.slope) == pytest.approx(slope, rel=1e-2)
    assert float(fit.level) == pytest.approx(0.4, abs=1e-3)
    assert float(fit.gain) > 10


def test_bic_agrees_with_a_brute_force_search_under_noise():
    rng = np.random.default_rng(3)
    u = np.linspace(0.0, 2.0, 50)
    y = np.maximum(u - 0.8, 0) + 0.2 * rng.normal(size=50)
    rows = []
    for knee in np.linspace(0, u[-3], 4001):
        design = np.stack([np.ones(50), np.maximum(u - knee, 0)], axis=1)
        rows.append(((y - design @ np.linalg.lstsq(design, y)[0]) ** 2).sum())
    line = ((y - np.polyval(np.polyfit(u, y, 1), u)) ** 2).sum()
    gain = 50 * np.log(line / min(rows)) - np.log(50)
    fit = fit_hinge(jnp.asarray(u, jnp.float32), jnp.asarray(y, jnp.float32))
    assert float(fit.gain) == pytest.approx(gain, rel=1e-2)
    assert float(fit.knee) == pytest.approx(u[-3] * np.argmin(rows) / 4000, abs=2e-3)


def test_lines_and_constants_are_no_hinges_and_batches_are_as_single_curves():
    u = jnp.linspace(0.0, 1.0, 40)
    curves = jnp.stack([u, jnp.zeros(40), jnp.maximum(u - 0.5, 0), u**2])
    fit = fit_hinge(u, curves.reshape(2, 2, 40))
    gain = np.asarray(fit.gain)
    assert gain.shape == (2, 2)
    np.testing.assert_allclose(gain[0], -np.log(40), atol=0.01)
    assert (gain[1] > 10).all()
    alone = fit_hinge(u, curves[3])
    assert float(alone.knee) == pytest.approx(float(fit.knee[1, 1]), abs=1e-6)
    scaled = fit_hinge(u, 100.0 * curves[3] + 7.0)
    assert float(scaled.knee) == pytest.approx(float(alone.knee), abs=2e-3)


def test_too_few_points_are_refused():
    with pytest.raises(SettingsError, match="position"):
        fit_hinge(jnp.zeros(3), jnp.zeros(3))


# --- additive regressions ------------------------------------------------------------


def test_curves_explain_what_is_additive_and_a_line_does_not():
    p = jax.random.normal(jax.random.key(0), (3000, 3))
    y = jnp.maximum(p[:, [0]], 0) + jnp.abs(p[:, [1]])
    assert float(additive_r2(p, y)) > 0.99
    linear = float(additive_r2(p, y, knots=0))
    p, y = np.asarray(p), np.asarray(y)
    reference = np.linalg.lstsq(np.c_[np.ones(2100), p[:2100]], y[:2100])[0]
    left = y[2100:] - np.c_[np.ones(900), p[2100:]] @ reference
    assert linear == pytest.approx(float(1 - left.var() / y[2100:].var()), abs=0.01)
    assert linear < 0.6


def test_strangers_explain_nothing_and_groups_are_their_own():
    p = jax.random.normal(jax.random.key(0), (2000, 2))
    other = jax.random.normal(jax.random.key(1), (2000, 4))
    both = jnp.stack([jnp.concatenate([p, -p], axis=1), other], axis=1)
    found = np.asarray(additive_r2(p, both))
    assert found.shape == (2,)
    assert found[0] > 0.999 and abs(found[1]) < 0.05


def test_a_constant_predictor_does_no_harm_and_bad_shares_are_refused():
    p = jax.random.normal(jax.random.key(0), (500, 1))
    with_constant = jnp.concatenate([p, jnp.ones((500, 1))], axis=1)
    assert float(additive_r2(with_constant, p)) > 0.999
    with pytest.raises(SettingsError, match="train"):
        additive_r2(p[:3], p[:3], train=0.1)


# --- bases ---------------------------------------------------------------------------


def test_real_bases_have_an_active_feature_and_their_mean_distance(random_model):
    features = tm.IndependentFeatures(n=9, probability=0.03)
    x, unit = real_bases(random_model, features, jax.random.key(0), bases=20)
    assert x.shape == (9, 20) and (np.asarray(x) > 0).any(axis=0).all()
    h = np.asarray(random_model.activation(x))
    apart = np.linalg.norm(h[:, :, None] - h[:, None], axis=0)
    assert float(unit) == pytest.approx(apart.sum() / (20 * 19), rel=0.3)
