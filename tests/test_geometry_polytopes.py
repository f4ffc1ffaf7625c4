"""Exact polytopes: their dimensionalities, tegum products, and what they lose."""

import jax
import numpy as np
import pytest

from toymodels import geometry

# compiled, because every polytope is a new shape
dimensionality = jax.jit(geometry.feature_dimensionality)
EXACT = {"rtol": 0, "atol": 1e-12}


@pytest.fixture(autouse=True)
def float64():
    with jax.enable_x64(True):
        yield


# polytope, its D_i
FACTORS = [
    (geometry.digon(), [1 / 2] * 2),
    (geometry.triangle(), [2 / 3] * 3),
    (geometry.tetrahedron(), [3 / 4] * 4),
    (geometry.pentagon(), [2 / 5] * 5),
    (geometry.square_antiprism(), [3 / 8] * 8),
    (geometry.simplex(5), [4 / 5] * 5),
    (geometry.regular_polygon(7), [2 / 7] * 7),
]
PRODUCTS = [
    (geometry.triangular_bipyramid(), [2 / 3] * 3 + [1 / 2] * 2),
    (geometry.pentagonal_bipyramid(), [2 / 5] * 5 + [1 / 2] * 2),
    (geometry.octahedron(), [1 / 2] * 6),
]


@pytest.mark.parametrize(("W", "expected"), FACTORS + PRODUCTS)
def test_dimensionalities_are_exact_and_sum_to_the_rank(W, expected):
    np.testing.assert_allclose(np.linalg.norm(W, axis=0), 1.0, **EXACT)
    found = np.asarray(dimensionality(W))
    np.testing.assert_allclose(found, expected, **EXACT)
    assert found.sum() == pytest.approx(len(W), abs=1e-12)


@pytest.mark.parametrize(("W", "expected"), FACTORS)
def test_factors_are_tight_and_centred(W, expected):
    d, n = W.shape
    np.testing.assert_allclose(W @ W.T, n / d * np.eye(d), **EXACT)
    np.testing.assert_allclose(W.sum(axis=1), 0.0, **EXACT)


@pytest.mark.parametrize("n", [2, 3, 4, 6])
def test_simplex_has_equal_angles(n):
    cosine = np.full((n, n), -1 / (n - 1)) + n / (n - 1) * np.eye(n)
    W = geometry.simplex(n)
    np.testing.assert_allclose(W.T @ W, cosine, **EXACT)


def test_antiprism_is_where_it_should_be():
    W = geometry.square_antiprism()
    np.testing.assert_allclose(abs(W[2]), 1 / np.sqrt(3), **EXACT)
    np.testing.assert_allclose(np.hypot(W[0], W[1]), np.sqrt(2 / 3), **EXACT)
    gaps = np.asarray(geometry.angular_gaps(W[:2]))
    np.testing.assert_allclose(gaps, np.pi / 4, **EXACT)


def test_a_product_keeps_the_dimensionalities_of_its_factors():
    pieces = [geometry.digon(), geometry.square_antiprism(), geometry.tetrahedron()]
    product = dimensionality(geometry.tegum_product(*pieces))
    factors = [np.asarray(dimensionality(W)) for W in pieces]
    np.testing.assert_allclose(product, np.concatenate(factors), **EXACT)


def test_a_factor_turned_out_of_its_subspace_changes_all_that_it_meets():
    W = geometry.triangular_bipyramid()
    turn = np.deg2rad(20)
    W[:, 3:] = np.array([[0, np.sin(turn), np.cos(turn)]]).T * [[1, -1]]
    found = np.asarray(dimensionality(W))
    assert abs(found[1] - 2 / 3) > 0.01
    assert np.all(found[3:] < 1 / 2 - 0.01)
    assert found.sum() < 3 - 0.01


def test_the_triangle_loses_the_mean_and_the_square_is_two_digons():
    np.testing.assert_allclose(geometry.triangle() @ np.ones(3), 0.0, **EXACT)
    lost = geometry.null_direction(geometry.triangle())
    np.testing.assert_allclose(lost, np.ones(3) / np.sqrt(3), **EXACT)
    square = geometry.regular_polygon(4)[:, [0, 2, 1, 3]]
    digons = geometry.tegum_product(geometry.digon(), geometry.digon())
    np.testing.assert_allclose(square, digons, **EXACT)
    np.testing.assert_allclose(square @ [1, 1, 0, 0], 0.0, **EXACT)
    np.testing.assert_allclose(square @ [0, 0, 1, 1], 0.0, **EXACT)


def test_impossible_polytopes_say_so():
    with pytest.raises(ValueError, match=r"vertices: got 2, expected ≥ 3"):
        geometry.regular_polygon(2)
    with pytest.raises(ValueError, match=r"vertices: got 1, expected ≥ 2"):
        geometry.simplex(1)
    with pytest.raises(ValueError, match="factors: got none"):
        geometry.tegum_product()
