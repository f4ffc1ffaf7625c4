"""Gaussian-copula gates: joint probabilities against the bivariate normal."""

from itertools import combinations

import jax
import numpy as np
from scipy.stats import multivariate_normal, norm

from toymodels.features import CopulaFeatures

BATCH = 20_000
P = np.array([0.1, 0.2, 0.5, 0.5])
R = np.array([[1, 0.8, 0, 0.3], [0.8, 1, -0.4, 0], [0, -0.4, 1, 0], [0.3, 0, 0, 1.0]])


def _gates(**settings):
    features = CopulaFeatures(**settings)
    return np.asarray(features.sample_labelled(jax.random.key(2), BATCH).active)


def test_pairs_are_on_together_as_often_as_the_bivariate_normal_says():
    on = _gates(n=4, probability=P, correlation=R)
    threshold = norm.ppf(P)
    for i, j in combinations(range(4), 2):
        joint = multivariate_normal.cdf(
            threshold[[i, j]], cov=[[1, R[i, j]], [R[i, j], 1]]
        )
        measured = (on[i] & on[j]).mean()
        assert abs(measured - joint) < 5 * np.sqrt(joint * (1 - joint) / BATCH)


def test_correlation_one_switches_all_on_together():
    on = _gates(n=3, probability=0.2, correlation=1.0)
    # Thresholds are equal, latents equal up to rounding.
    assert (on.any(axis=0) != on.all(axis=0)).mean() < 1e-3
    nested = _gates(n=2, probability=[0.2, 0.6], correlation=1.0)
    assert np.all(nested[1][nested[0]])


def test_opposite_features_exclude_each_other():
    on = _gates(n=2, probability=0.4, correlation=[[1, -1], [-1, 1]])
    assert not (on[0] & on[1]).any()


def test_one_number_is_the_correlation_of_all_pairs():
    same = np.full((3, 3), 0.5) + 0.5 * np.eye(3)
    one = CopulaFeatures(n=3, probability=0.2, correlation=0.5)
    assert one == CopulaFeatures(n=3, probability=0.2, correlation=same)
    members = CopulaFeatures(
        n=3, probability=0.2, correlation=np.array([0.0, 0.5])[:, None, None]
    )
    np.testing.assert_allclose(members.correlation[0], np.eye(3))
    np.testing.assert_allclose(members.correlation[1], same)
