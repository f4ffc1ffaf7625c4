"""Lengths, interference, dimensionality: hand-computed tables and invariances."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ortho_group

from toymodels import geometry

ROOT = np.sqrt(3) / 2
GOLDEN = (np.sqrt(5) - 1) / 4  # cos 72°

# W, then by hand: squared lengths, Σ_{j≠i}(Ŵ_i·W_j)², D_i, ‖W‖²_F/d
TABLE = {
    "digon": ([[1.0, -1.0]], [1, 1], [1, 1], [1 / 2, 1 / 2], 2),
    # Ŵ_1·W_2 = −2 and Ŵ_2·W_1 = −1: the long column of a pair has the larger share
    "uneven digon": ([[1.0, -2.0]], [1, 4], [4, 1], [1 / 5, 4 / 5], 5),
    "triangle": (
        [[1.0, -0.5, -0.5], [0.0, ROOT, -ROOT]],
        [1, 1, 1],
        [1 / 2, 1 / 2, 1 / 2],
        [2 / 3, 2 / 3, 2 / 3],
        3 / 2,
    ),
    # cos 72° = (√5−1)/4 and cos 144° = −(√5+1)/4: twice the squares is 3/2
    "pentagon": (
        geometry.pentagon(),
        [1] * 5,
        [2 * GOLDEN**2 + 2 * (GOLDEN + 0.5) ** 2] * 5,
        [2 / 5] * 5,
        5 / 2,
    ),
    "two alone, one zero": (
        [[2.0, 0.0, 0.0], [0.0, 0.0, 1.0]],
        [4, 0, 1],
        [0, 0, 0],
        [1, 0, 1],
        5 / 2,
    ),
}


@pytest.mark.parametrize("name", TABLE)
def test_hand_computed_table(name):
    W, squared, interference, dimensionality, per_dimension = TABLE[name]
    with jax.enable_x64(True):
        found = geometry.measure(np.asarray(W))
        assert found.norms.dtype == jnp.float64
        close = {"rtol": 0, "atol": 1e-12}
        np.testing.assert_allclose(found.norms**2, squared, **close)
        np.testing.assert_allclose(found.interference, interference, **close)
        np.testing.assert_allclose(found.dimensionality, dimensionality, **close)
        np.testing.assert_allclose(found.features_per_dimension, per_dimension, **close)
        np.testing.assert_allclose(
            found.dimensions_per_feature, 1 / per_dimension, **close
        )
        np.testing.assert_array_equal(found.represented, np.asarray(squared) >= 0.5)


def test_zero_weights_have_no_nan_and_infinite_dimensions_per_feature():
    found = geometry.measure(np.zeros((2, 3), np.float32))
    for values in (found.norms, found.interference, found.dimensionality):
        np.testing.assert_array_equal(values, np.zeros(3))
    assert found.features_per_dimension == 0
    assert found.dimensions_per_feature == np.inf
    np.testing.assert_array_equal(geometry.cosines(np.zeros((2, 3))), np.zeros((3, 3)))


def test_interference_without_overlap_is_exactly_zero():
    rng = np.random.default_rng(0)
    W = np.diag(rng.uniform(0.5, 2.0, size=7)).astype(np.float32)
    np.testing.assert_array_equal(geometry.interference(W), np.zeros(7))


@settings(max_examples=25)
@given(st.sampled_from([(1, 2), (2, 5), (4, 7), (5, 3)]), st.integers(0, 2**32 - 1))
def test_measures_ignore_rotation_and_follow_permutation(shape, seed):
    rng = np.random.default_rng(seed)
    d, n = shape
    W = rng.normal(size=shape)
    rotation = ortho_group.rvs(d, random_state=rng) if d > 1 else -np.eye(1)
    order = rng.permutation(n)
    with jax.enable_x64(True):
        plain = geometry.measure(W)
        moved = geometry.measure((rotation @ W)[:, order])
        for name in ("norms", "interference", "dimensionality"):
            np.testing.assert_allclose(
                getattr(moved, name), getattr(plain, name)[order], rtol=1e-9
            )
        np.testing.assert_allclose(
            moved.dimensions_per_feature, plain.dimensions_per_feature, rtol=1e-12
        )


@settings(max_examples=25)
@given(st.sampled_from([(2, 5), (4, 7), (5, 3)]), st.integers(0, 2**32 - 1))
def test_dimensionality_is_at_most_leverage_and_sums_to_at_most_the_rank(shape, seed):
    rng = np.random.default_rng(seed)
    W = rng.normal(size=shape) * rng.exponential(size=shape[1])
    with jax.enable_x64(True):
        dimensionality = np.asarray(geometry.measure(W).dimensionality)
        assert np.all(
            dimensionality <= np.asarray(jax.jit(geometry.leverage)(W)) + 1e-12
        )
        assert dimensionality.sum() <= np.linalg.matrix_rank(W) + 1e-12


def test_ensemble_and_vmap_equal_a_loop():
    W = jax.random.normal(jax.random.key(0), (3, 2, 2, 5))
    whole = geometry.measure(W)
    mapped = jax.vmap(jax.vmap(geometry.measure))(W)
    for seed in range(3):
        for member in range(2):
            one = geometry.measure(W[seed, member])
            for other in (whole, mapped):
                for leaf, leaves in zip(
                    jax.tree.leaves(one), jax.tree.leaves(other), strict=True
                ):
                    np.testing.assert_allclose(leaf, leaves[seed, member], rtol=1e-5)


def test_represented_by_length_and_by_dimensionality():
    W = np.array([[1.0, 0.8, 0.6, 0.0], [0.0, 0.0, 0.0, 0.7]], np.float32)
    np.testing.assert_array_equal(geometry.is_represented(W), [1, 1, 0, 0])
    np.testing.assert_array_equal(
        geometry.is_represented(W, squared_norm=0.3), [1, 1, 1, 1]
    )
    # on the first axis the shares are 1/2, .32 and .18; the last is short but alone
    np.testing.assert_array_equal(geometry.has_dimensionality(W), [1, 1, 0, 1])


def test_antipodal_pairs_counts_each_pair_of_represented_features_once():
    W = geometry.tegum_product(geometry.digon(), geometry.triangle(), geometry.digon())
    W[:, 6] *= 0.1
    pairs = np.asarray(geometry.antipodal_pairs(W))
    assert [tuple(p) for p in np.argwhere(pairs)] == [(0, 1)]
    pairs = np.asarray(geometry.antipodal_pairs(W, squared_norm=0.001))
    assert [tuple(p) for p in np.argwhere(pairs)] == [(0, 1), (5, 6)]
    assert geometry.antipodal_pairs(W, cosine=0.49).sum() == 1 + 3
