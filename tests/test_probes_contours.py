"""Boundary radii: functions whose contours are known, a plain grid, and bad input."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import toymodels as tm
from toymodels.probes import (
    Level,
    Rays,
    Subject,
    boundary_radii,
    check_planes,
    feature_planes,
    fit_superellipse,
    level_responses,
    misaligned,
    output_of,
    pick_pairs,
    plane,
    plateau_height,
    random_planes,
    ray_responses,
)
from toymodels.probes.exponents import draw_planes, plane_contours, summarise

RAYS = Rays(reach=4.0, angles=13, coarse=16, halvings=8)


def axes(d=5, pairs=2):
    """Planes of the first axis with each of the next."""
    eye = jnp.eye(d)
    return jnp.tile(eye[:, :1], (1, pairs)), eye[:, 1 : 1 + pairs]


def radii_of(response, tau, rays=RAYS, h=None, d=5):
    u, v = axes(d)
    h = jnp.zeros((d, 2)) if h is None else h
    levels = jnp.broadcast_to(jnp.asarray(tau, jnp.float32)[:, None], (len(tau), 2))
    return np.asarray(boundary_radii(response, h, h, u, v, levels, rays))


# --- contours that are known ---------------------------------------------------------


def test_a_linear_map_has_the_ellipses_of_its_quadratic_form():
    scale = jnp.asarray([2.0, 0.5, 1.0, 1.0, 1.0])[:, None]
    found = radii_of(lambda h, x: scale * h, [0.7, 1.4])
    phi = RAYS.phi()
    for pair, second in enumerate((0.5, 1.0)):
        unit = 1 / np.sqrt((2 * np.cos(phi)) ** 2 + (second * np.sin(phi)) ** 2)
        np.testing.assert_allclose(found[0, pair], 0.7 * unit, rtol=1e-4)
        np.testing.assert_allclose(found[1, pair], 1.4 * unit, rtol=1e-4)
    np.testing.assert_allclose(fit_superellipse(phi, found).exponent, 2, rtol=1e-3)


@pytest.mark.parametrize("power", [1.5, 2.0, 3.0])
def test_a_response_of_powers_has_the_exponent_of_twice_that_power(power):
    # ‖(|x|^k, |y|^k)‖₂ = τ is |x|^2k + |y|^2k = τ².
    found = radii_of(lambda h, x: jnp.abs(h) ** power, [1.0])
    p = fit_superellipse(RAYS.phi(), found).exponent
    np.testing.assert_allclose(p, 2 * power, rtol=2e-3)


def test_a_jump_is_found_to_within_the_last_bracket():
    found = radii_of(lambda h, x: jnp.where(h > 0.913, 5.0, 0.0), [1.0])
    along = found[0, 0, [0, -1]]
    np.testing.assert_allclose(along, 0.913, atol=4 / 16 / 2**8)


def test_the_first_crossing_counts_where_the_response_returns():
    found = radii_of(lambda h, x: jnp.sin(2 * h), [0.5])
    assert found[0, 0, 0] == pytest.approx(np.pi / 12, abs=1e-3)


def test_where_there_is_no_boundary_the_radius_is_nan_and_is_counted():
    found = radii_of(lambda h, x: jnp.tanh(h), [0.9, 1.2])
    assert np.isfinite(found[0]).all()
    np.testing.assert_array_equal(np.isnan(found[1])[:, [0, 6, -1]], [[1, 0, 1]] * 2)
    told = summarise(RAYS.phi(), found)
    np.testing.assert_allclose(told.unreached, [0, 1])
    assert np.isnan(told.exponent[1]) and told.exponent[0] < 2


def test_the_change_is_taken_from_the_activation_itself():
    h = jnp.zeros((5, 2)).at[0].set(1.0)
    found = radii_of(lambda h, x: jax.nn.relu(h - 1.5), [0.25], h=h)
    assert found[0, 0, 0] == pytest.approx(0.75, rel=1e-4)
    assert found[0, 0, -1] == pytest.approx(1.75, rel=1e-4)


# --- against a plain grid ------------------------------------------------------------


def test_radii_agree_with_a_grid_in_numpy_to_within_its_step(monkeypatch):
    benchmarks = __file__.rpartition("tests")[0] + "benchmarks"
    monkeypatch.syspath_prepend(benchmarks)
    import contours

    settings = contours.Settings(n=64, neurons=32, pairs=4, angles=7, steps=400)
    task = contours.make_task(settings)
    ours, grid = contours.our_radii(task)(), contours.numpy_radii(task, 400)
    np.testing.assert_array_equal(np.isnan(ours), np.isnan(grid))
    step = settings.reach / settings.steps
    both = np.isfinite(ours)
    assert both.mean() > 0.5
    assert ((grid - ours)[both] > -0.02 * step).all()
    assert ((grid - ours)[both] < 1.02 * step).all()


# --- planes --------------------------------------------------------------------------


def test_planes_that_are_none_are_refused():
    u, v = axes()
    check_planes(u, v)
    with pytest.raises(tm.SettingsError, match=r"u\[:, 0\]: .*length 2"):
        check_planes(2 * u, v)
    with pytest.raises(tm.SettingsError, match="orthogonal"):
        check_planes(u, (u + v) / 2**0.5)
    with pytest.raises(tm.SettingsError, match="parallel"):
        plane(u, -3 * u)
    with pytest.raises(tm.SettingsError, match="parallel or zero"):
        plane(u, 0 * v)
    with pytest.raises(tm.SettingsError, match="length nan"):
        check_planes(u * jnp.nan, v)


def test_a_plane_is_orthonormal_and_spans_the_same():
    rng = np.random.default_rng(0)
    a, b = jnp.asarray(rng.normal(size=(2, 6, 3)), jnp.float32)
    u, v = plane(a, b)
    check_planes(u, v)
    for k in range(3):
        spanned = np.stack([u[:, k], v[:, k]], 1)
        rest = a[:, k] - spanned @ (spanned.T @ np.asarray(a[:, k]))
        assert np.abs(rest).max() < 1e-5


@pytest.mark.parametrize("angle", [0, 30, 90])
def test_a_direction_is_turned_by_the_angle(angle):
    u, v = axes(40)
    w, _ = random_planes(jax.random.key(0), 40, 2)
    w = w.at[1:3].set(0.0)  # orthogonal to v, so nothing is turned back
    turned, kept = misaligned(u, w, v, angle)
    cosine = np.asarray((turned * u).sum(axis=0))
    np.testing.assert_allclose(cosine, np.cos(np.deg2rad(angle)), atol=1e-5)
    check_planes(turned, kept)


def test_pairs_are_different_allowed_and_as_orthogonal_as_can_be():
    directions = jnp.asarray([[1.0, 0.0, 0.6, 0.0], [0.0, 1.0, 0.8, 1.0]])
    allowed = jnp.ones((4, 30), bool).at[1].set(False)
    ends = np.asarray(pick_pairs(jax.random.key(0), directions, allowed))
    assert {tuple(sorted(pair)) for pair in ends.T} == {(0, 3)}
    both = jnp.ones((4, 200), bool)
    ends = np.asarray(pick_pairs(jax.random.key(0), jnp.eye(4), both, tries=1))
    assert (ends[0] != ends[1]).all() and len(np.unique(ends)) == 4
    u, v = feature_planes(directions, jnp.asarray([[2], [0]]))
    check_planes(u, v)
    np.testing.assert_allclose(v[:, 0], directions[:, 0])


# --- thresholds ----------------------------------------------------------------------


def test_levels_are_shares_of_the_plateau_and_of_the_peak():
    rays = Rays(reach=2.0, angles=3, coarse=8)
    scale = jnp.asarray([1.0, 3.0, 5.0])[:, None]
    u = jnp.eye(3)[:, [0]]
    h = jnp.zeros((3, 1))
    levels = (
        Level(kind="plateau", value=0.5),
        Level(kind="peak", value=0.25),
        Level(kind="absolute", value=0.1),
    )
    found = level_responses(
        lambda h, x: scale * h,
        h,
        h,
        random=u,
        features=jnp.eye(3)[:, [2]],
        levels=levels,
        rays=rays,
    )
    # Along the first axis the last quarter of the radii is 1.75 and 2.
    np.testing.assert_allclose(found, [0.5 * 1.875, 0.25 * 10, 0.1], rtol=1e-5)
    along = ray_responses(lambda h, x: scale * h, h, h, u, rays)
    assert float(plateau_height(along)) == pytest.approx(1.875)
    assert [str(level) for level in levels] == ["0.5 of plateau", "0.25 of peak", "0.1"]


def test_bad_settings_are_named():
    with pytest.raises(tm.SettingsError, match="plateau"):
        Level(kind="plato")
    with pytest.raises(tm.SettingsError, match="value"):
        Level(value=0.0)
    with pytest.raises(tm.SettingsError, match="reach"):
        Rays(reach=0.0)
    with pytest.raises(tm.SettingsError, match="angles"):
        Rays(angles=2)


# --- subjects ------------------------------------------------------------------------


def test_a_later_layer_or_probabilities_are_compared_and_others_are_refused():
    model = tm.ResidualDenoiser(n=6, d=4, neurons=5, blocks=2)
    subject = Subject(model, model.init(jax.random.key(0)), "h1")
    h, x = jnp.ones((4, 3)), jnp.zeros((6, 3))
    logits = output_of(subject)(h, x)
    assert output_of(subject, "h2")(h, x).shape == (4, 3)
    found = output_of(subject, "probability")(h, x)
    np.testing.assert_allclose(found, 1 / (1 + np.exp(-np.asarray(logits))), rtol=1e-5)
    with pytest.raises(tm.SettingsError, match="output: got 'h1'"):
        output_of(subject, "h1")
    linear = Subject(tm.Autoencoder(n=4, d=2), {}, "input")
    with pytest.raises(tm.SettingsError, match="probability"):
        output_of(linear, "probability")
    softmax = tm.ResidualDenoiser(n=6, d=4, neurons=5, blocks=2, head="softmax")
    subject = Subject(softmax, softmax.init(jax.random.key(0)), "h1")
    total = np.asarray(output_of(subject, "probability")(h, x)).sum(axis=0)
    np.testing.assert_allclose(total, 1, rtol=1e-5)


def test_a_median_over_less_than_half_of_the_pairs_is_none():
    phi = np.linspace(0, np.pi / 2, 9)
    radii = np.ones((2, 4, 9))  # two sets of four circles
    radii[0, :2, 0] = np.nan
    radii[1, :3, 0] = np.nan
    found = summarise(phi, radii)
    np.testing.assert_allclose(found.exponent, [2.0, np.nan], rtol=1e-3)
    np.testing.assert_allclose(found.unreached, [0.5, 0.75])


def test_mapped_over_models_the_radii_are_those_of_each():
    model = tm.FrozenDenoiser(n=20, neurons=10, density=0.2)
    params = jax.vmap(model.init)(jax.random.split(jax.random.key(0), 2))
    x = jnp.zeros((20, 3)).at[:2].set(1.0)
    rays = Rays(reach=3.0, angles=4, coarse=8)
    levels = (Level(), Level(kind="peak"))

    def of_model(one):
        subject = Subject(model, one, "input")
        u, v = draw_planes(jax.random.key(5), subject.features(), x == 0)
        return plane_contours(subject, x, u, v, levels=levels, rays=rays)

    tau, radii = jax.jit(lambda p: jax.lax.map(of_model, p))(params)
    assert radii.shape == (2, 2, 2, 3, 4) and tau.shape == (2, 2)
    for run in range(2):
        alone = of_model({name: value[run] for name, value in params.items()})
        np.testing.assert_allclose(radii[run], alone[1], rtol=1e-4)
    assert not np.allclose(radii[0], radii[1], equal_nan=True)


def test_lengths_are_counted_in_the_unit():
    model = tm.Autoencoder(n=4, d=2, activation="identity", bias=False)
    params = {"W": jnp.asarray([[1.0, 0, 0, 0], [0, 1.0, 0, 0]])}
    subject = Subject(model, params, "hidden")
    u, v = (jnp.stack([side, side]) for side in (jnp.eye(2)[:, :1], jnp.eye(2)[:, 1:]))
    levels = (Level(kind="absolute", value=1.0),)
    x = jnp.zeros((4, 1))
    for unit in (1.0, 4.0):
        _, radii = plane_contours(
            subject, x, u, v, levels=levels, rays=RAYS, unit=jnp.float32(unit)
        )
        np.testing.assert_allclose(radii, 1 / unit, rtol=1e-3)
