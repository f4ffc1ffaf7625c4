"""The sphere: grids, responses with known maxima, ascent, and their comparison."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import toymodels as tm
from toymodels.config import SettingsError
from toymodels.models import ResidualDenoiser
from toymodels.probes import (
    Spikes,
    Subject,
    ascend,
    ascent_spikes,
    circle,
    distinct_maxima,
    grid_spikes,
    icosphere,
    local_maxima,
    match_features,
    random_directions,
    share_by_chance,
    sphere_grid,
    sphere_responses,
)


def thresholded(W, share, activation="relu"):
    """M1 with thresholds of a share of |W_i|²."""
    W = np.asarray(W, np.float32)
    model = tm.Autoencoder(
        n=W.shape[1], d=W.shape[0], activation=activation, compression=False
    )
    params = {"W": jnp.asarray(W), "b": jnp.asarray(-share * (W**2).sum(axis=0))}
    return Subject(model, params, "hidden")


def unit(W):
    return W / np.linalg.norm(W, axis=0)


@pytest.fixture
def spread():
    """Six directions, 63 degrees apart: half of a turned icosahedron's corners."""
    turn = np.linalg.qr(np.random.default_rng(4).normal(size=(3, 3)))[0]
    corners = turn @ icosphere(0).directions
    return corners[:, corners[2] > 0]


# --- grids ---------------------------------------------------------------------------


