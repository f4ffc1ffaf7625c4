"""The repeated point: how often, what it looks like, and what the labels say."""

import jax
import numpy as np

from toymodels.features import Concatenated, IndependentFeatures, RepeatedPoint

BASE = IndependentFeatures(n=4, probability=0.3)
POINT = np.array([0.0, 0.6, 0.0, 0.8], np.float32)
BATCH = 20_000


def _draw(features, seed=0):
    return jax.tree.map(
        np.asarray, features.sample_labelled(jax.random.key(seed), BATCH)
    )


def test_labelled_samples_are_the_point_and_the_others_are_not():
    drawn = _draw(RepeatedPoint(base=BASE, point=POINT, rate=0.1))
    is_point = np.all(drawn.x == POINT[:, None], axis=0)
    np.testing.assert_array_equal(drawn.backdoor, is_point)
    assert np.all(drawn.active[:, is_point] == (POINT != 0)[:, None])
    assert abs(is_point.mean() - 0.1) < 5 * np.sqrt(0.09 / BATCH)


def test_the_other_samples_are_those_of_the_base():
    drawn = _draw(RepeatedPoint(base=BASE, point=POINT, rate=0.5))
    rest = drawn.x[:, ~drawn.backdoor]
    error = np.abs(rest.mean(axis=1) - BASE.mean())
    assert np.all(error < 5 * np.sqrt(BASE.variance() / rest.shape[1]))


def test_rate_zero_is_the_base():
    features = RepeatedPoint(base=BASE, point=POINT, rate=0.0)
    assert not _draw(features).backdoor.any()
    np.testing.assert_array_equal(features.mean(), BASE.mean())
    np.testing.assert_allclose(features.variance(), BASE.variance(), rtol=1e-12)


def test_the_label_survives_composition():
    point = RepeatedPoint(base=BASE, point=POINT, rate=0.2)
    side = _draw(Concatenated(parts=(BASE, point)))
    is_point = np.all(side.x[4:] == POINT[:, None], axis=0)
    np.testing.assert_array_equal(side.backdoor, is_point)
    # A second point over the first: both are repeated.
    twice = _draw(RepeatedPoint(base=point, point=np.ones(4), rate=0.5))
    assert abs(twice.backdoor.mean() - 0.6) < 5 * np.sqrt(0.24 / BATCH)
