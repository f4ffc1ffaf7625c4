"""The T-gon: zero loss, no room for less, and the printed numbers."""

import numpy as np
import pytest

from toymodels import theory


def disjoint_points(points, support=4, seed=0):
    """Unit columns with disjoint supports, and some features in none."""
    rng = np.random.default_rng(seed)
    X = np.zeros((points * support + 3, points))
    for t in range(points):
        values = rng.uniform(0.1, 1, size=support)
        X[t * support : (t + 1) * support, t] = values / np.linalg.norm(values)
    return X


@pytest.mark.parametrize("points", [3, 4, 5, 6, 8, 13])
def test_the_construction_memorises_exactly_with_the_stated_norms(points):
    X = disjoint_points(points)
    W, b = theory.tgon_parameters(X)
    np.testing.assert_allclose(np.maximum(W.T @ (W @ X) + b[:, None], 0), X, atol=1e-12)
    ideal = theory.tgon(points)
    assert np.linalg.norm(W) == pytest.approx(ideal.weight_norm)
    assert np.linalg.norm(b) == pytest.approx(ideal.bias_norm)
    overlaps = (W @ X).T @ (W @ X)
    shares = np.diag(overlaps) ** 2 / np.sum(overlaps**2, axis=1)
    np.testing.assert_allclose(shares, ideal.dimensionality, atol=1e-12)
    np.testing.assert_allclose(np.linalg.norm(W @ X, axis=0), ideal.radius)


@pytest.mark.parametrize("points", [3, 5, 8])
def test_a_smaller_radius_cannot_reach_zero_loss(points):
    X = disjoint_points(points)
    W, _ = theory.tgon_parameters(X)
    smaller = 0.99 * W
    radius = 0.99 * theory.tgon(points).radius
    b = -(radius**2 - 1) * X.sum(axis=1)  # the only bias that keeps each point exact
    error = X - np.maximum(smaller.T @ (smaller @ X) + b[:, None], 0)
    assert np.max(abs(error)) > 1e-3


def test_the_pentagon_numbers():
    ideal = theory.tgon(5)
    assert ideal.weight_norm == pytest.approx(2.69, abs=5e-3)
    assert ideal.bias_norm == pytest.approx(1.00, abs=5e-3)
    assert ideal.dimensionality == 2 / 5
    assert theory.tgon(4).bias_norm == pytest.approx(0, abs=1e-15)
    assert theory.tgon(3).bias_factor < 0  # neighbours are far enough for a bonus


def test_the_bias_overtakes_the_weights_at_seven_points():
    assert theory.first_bias_above_weights() == 7
    above = [
        theory.tgon(T).bias_norm > theory.tgon(T).weight_norm for T in range(3, 60)
    ]
    assert above == [T >= 7 for T in range(3, 60)]


def test_two_points_are_no_polygon():
    with pytest.raises(ValueError, match=r"points: got 2, expected ≥ 3"):
        theory.tgon(2)