@pytest.mark.parametrize("levels", [0, 1, 3])
def test_an_icosphere_has_the_points_and_neighbours_of_one(levels):
    grid = icosphere(levels)
    points = 10 * 4**levels + 2
    assert grid.directions.shape == (3, points)
    np.testing.assert_allclose(np.linalg.norm(grid.directions, axis=0), 1.0)
    degree = np.array([len(set(row)) for row in grid.neighbours])
    assert np.bincount(degree).tolist()[5:] in ([12], [12, points - 12])
    cosines = grid.directions.T @ grid.directions
    for place in (0, points // 2, points - 1):
        near = np.argsort(-cosines[place])[1 : degree[place] + 1]
        assert set(near) == set(grid.neighbours[place])
    # Neighbours know of each other.
    pairs = {(a, b) for a, row in enumerate(grid.neighbours) for b in row}
    assert {(b, a) for a, b in pairs} == pairs


def test_the_points_of_a_grid_are_everywhere():
    random = np.asarray(random_directions(jax.random.key(0), 3, 500))
    assert (icosphere(4).directions.T @ random).max(axis=0).min() > np.cos(
        np.radians(4)
    )
    assert circle(360).directions.shape == (2, 360)


def test_maxima_are_found_on_grids_and_flat_ground_has_none():
    peaks = unit(np.array([[1.0, 0.2, -1.0], [0.3, 1.0, 0.1], [0.2, -0.4, 0.3]]))
    grid = icosphere(4)
    values = np.exp(20 * (peaks.T @ grid.directions - 1)).sum(axis=0)
    found = np.flatnonzero(local_maxima(values, grid))
    assert len(found) == 3
    assert (peaks.T @ grid.directions[:, found]).max(axis=1).min() > 0.999
    assert not local_maxima(np.ones(grid.directions.shape[1]), grid).any()
    angle = np.arange(360) * np.pi / 180
    wave = np.stack([np.cos(3 * angle), np.zeros(360)])
    maxima = local_maxima(wave, circle(360))
    assert np.flatnonzero(maxima[0]).tolist() == [0, 120, 240] and not maxima[1].any()


@pytest.mark.parametrize("bad", [1, 4])
def test_other_dimensions_have_no_grid(bad):
    with pytest.raises(SettingsError, match="d: got"):
        sphere_grid(bad)


# --- responses -----------------------------------------------------------------------


def test_responses_are_those_of_numpy(spread):
    subject = thresholded(spread, 0.3)
    x = jax.random.uniform(jax.random.key(0), (6, 2))
    v = random_directions(jax.random.key(1), 3, 7)
    found = sphere_responses(subject, x, v, jnp.asarray([0.1, 1.0]))
    assert found.shape == (2, 2, 7)
    W, b = (np.asarray(subject.params[k], float) for k in "Wb")

    def f(h):
        return np.maximum(W.T @ h + b[:, None], 0)

    for base in range(2):
        h = W @ np.asarray(x)[:, [base]]
        for k, radius in enumerate((0.1, 1.0)):
            expected = np.linalg.norm(f(h + radius * np.asarray(v)) - f(h), axis=0)
            np.testing.assert_allclose(found[base, k], expected, atol=1e-5)


def test_kl_is_for_heads_with_probabilities():
    model = ResidualDenoiser(n=5, d=3, neurons=4, blocks=1)
    subject = Subject(model, model.init(jax.random.key(0)), "h0")
    x, v = jnp.eye(5)[:, :1], random_directions(jax.random.key(1), 3, 6)
    found = sphere_responses(subject, x, v, jnp.asarray([0.5]), measure="kl")[0, 0]
    h = subject.activation(x)

    def probability(h):
        given = jnp.broadcast_to(x, (5, h.shape[1]))
        return jax.nn.sigmoid(subject.forward(h, given)["output"])

    p, q = (np.asarray(probability(at), float) for at in (h, h + 0.5 * v))
    kl = (p * np.log(p / q) + (1 - p) * np.log((1 - p) / (1 - q))).sum(axis=0)
    np.testing.assert_allclose(found, np.sqrt(kl), rtol=1e-3)
    up = ascend(subject, x, v, jnp.float32(0.5), steps=30, measure="kl")
    assert (np.asarray(up.responses[0]) >= np.asarray(found) - 1e-6).all()
    with pytest.raises(SettingsError, match="measure"):
        sphere_responses(
            thresholded(np.eye(3), 0.5), x[:3], v, jnp.ones(1), measure="kl"
        )


# --- ascent --------------------------------------------------------------------------


def test_ascent_arrives_at_the_features_of_a_thresholded_layer(spread):
    """Beyond a high threshold, only the features answer: the maxima are theirs."""
    subject = thresholded(spread, 0.9)
    starts = random_directions(jax.random.key(0), 3, 300)
    found = ascend(subject, jnp.zeros((6, 1)), starts, jnp.float32(1.0))
    spikes = ascent_spikes(jax.tree.map(np.asarray, found), spread)
    assert spikes.share_aligned() == 1.0
    assert set(spikes.feature) == set(range(6)) and (spikes.cosine > 0.999).all()
    flat = np.asarray(found.responses[0]) == 0
    assert flat.any()  # starts far from all features stay where they were
    np.testing.assert_array_equal(
        np.asarray(found.directions[0])[:, flat], np.asarray(starts)[:, flat]
    )


def test_the_maxima_of_a_linear_layer_are_singular_vectors():
    W = np.random.default_rng(2).normal(size=(4, 7)) / 2
    subject = thresholded(W, 0.5, "identity")
    starts = random_directions(jax.random.key(0), 4, 40)
    found = ascend(subject, jnp.zeros((7, 2)), starts, jnp.float32(0.3), steps=300)
    top = np.linalg.svd(W)[0][:, 0]
    np.testing.assert_allclose(np.abs(top @ np.asarray(found.directions)), 1, atol=1e-3)
    np.testing.assert_allclose(found.responses, 0.3 * np.linalg.svd(W)[1][0], rtol=1e-4)
    assert float(found.angles.max()) < 0.1


def test_ascent_never_falls_and_agrees_with_the_grid(spread):
    subject = thresholded(spread, 0.3)
    x = jnp.zeros((6, 1)).at[2].set(0.8)
    grid = icosphere(4)
    directions = jnp.asarray(grid.directions, jnp.float32)
    values = np.asarray(sphere_responses(subject, x, directions, jnp.ones(1)))[:, 0]
    on_grid = grid_spikes(grid, values, spread)
    up = ascend(subject, x, directions[:, ::5], jnp.float32(1.0))
    assert (np.asarray(up.responses[0]) >= values[0, ::5] - 1e-5).all()
    climbed = ascent_spikes(jax.tree.map(np.asarray, up), spread)
    assert climbed.response.max() == pytest.approx(on_grid.response.max(), rel=1e-3)


def test_ends_are_merged_by_angle_and_flat_ones_left_out():
    angle = np.radians([0.0, 5.0, 100.0, 180.0, 250.0])
    v = np.stack([np.cos(angle), np.sin(angle)])
    height = np.array([1.0, 1.2, 0.9, 0.0, 1e-6])
    assert distinct_maxima(v, height).tolist() == [1, 2]
    assert distinct_maxima(v, height, cosine=0.999).tolist() == [1, 0, 2]
    assert distinct_maxima(v, np.zeros(5)).size == 0


# --- comparison ----------------------------------------------------------------------


def test_matching_is_of_either_sign_and_chance_is_the_share_of_caps():
    features = np.eye(3)
    found = match_features(np.array([[0.0, 1.0], [-1.0, 0.0], [0.0, 0.0]]), features)
    assert found.feature.tolist() == [1, 0] and found.cosine.tolist() == [-1.0, 1.0]
    random = np.asarray(random_directions(jax.random.key(0), 3, 20_000))
    assert share_by_chance(features, random) == pytest.approx(6 * 0.05 / 2, abs=0.01)
    # Ten directions, 36 degrees apart, leave no direction of the plane out.
    pentagon = circle(5).directions
    assert share_by_chance(pentagon, circle(7200).directions) > 0.99


def test_spikes_are_counted_by_base_sign_and_activity():
    spikes = Spikes(
        base=np.array([0, 0, 1, 1, 1]),
        cosine=np.array([0.99, -0.99, 0.97, 0.2, -0.96]),
        feature=np.array([0, 0, 1, 2, 2]),
        response=np.array([2.0, 4.0, 6.0, 6.0, 9.0]),
        direction=np.zeros((3, 5)),
    )
    active = np.array([[True, False], [False, False], [False, True]])
    assert spikes.share_aligned() == 0.8
    np.testing.assert_array_equal(spikes.classes(active), [0.5, 1.0, 0.5, 0.0])
    assert spikes.ratio(np.array([[1.0, 2.0], [0.0, 4.0]])) == 2.5
    none = dataclasses.replace(
        spikes, base=np.zeros(0, int), cosine=np.zeros(0), response=np.zeros(0)
    )
    assert none.share_aligned() == 0.0
    assert none.ratio(np.ones((2, 3))) == 1.0
    assert np.isnan(none.ratio(np.zeros((2, 3))))
