"""A linear model is principal component analysis."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import subspace_angles
from scipy.optimize import minimize

from toymodels import theory


def random_covariance(n, seed):
    factor = np.random.default_rng(seed).normal(size=(n, n + 2))
    return factor @ factor.T / (n + 2)


def tied_loss(W, covariance, importance):
    """Σ_i I_i E(x_i − x̂_i)² of centred data, from the covariance alone."""
    rest = np.eye(len(covariance)) - W.T @ W
    return float(importance @ np.diag(rest @ covariance @ rest.T))


@settings(max_examples=25)
@given(st.sampled_from([(3, 1), (5, 2), (6, 4)]), st.integers(0, 2**32 - 1))
def test_the_principal_projection_attains_the_loss_and_others_do_not(shape, seed):
    n, d = shape
    covariance = random_covariance(n, seed)
    best = theory.linear_autoencoder_loss(covariance, d)
    basis = theory.principal_subspace(covariance, d)
    np.testing.assert_allclose(basis.T @ basis, np.eye(d), atol=1e-12)
    ones = np.ones(n)
    assert tied_loss(basis.T, covariance, ones) == pytest.approx(best, rel=1e-9)
    rng = np.random.default_rng(seed)
    for _ in range(20):
        W = rng.normal(size=(d, n)) / np.sqrt(n)
        assert tied_loss(W, covariance, ones) >= best


def test_optimisation_ends_where_the_closed_form_says():
    covariance, n, d = random_covariance(5, 3), 5, 2
    start = 0.3 * np.random.default_rng(0).normal(size=n * d)

    def loss(w):
        return tied_loss(w.reshape(d, n), covariance, np.ones(n))

    found = minimize(loss, start, options={"gtol": 1e-10})
    assert found.fun == pytest.approx(
        theory.linear_autoencoder_loss(covariance, d), rel=1e-6
    )
    rows = found.x.reshape(d, n).T
    angles = subspace_angles(rows, theory.principal_subspace(covariance, d))
    assert angles.max() < 1e-3


def test_independent_features_keep_the_largest_weighted_variances():
    variance = np.array([0.1, 0.4, 0.2, 0.2])
    importance = np.array([5.0, 1.0, 1.0, 3.0])
    np.testing.assert_array_equal(theory.kept_features(variance, importance, 2), [3, 0])
    lost = theory.independent_linear_loss(variance, importance, 2)
    assert lost == pytest.approx(0.4 + 0.2)
    W = np.eye(4)[[3, 0]]
    assert tied_loss(W, np.diag(variance), importance) == pytest.approx(lost)
    rng = np.random.default_rng(0)
    for _ in range(50):
        other = rng.normal(size=(2, 4)) / 2
        assert tied_loss(other, np.diag(variance), importance) >= lost


def test_both_closed_forms_agree_for_equal_importances():
    variance = np.array([0.1, 0.4, 0.2])
    for d in (1, 2, 3):
        assert theory.independent_linear_loss(variance, np.ones(3), d) == pytest.approx(
            theory.linear_autoencoder_loss(np.diag(variance), d)
        )
