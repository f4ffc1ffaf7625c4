"""Directions and bases: unit length, moments, what each family is made of."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import toymodels as tm
from toymodels.config import SettingsError, from_json, to_json
from toymodels.models import ModelSettings, ResidualDenoiser
from toymodels.probes import (
    DIRECTIONS,
    DirectionFamily,
    Subject,
    draw_bases,
    draw_directions,
    gaussian_bases,
    mean_distance,
    orthogonal_part,
    unit_lengths,
)
from toymodels.probes.bases import check_spread, covariance_factor, gaussian_draws

N, D, BASES = 12, 5, 7
MODEL = ResidualDenoiser(n=N, d=D, neurons=8, blocks=2)
FEATURES = tm.IndependentFeatures(n=N, probability=0.15, values="boolean")


def key(seed: int = 0):
    return jax.random.key(seed)


@pytest.fixture(scope="module")
def bases():
    subject = Subject(MODEL, MODEL.init(key()), "h1")
    return draw_bases(subject, FEATURES, key(1), bases=BASES, real=300)


@pytest.mark.parametrize("name", DIRECTIONS)
def test_every_family_gives_unit_vectors_for_each_base(bases, name):
    found = jax.jit(lambda b, k: draw_directions(DIRECTIONS[name], b, k, 4))(
        bases, key(2)
    )
    assert found.shape == (BASES, 4, D)
    np.testing.assert_allclose(np.linalg.norm(found, axis=-1), 1, rtol=1e-5)
    again = draw_directions(DIRECTIONS[name], bases, key(2), 4)
    np.testing.assert_allclose(found, again, atol=2e-5)
    family = DIRECTIONS[name]
    assert from_json(to_json(family)) == family


@pytest.mark.parametrize("name", sorted(set(DIRECTIONS) - {"pca", "adversarial"}))
def test_another_key_gives_other_directions(bases, name):
    first, second = (
        draw_directions(DIRECTIONS[name], bases, key(k), 3) for k in (2, 3)
    )
    assert np.abs(first - second).max() > 0.1


def test_bases_have_an_active_feature_and_real_activations(bases):
    assert bases.active.any(axis=0).all()
    np.testing.assert_array_equal(bases.active, np.asarray(bases.x) != 0)
    np.testing.assert_array_equal(bases.h, bases.subject.activation(bases.x))
    # Of the distribution itself, some samples are empty: (1 - 0.15)^12 = 14 %.
    assert 0.05 < (np.asarray(bases.real_x) == 0).all(axis=0).mean() < 0.3


def test_gaussian_bases_have_the_lengths_of_the_real_ones(bases):
    drawn = gaussian_bases(bases, key(4))
    np.testing.assert_allclose(
        np.linalg.norm(drawn.h, axis=0), np.linalg.norm(bases.h, axis=0), rtol=1e-5
    )
    assert np.abs(drawn.h - bases.h).max() > 0.1
    np.testing.assert_array_equal(drawn.x, bases.x)


def test_gaussian_draws_have_mean_and_covariance_of_the_activations():
    rng = np.random.default_rng(0)
    real = rng.normal(size=(3, 3)) @ rng.normal(size=(3, 4000)) + 2.0
    real = jnp.asarray(real, jnp.float32)
    drawn = np.asarray(gaussian_draws(key(), real, 40_000))
    expected = np.cov(real)
    error = 4 * np.sqrt(2 / 40_000) * np.abs(expected).max()
    np.testing.assert_allclose(np.cov(drawn), expected, atol=error)
    scale = np.sqrt(np.diag(expected) / 40_000)
    assert (np.abs(drawn.mean(axis=1) - real.mean(axis=1)) < 5 * scale).all()


def test_covariance_is_the_difference_of_two_gaussian_draws(bases):
    # In second moments of the directions, which say how they are spread.
    many = draw_directions(DIRECTIONS["covariance"], bases, key(5), 4000)
    first, second = (gaussian_draws(key(k), bases.real, 28_000) for k in (6, 7))
    apart = np.asarray(first - second)
    apart = apart / np.linalg.norm(apart, axis=0)
    flat = np.asarray(many).reshape(-1, D)
    np.testing.assert_allclose(
        flat.T @ flat / len(flat), apart @ apart.T / apart.shape[1], atol=0.02
    )
    assert np.abs(flat.mean(axis=0)).max() < 0.03


def test_real_other_points_at_another_activation(bases):
    found = np.asarray(draw_directions(DIRECTIONS["real_other"], bases, key(8), 3))
    apart = np.asarray(bases.real).T[None] - np.asarray(bases.h).T[:, None]
    length = np.linalg.norm(apart, axis=-1, keepdims=True)
    every = np.where(length > 1e-4, apart / np.where(length > 0, length, 1), 0)
    cosine = np.einsum("bcd,brd->bcr", found, every)
    np.testing.assert_allclose(cosine.max(axis=-1), 1, atol=1e-5)


def test_features_are_those_that_the_family_allows(bases):
    columns = np.asarray(bases.subject.features())
    active = np.asarray(bases.active)
    for name, sign, allowed in (
        ("feature", 1, ~active),
        ("feature_negative", -1, ~active),
        ("feature_removed", -1, active),
        ("feature_amplified", 1, active),
    ):
        found = draw_directions(DIRECTIONS[name], bases, key(9), 5)
        cosine = sign * np.asarray(found) @ columns
        chosen = cosine.argmax(axis=-1)
        np.testing.assert_allclose(cosine.max(axis=-1), 1, rtol=1e-5)
        assert np.take_along_axis(allowed.T, chosen, axis=1).all(), name


def test_a_mixture_is_the_sum_of_k_different_features(bases):
    columns = np.asarray(bases.subject.features())
    family = DirectionFamily(kind="mixture", k=3)
    found = np.asarray(draw_directions(family, bases, key(10), 2))
    inactive = ~np.asarray(bases.active)
    for base, direction in np.ndindex(found.shape[:2]):
        places = np.flatnonzero(inactive[:, base])
        i, j, k = np.meshgrid(places, places, places, indexing="ij")
        triple = (i < j) & (j < k)
        total = columns[:, i[triple]] + columns[:, j[triple]] + columns[:, k[triple]]
        total = total / np.linalg.norm(total, axis=0)
        assert (found[base, direction] @ total).max() > 1 - 1e-5


def test_a_feature_that_does_not_exist_is_nan(bases):
    none = dataclasses.replace(bases, active=jnp.zeros_like(bases.active))
    assert jnp.isnan(
        draw_directions(DIRECTIONS["feature_removed"], none, key(), 2)
    ).all()
    most = DirectionFamily(kind="mixture", k=N)  # some features are active
    assert jnp.isnan(draw_directions(most, bases, key(), 2)).all()


def test_a_shuffled_feature_keeps_its_entries(bases):
    columns = np.sort(np.asarray(bases.subject.features()), axis=0)
    found = draw_directions(DIRECTIONS["shuffled_feature"], bases, key(11), 2)
    entries = np.sort(np.asarray(found), axis=-1).reshape(-1, D)
    apart = np.abs(entries[:, :, None] - columns[None]).max(axis=1)
    assert (apart.min(axis=1) < 1e-5).all()


def test_principal_components_come_largest_first_in_both_signs(bases):
    found = np.asarray(draw_directions(DIRECTIONS["pca"], bases, key(), 2 * D))
    np.testing.assert_array_equal(found, np.broadcast_to(found[:1], found.shape))
    np.testing.assert_allclose(found[0, ::2], -found[0, 1::2], atol=1e-6)
    _, _, components = np.linalg.svd(
        np.asarray(bases.real - bases.real.mean(axis=1, keepdims=True)).T
    )
    cosine = np.abs(np.sum(found[0, ::2] * components, axis=-1))
    np.testing.assert_allclose(cosine, 1, atol=1e-3)


def test_adversarial_is_the_first_singular_vector_of_a_linear_model():
    model = MODEL.linear_control()
    subject = Subject(model, model.init(key(3)), "h0")
    bases = draw_bases(subject, FEATURES, key(1), bases=2, real=50)
    family = DirectionFamily(kind="adversarial", steps=200)
    found = draw_directions(family, bases, key(2), 2)
    jacobian = jax.jacobian(
        lambda h: subject.forward(h[:, None], bases.x[:, :1])["output"][:, 0]
    )(bases.h[:, 0])
    first = np.linalg.svd(np.asarray(jacobian))[2][0]
    np.testing.assert_allclose(np.abs(np.asarray(found) @ first), 1, atol=1e-3)


def test_adversarial_does_more_than_random(bases):
    def change(directions):
        h = bases.h + 0.05 * directions[:, 0].T
        clean, moved = (bases.subject.forward(v, bases.x) for v in (bases.h, h))
        return jnp.linalg.norm(moved["output"] - clean["output"], axis=0)

    worst, random = (
        change(draw_directions(DIRECTIONS[name], bases, key(12), 1))
        for name in ("adversarial", "isotropic")
    )
    assert (worst >= random).all() and worst.mean() > 1.3 * random.mean()


@pytest.mark.parametrize("degrees", [-90.0, 30.0, 180.0])
def test_rotated_by_an_angle(bases, degrees):
    plain = draw_directions(DIRECTIONS["feature"], bases, key(13), 3)
    family = DirectionFamily(kind="feature", angle=degrees)
    found = draw_directions(family, bases, key(13), 3)
    cosine = (plain * found).sum(axis=-1)
    np.testing.assert_allclose(cosine, np.cos(np.deg2rad(degrees)), atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(found, axis=-1), 1, rtol=1e-5)


def test_orthogonal_part_and_parallel_directions():
    u = jnp.array([[1.0, 0, 0]])
    v = jnp.array([[3.0, 4e-3, 0]])
    np.testing.assert_allclose(orthogonal_part(v, u), [[0, 1, 0]], atol=1e-4)
    with pytest.raises(SettingsError, match="two parallel ones"):
        orthogonal_part(-2 * u, u)
    assert jnp.isnan(jax.jit(orthogonal_part)(-2 * u, u)).all()


def test_mean_distance_against_every_pair():
    h = np.random.default_rng(1).normal(size=(4, 30)).astype(np.float32) + 50
    apart = np.linalg.norm(h[:, :, None] - h[:, None, :], axis=0)
    expected = apart.sum() / (30 * 29)
    np.testing.assert_allclose(mean_distance(jnp.asarray(h)), expected, rtol=1e-4)


def test_unit_lengths_name_the_layer_and_all_later_ones(bases):
    units = unit_lengths(bases)
    assert list(units) == ["h1", "h2", "output"]
    h2 = bases.subject.forward(bases.real, bases.real_x)["h2"]
    np.testing.assert_allclose(units["h2"], mean_distance(h2), rtol=1e-6)


# --- bad input ---------------------------------------------------------------------


def test_a_covariance_of_low_rank_works_and_of_none_does_not():
    along = jnp.array([1.0, 2.0, -1.0])[:, None]
    real = along * jnp.arange(6.0)[None, :]
    _, factor = covariance_factor(real)
    np.testing.assert_allclose(factor @ factor.T, np.cov(real), atol=1e-4)
    with pytest.raises(SettingsError, match="rank 1 or more"):
        covariance_factor(jnp.ones((3, 6)))
    with pytest.raises(SettingsError, match="not finite"):
        check_spread(jnp.full((3, 6), jnp.nan))
    with pytest.raises(SettingsError, match="2 or more"):
        covariance_factor(real[:, :1])
    with pytest.raises(SettingsError, match="2 or more"):
        mean_distance(real[:, :1])
    check_spread(jnp.stack([real, 2 * real]))
    with pytest.raises(SettingsError, match="all the same"):
        check_spread(jnp.stack([real, jnp.ones((3, 6))]))


class NoTruth(ResidualDenoiser):
    def feature_directions(self, params, layer):
        return None


def test_families_that_need_ground_truth(bases):
    assert isinstance(MODEL, ModelSettings)
    model = NoTruth(n=N, d=D, neurons=8, blocks=2)
    blind = dataclasses.replace(
        bases, subject=Subject(model, bases.subject.params, "h1")
    )
    for family in DIRECTIONS.values():
        if family.needs_truth:
            with pytest.raises(SettingsError, match="known features"):
                draw_directions(family, blind, key(), 2)
        else:
            assert draw_directions(family, blind, key(), 2).shape == (BASES, 2, D)


@pytest.mark.parametrize(
    ("family", "count", "said"),
    [
        (DirectionFamily(kind="pca"), 2 * D + 1, "signed principal components"),
        (DirectionFamily(kind="mixture", k=N + 1), 1, "at most n = 12 features"),
        (DirectionFamily(kind="isotropic"), 0, "count: got 0"),
    ],
)
def test_more_than_there_is(bases, family, count, said):
    with pytest.raises(SettingsError, match=said):
        draw_directions(family, bases, key(), count)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"kind": "isotropc"}, "try isotropic"),
        ({"kind": "feature", "sign": 2}, "1 or -1"),
        ({"kind": "feature", "which": "on"}, "which: got 'on'"),
        ({"kind": "feature", "angle": 200.0}, "angle: got 200"),
        ({"kind": "adversarial", "radius": 0.0}, "radius: got 0"),
    ],
)
def test_a_family_that_cannot_be(changes, said):
    with pytest.raises(SettingsError, match=said):
        DirectionFamily(**changes)


def test_a_layer_that_the_model_lacks():
    with pytest.raises(SettingsError, match="one of h0, h1, h2"):
        Subject(MODEL, {}, "h9")
