"""Stated mean, variance and activity against samples, for every distribution.

Tolerance: 5 standard errors, from the exact variance for means and shares, and from the
sample's fourth moment for mean squares. Some 200 comparisons at 5 standard errors fail
by chance with probability 1e-4; the seed is fixed.
"""

import jax
import numpy as np
import pytest

import toymodels.features as tf

BATCH = 20_000
P = [0.05, 0.3, 1.0, 0.6]
R = [[1, 0.5, 0, 0.2], [0.5, 1, -0.3, 0], [0, -0.3, 1, 0], [0.2, 0, 0, 1]]
VALUES = ("uniform", "signed", "boolean")


def _cases():
    for values in VALUES:
        base = tf.IndependentFeatures(n=4, probability=P, values=values)
        sparse = tf.IndependentFeatures(
            n=4, probability=[0.05, 0.3, 0.02, 0.1], values=values
        )
        yield f"independent-{values}", base
        yield f"exactly-k-{values}", tf.ExactlyK(n=5, k=2, values=values)
        yield (
            f"correlated-{values}",
            tf.CorrelatedGroup(n=3, probability=0.2, values=values),
        )
        yield (
            f"anticorrelated-{values}",
            tf.AnticorrelatedGroup(n=3, probability=0.4, values=values),
        )
        yield (
            f"copula-{values}",
            tf.CopulaFeatures(n=4, probability=P, correlation=R, values=values),
        )
        yield f"unit-norm-{values}", tf.UnitNorm(base=base)
        yield f"unit-norm-sparse-{values}", tf.UnitNorm(base=sparse)
    zipf = tf.IndependentFeatures(
        n=4, probability=tf.power_law_probability(4, 1.1, peak=0.5)
    )
    yield "power-law", zipf
    yield (
        "geometric",
        tf.IndependentFeatures(n=4, probability=tf.geometric_probability(4, 0.5, 0.5)),
    )
    yield "gaussian", tf.GaussianFeatures(covariance=[[2.0, 0.5], [0.5, 0.3]])
    yield "concatenated", tf.Concatenated(parts=(zipf, tf.ExactlyK(n=3, k=2)))
    yield "noisy", tf.NoisyFeatures(base=zipf, scale=[0.0, 0.1, 0.2, 1.0])
    yield "repeated", tf.RepeatedPoint(base=zipf, point=[0, 0.1, 0, -1], rate=0.2)
    yield (
        "repeated-in-noise",
        tf.NoisyFeatures(
            base=tf.RepeatedPoint(base=zipf, point=[0, 0.1, 0, -1], rate=0.2), scale=0.1
        ),
    )


CASES = dict(_cases())


@pytest.mark.parametrize("name", CASES)
def test_samples_have_the_stated_moments(name):
    features = CASES[name]
    mean, variance = features.mean(), features.variance()
    activity = features.activity()
    assert mean.dtype == variance.dtype == activity.dtype == np.float64
    assert mean.shape == variance.shape == activity.shape == (features.n,)

    drawn = jax.jit(lambda f, key: f.sample_labelled(key, BATCH))(
        features, jax.random.key(11)
    )
    x = np.asarray(drawn.x, np.float64)
    # Rounding to float32 matters where the variance is 0.
    rounding = 1e-6

    error = np.abs(x.mean(axis=1) - mean)
    assert np.all(error < 5 * np.sqrt(variance / BATCH) + rounding)

    square = (x - mean[:, None]) ** 2
    error = np.abs(square.mean(axis=1) - variance)
    assert np.all(error < 5 * square.std(axis=1) / np.sqrt(BATCH) + rounding)

    error = np.abs(np.asarray(drawn.active).mean(axis=1) - activity)
    assert np.all(error < 5 * np.sqrt(activity * (1 - activity) / BATCH) + rounding)


def test_the_papers_formulas():
    p = np.array([0.01, 0.3, 1.0])
    features = tf.IndependentFeatures(n=3, probability=p)
    np.testing.assert_allclose(features.mean(), p / 2, rtol=1e-6)
    np.testing.assert_allclose(features.variance(), p / 3 - p**2 / 4, rtol=1e-6)
    second = features.variance() + features.mean() ** 2
    np.testing.assert_allclose(second, p / 3, rtol=1e-6)
