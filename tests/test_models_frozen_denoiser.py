"""The frozen denoiser (M2), and the choice of c_in and c_out."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import toymodels as tm
from toymodels.models import scan_grid, scan_scales

MODEL = tm.FrozenDenoiser(n=40, neurons=16, density=0.2)


def test_the_matrix_is_sparse_signed_and_frozen():
    model = tm.FrozenDenoiser(n=400, neurons=200, density=0.05)
    params = model.init(jax.random.key(0))
    E = np.asarray(params["E"])
    assert set(np.unique(E)) == {-1.0, 0.0, 1.0}
    assert (E != 0).mean() == pytest.approx(0.05, abs=4 * (0.05 / E.size) ** 0.5)
    assert E[E != 0].mean() == pytest.approx(0, abs=4 / (0.05 * E.size) ** 0.5)
    assert set(model.frozen) == set(params) == {"E", "c_in", "c_out"}


@pytest.mark.parametrize(
    ("changes", "sigma"),
    [
        ({}, lambda z: np.tanh(z) ** 3),
        (
            {"activation": "jumprelu", "threshold": 0.5},
            lambda z: np.where(z > 0.5, z, 0),
        ),
        ({"activation": "relu", "shift": -1.0}, lambda z: np.maximum(z - 1, 0)),
        ({"activation": "identity"}, lambda z: z),
    ],
)
def test_the_output_is_that_of_the_formula(changes, sigma):
    model = tm.FrozenDenoiser(n=12, neurons=6, density=0.4, **changes)
    params = model.init(jax.random.key(1))
    params |= {"c_in": jnp.float32(0.7), "c_out": jnp.float32(0.3)}
    x = np.random.default_rng(0).normal(size=(12, 5)).astype(np.float32)
    E = np.asarray(params["E"], float)
    expected = 0.3 * E.T @ sigma(0.7 * E @ x)
    np.testing.assert_allclose(model.apply(params, x), expected, atol=1e-5)
    hidden = model.encode(params, x)
    found = model.activations_from(params, "hidden", hidden, jnp.asarray(x))
    np.testing.assert_allclose(found["output"], expected, atol=1e-5)


def test_features_are_axes_of_the_input_and_columns_of_the_matrix():
    params = MODEL.init(jax.random.key(0))
    np.testing.assert_array_equal(MODEL.feature_directions(params, "input"), np.eye(40))
    np.testing.assert_array_equal(
        MODEL.feature_directions(params, "hidden"), params["E"]
    )
    assert MODEL.layers == ("input", "hidden")


def test_the_linear_control_is_linear_and_the_model_is_not():
    params = MODEL.init(jax.random.key(0))
    x = jax.random.normal(jax.random.key(1), (40, 8))
    for model, linear in ((MODEL.linear_control(), True), (MODEL, False)):
        twice = np.asarray(model.apply(params, 2 * x))
        assert np.allclose(twice, 2 * np.asarray(model.apply(params, x))) is linear
    shifted = tm.FrozenDenoiser(n=4, neurons=2, activation="relu", shift=-1.0)
    assert shifted.linear_control().shift == 0.0


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"density": 0.0}, "density"),
        ({"density": 1.5}, "density"),
        ({"neurons": 0}, "neurons"),
        ({"activation": "tanh"}, "tanh3"),
        ({"shift": np.nan}, "shift"),
    ],
)
def test_bad_settings_are_named(changes, match):
    with pytest.raises(tm.SettingsError, match=match):
        tm.FrozenDenoiser(**({"n": 4, "neurons": 2} | changes))


# --- the scan ------------------------------------------------------------------------


def drawn(runs=2, batch=200):
    params = jax.vmap(MODEL.init)(jax.random.split(jax.random.key(3), runs))
    rng = np.random.default_rng(0)
    on = np.argsort(rng.random((runs, 40, batch)), axis=1)[:, :2]
    x = rng.normal(0, 0.03**0.5, (runs, 40, batch))
    np.put_along_axis(x, on, np.take_along_axis(x, on, 1) + 1, 1)
    return params, jnp.asarray(x, jnp.float32), jnp.asarray(on, jnp.int32)


@pytest.mark.parametrize("on_weight", [1.0, 20.0])
def test_the_scan_is_least_squares_at_every_point(on_weight):
    params, x, on = drawn()
    grid = np.array([0.1, 0.5, 3.0])
    scan = scan_scales(MODEL, params, x, on, grid=grid, on_weight=on_weight)
    for run in range(2):
        E = np.asarray(params["E"][run], float)
        mask = np.zeros(x.shape[1:], bool)
        np.put_along_axis(mask, np.asarray(on[run]), True, 0)
        weight = np.where(mask, on_weight, 1.0)
        for point, c_in in enumerate(grid):
            z = E.T @ np.tanh(c_in * E @ np.asarray(x[run], float)) ** 3
            c_out = (weight * z * mask).sum() / (weight * z * z).sum()
            assert scan.c_out[run, point] == pytest.approx(c_out, rel=1e-3)
            loss = (weight * (mask - c_out * z) ** 2).sum() / (weight * mask).sum()
            assert scan.loss[run, point] == pytest.approx(loss, rel=1e-3)
            snr = z[mask].mean() / np.sqrt((z[~mask] ** 2).mean())
            assert scan.snr[run, point] == pytest.approx(snr, rel=1e-3)
            # Any other c_out is worse.
            worse = (weight * (mask - 1.1 * c_out * z) ** 2).sum()
            assert worse > (weight * (mask - c_out * z) ** 2).sum()


def test_the_chosen_scale_has_the_largest_ratio_and_does_not_depend_on_the_weight():
    params, x, on = drawn()
    first, second = (
        scan_scales(MODEL, params, x, on, grid=scan_grid(points=21), on_weight=weight)
        for weight in (1.0, 50.0)
    )
    np.testing.assert_array_equal(first.best(), second.best())
    np.testing.assert_allclose(first.at_best(first.snr), first.snr.max(axis=1))
    chosen = first.chosen(params)
    assert chosen["c_in"].shape == chosen["c_out"].shape == (2,)
    assert 0.05 < float(chosen["c_in"][0]) < 8
    assert (second.at_best(second.c_out) > first.at_best(first.c_out)).all()


def test_the_ratio_of_a_linear_model_does_not_depend_on_the_scale():
    params, x, on = drawn()
    scan = scan_scales(MODEL.linear_control(), params, x, on, grid=scan_grid(points=5))
    np.testing.assert_allclose(scan.snr, scan.snr[:, :1].repeat(5, 1), rtol=1e-3)
    assert np.ptp(scan_scales(MODEL, params, x, on, grid=scan_grid(points=5)).snr) > 0.1


def test_where_no_neuron_answers_the_ratio_is_zero():
    params, x, on = drawn()
    model = tm.FrozenDenoiser(
        n=40, neurons=16, density=0.2, activation="jumprelu", threshold=1.0
    )
    scan = scan_scales(model, params, x, on, grid=np.array([1e-3, 1.0]))
    np.testing.assert_array_equal(scan.snr[:, 0], 0)
    np.testing.assert_array_equal(scan.best(), 1)
    with pytest.raises(tm.SettingsError, match="grid"):
        scan_scales(model, params, x, on, grid=np.array([0.0, 1.0]))
