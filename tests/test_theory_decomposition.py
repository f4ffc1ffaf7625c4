"""The loss by number of active features, against sampling and the exact surface."""

import math

import numpy as np
import pytest
from scipy.integrate import quad

from toymodels import geometry, theory


@pytest.mark.parametrize(("p", "n"), [(0.1, 1), (0.3, 5), (1.0, 4)])
def test_support_weights_are_a_binomial_distribution(p, n):
    weights = theory.support_weights(p, n)
    counts = [math.comb(n, k) for k in range(n + 1)]
    assert weights @ counts == pytest.approx(1.0, abs=1e-14)
    assert weights @ (np.arange(n + 1) * counts) == pytest.approx(n * p)


def test_one_active_feature_by_hand():
    # lengths² 1 and 4, overlap −2 without and +2 with a turned sign
    found = theory.one_active_loss(np.array([[1.0, -2.0]]), np.array([1.0, 0.5]))
    np.testing.assert_allclose(found.own, [0.0, 0.5 * 9 / 3], atol=1e-15)
    np.testing.assert_array_equal(found.interference, [0.0, 0.0])
    found = theory.one_active_loss(np.array([[1.0, 2.0]]), np.array([1.0, 0.5]))
    np.testing.assert_allclose(found.interference, [0.5 * 4 / 3, 4 / 3])
    assert found.total == pytest.approx(1.5 + 0.5 * 4 / 3 + 4 / 3)


def test_negative_interference_is_free_and_positive_is_not():
    n = 6
    W = geometry.simplex(n) * 0.9
    gram = W.T @ W
    assert np.all(gram[~np.eye(n, dtype=bool)] < 0)
    found = theory.one_active_loss(W, np.ones(n))
    np.testing.assert_allclose(found.interference, 0.0, atol=1e-12)
    W[:, 2] *= -1  # its overlaps with all others turn positive
    found = theory.one_active_loss(W, np.ones(n))
    assert np.all(found.interference > 1e-3)


def test_one_active_loss_with_bias_equals_numerical_integration():
    rng = np.random.default_rng(0)
    W, b = rng.normal(size=(2, 4)), rng.normal(size=4) / 2
    W[:, 3] = 0.0  # a slope of zero, where only the bias is left
    importance = rng.uniform(0.5, 2, size=4)
    found = theory.one_active_loss(W, importance, b)
    gram = W.T @ W
    for i in range(4):

        def error(x, i=i):
            target = x * np.eye(4)[i]
            return importance * (target - np.maximum(gram[i] * x + b, 0)) ** 2

        roots = [-b[j] / gram[i, j] for j in range(4) if gram[i, j]]
        kinks = [root for root in roots if 0 < root < 1]
        parts = [
            quad(lambda x, j=j, f=error: f(x)[j], 0, 1, points=kinks or None)[0]
            for j in range(4)
        ]
        assert found.own[i] == pytest.approx(parts[i], abs=1e-10)
        others = sum(parts) - parts[i]
        assert found.interference[i] == pytest.approx(others, abs=1e-10)


def test_terms_add_up_to_the_exact_loss_of_two_features():
    importance, weights = (1.0, 0.8), (0.9, -0.7)
    W = np.array([weights])
    one = theory.one_active_loss(W, np.array(importance)).total
    both = theory.exact_loss(*weights, probability=1.0, importance=importance)
    for p in (0.05, 0.5, 0.9):
        split = theory.support_weights(p, 2) @ [0.0, one, both]
        whole = theory.exact_loss(*weights, probability=p, importance=importance)
        assert split == pytest.approx(whole, abs=1e-14)


def test_terms_agree_with_samples_of_each_support_size():
    rng = np.random.default_rng(2)
    n, p, size = 5, 0.15, 400_000
    W, b = 0.8 * geometry.pentagon(), np.array([0.1, -0.1, 0.05, -0.2, 0.0])
    importance = 0.9 ** np.arange(n)
    on = rng.uniform(size=(n, size)) < p
    x = rng.uniform(size=(n, size)) * on
    error = x - np.maximum(W.T @ (W @ x) + b[:, None], 0)
    losses, active = importance @ error**2, on.sum(axis=0)
    weights = theory.support_weights(p, n)
    expected = {
        0: theory.none_active_loss(b, importance),
        1: theory.one_active_loss(W, importance, b).total,
    }
    for k, term in expected.items():
        samples = np.where(active == k, losses, 0.0)
        standard_error = samples.std() / np.sqrt(size)
        assert abs(samples.mean() - weights[k] * term) <= 3 * standard_error
