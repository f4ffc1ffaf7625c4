"""Leverage against brute force, and the identities that link it to other scores."""

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toymodels import geometry

leverage = jax.jit(geometry.leverage)
mahalanobis_squared = jax.jit(geometry.mahalanobis_squared)
SHAPES = [(2, 6), (3, 8), (4, 3)]


@pytest.fixture(autouse=True)
def float64():
    with jax.enable_x64(True):
        yield


def test_leverage_is_the_best_share_that_any_direction_gives():
    rng = np.random.default_rng(0)
    H = rng.normal(size=(2, 7))
    angle = np.linspace(0, np.pi, 200_001)
    projections = np.stack([np.cos(angle), np.sin(angle)], 1) @ H
    shares = projections**2 / (projections**2).sum(1, keepdims=True)
    np.testing.assert_allclose(leverage(H), shares.max(0), rtol=1e-8)


@settings(max_examples=25)
@given(st.sampled_from(SHAPES), st.integers(0, 2**32 - 1))
def test_leverage_equals_its_formula_and_sums_to_the_rank(shape, seed):
    H = np.random.default_rng(seed).normal(size=shape)
    found = np.asarray(leverage(H))
    formula = np.diag(H.T @ np.linalg.pinv(H @ H.T, rcond=1e-12) @ H)
    np.testing.assert_allclose(found, formula, atol=1e-6)
    assert found.sum() == pytest.approx(min(shape), abs=1e-6 * shape[0])


def test_leverage_of_a_deficient_and_of_a_zero_matrix():
    rng = np.random.default_rng(1)
    H = rng.normal(size=(5, 2)) @ rng.normal(size=(2, 9))
    assert float(leverage(H).sum()) == pytest.approx(2, abs=1e-9)
    np.testing.assert_array_equal(leverage(np.zeros((3, 4))), np.zeros(4))


@pytest.mark.parametrize("copies", [1, 2, 5, 40])
def test_repetition_lowers_leverage_below_one_over_the_copies(copies):
    rng = np.random.default_rng(2)
    others, point = rng.normal(size=(3, 20)), rng.normal(size=3)
    against = point @ np.linalg.inv(others @ others.T) @ point
    whole = np.column_stack([others, *[point] * copies])
    found = np.asarray(leverage(whole))[20:]
    np.testing.assert_allclose(
        found, geometry.leverage_of_copies(against, copies), rtol=1e-10
    )
    assert np.all(found < 1 / copies)
    np.testing.assert_allclose(
        geometry.leverage_against_others(found, copies), against, rtol=1e-9
    )


def test_copies_outside_the_span_of_the_others_share_one_dimension():
    whole = np.array([[1.0, 2.0, 0.0, 0.0], [0.0, 0.0, 3.0, 3.0]])
    assert float(geometry.leverage_of_copies(np.inf, 2)) == 0.5
    assert float(geometry.leverage_of_copies(0.0, 2)) == 0.0
    np.testing.assert_allclose(leverage(whole), [0.2, 0.8, 0.5, 0.5])


@settings(max_examples=25)
@given(st.sampled_from(SHAPES), st.integers(0, 2**32 - 1))
def test_mahalanobis_distance_is_centred_leverage(shape, seed):
    H = np.random.default_rng(seed).normal(size=shape) + 30.0
    centred = H - H.mean(1, keepdims=True)
    inverse = np.linalg.pinv(np.cov(H), rcond=1e-10)
    np.testing.assert_allclose(
        mahalanobis_squared(H),
        np.einsum("dt,de,et->t", centred, inverse, centred),
        rtol=1e-6,
        atol=1e-8,
    )


def test_leverage_works_on_ensembles_under_jit():
    H = jax.random.normal(jax.random.key(0), (4, 2, 6))
    np.testing.assert_allclose(
        leverage(H),
        np.stack([geometry.leverage(one) for one in H]),
        rtol=1e-10,
    )
