"""Unit-norm features: the conditional distribution and its moments."""

from itertools import product

import jax
import numpy as np
import pytest
from scipy.special import gammaln

from toymodels.features import IndependentFeatures, UnitNorm

P = np.array([0.05, 0.3, 0.2])


def _unit(p, values="uniform", n=None):
    base = IndependentFeatures(n=n or len(p), probability=p, values=values)
    return UnitNorm(base=base)


@pytest.mark.parametrize("values", ["uniform", "signed", "boolean"])
@pytest.mark.parametrize("p", [1e-4, 0.3, 1.0])
def test_every_sample_has_length_one(p, values):
    x = _unit(p, values, n=6).sample(jax.random.key(0), 2000)
    np.testing.assert_allclose(np.linalg.norm(x, axis=0), 1, atol=1e-5)


def test_patterns_are_those_of_drawing_again_until_not_empty():
    batch = 20_000
    drawn = _unit(P).sample_labelled(jax.random.key(1), batch)
    on = np.asarray(drawn.active)
    empty = np.prod(1 - P)
    for pattern in product([False, True], repeat=3):
        column = np.array(pattern)
        share = np.prod(np.where(column, P, 1 - P)) / (1 - empty) * any(pattern)
        measured = np.all(on == column[:, None], axis=0).mean()
        tolerance = 5 * np.sqrt(share * (1 - share) / batch)
        assert abs(measured - share) <= tolerance, pattern


def test_directions_are_those_of_the_base():
    # Rejection in plain NumPy, an independent sampler for the second moments.
    rng = np.random.default_rng(0)
    size = 200_000
    raw = rng.random((3, size)) * (rng.random((3, size)) < P[:, None])
    raw = raw[:, raw.any(axis=0)]
    raw /= np.linalg.norm(raw, axis=0)
    x = np.asarray(_unit(P).sample(jax.random.key(2), 20_000), np.float64)
    for i, j in [(0, 1), (0, 2), (1, 2)]:
        ours, theirs = x[i] * x[j], raw[i] * raw[j]
        error = np.sqrt(ours.var() / ours.size + theirs.var() / theirs.size)
        assert abs(ours.mean() - theirs.mean()) < 5 * error


def test_two_boolean_features_by_hand():
    p = 0.25  # exact in float32
    features = _unit([p, p], "boolean")
    some = 1 - (1 - p) ** 2
    mean = (p * (1 - p) + p**2 / np.sqrt(2)) / some
    square = (p * (1 - p) + p**2 / 2) / some
    np.testing.assert_allclose(features.mean(), mean, atol=1e-12)
    np.testing.assert_allclose(features.variance(), square - mean**2, atol=1e-12)
    np.testing.assert_allclose(features.activity(), p / some, atol=1e-12)


def test_always_on_boolean_features_are_one_point():
    features = _unit(1.0, "boolean", n=4)
    np.testing.assert_allclose(features.mean(), 0.5, atol=1e-12)
    np.testing.assert_allclose(features.variance(), 0, atol=1e-12)


@pytest.mark.parametrize("n", [2, 5, 300])
def test_always_on_boolean_norm_is_the_root_of_n(n):
    np.testing.assert_allclose(_unit(1.0, "boolean", n=n).mean(), n**-0.5, atol=1e-12)


def test_binomial_number_of_boolean_features():
    # E x_i = E[√K]/n given K > 0, for K binomial: a sum instead of an integral.
    n, p = 50, 0.125
    k = np.arange(1, n + 1)
    log_choose = gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)
    share = np.exp(log_choose + k * np.log(p) + (n - k) * np.log(1 - p))
    mean = (share * np.sqrt(k)).sum() / share.sum() / n
    np.testing.assert_allclose(_unit(p, "boolean", n=n).mean(), mean, rtol=1e-11)


@pytest.mark.parametrize("values", ["uniform", "signed", "boolean"])
@pytest.mark.parametrize("p", [[1.0], [0.3], [1e-6, 0.5], [0.01, 0.2, 1.0], [0.5] * 80])
def test_mean_squares_sum_to_one(p, values):
    features = _unit(p, values)
    square = features.variance() + features.mean() ** 2
    np.testing.assert_allclose(square.sum(), 1, atol=1e-10)
