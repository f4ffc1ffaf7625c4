import jax
import numpy as np
import pytest

import toymodels as tm
from toymodels.config import SettingsError, from_json, to_json
from toymodels.features import GaussianFeatures

COVARIANCE = np.array([[2.0, 0.6, 0.0], [0.6, 1.0, -0.3], [0.0, -0.3, 0.5]])
SAMPLES = 40_000


def test_samples_have_the_stated_moments():
    features = GaussianFeatures(covariance=COVARIANCE)
    x = np.asarray(features.sample(jax.random.key(0), SAMPLES), np.float64)
    error = np.sqrt(features.variance() / SAMPLES)
    assert np.all(np.abs(x.mean(axis=1) - features.mean()) < 4 * error)
    # Var of a sample covariance of normals: (Σ_ii Σ_jj + Σ_ij²)/N.
    spread = np.outer(np.diag(COVARIANCE), np.diag(COVARIANCE)) + COVARIANCE**2
    assert np.all(np.abs(np.cov(x) - COVARIANCE) < 4 * np.sqrt(spread / SAMPLES))
    assert np.array_equal(features.activity(), np.ones(3))


def test_singular_covariance_keeps_to_its_subspace():
    direction = np.array([1.0, -2.0, 0.5])
    features = GaussianFeatures(covariance=np.outer(direction, direction))
    x = np.asarray(features.sample(jax.random.key(1), 100))
    assert np.allclose(x, np.outer(direction, x[0]), atol=1e-5)


def test_members_share_their_normals():
    scales = np.array([1.0, 4.0])
    features = GaussianFeatures(covariance=scales[:, None, None] * COVARIANCE)
    assert features.members == 2 and features.variance().shape == (2, 3)
    x = jax.vmap(lambda one: one.sample(jax.random.key(2), 50))(features.per_member(2))
    assert np.allclose(x[1], 2 * x[0], atol=1e-5)


def test_survives_json_and_training():
    features = GaussianFeatures(covariance=COVARIANCE)
    assert from_json(to_json(features)) == features
    model = tm.Autoencoder(n=3, d=1, activation="identity")
    run = tm.train(tm.TrainSpec(model=model, features=features, steps=3, seeds=2))
    assert np.isfinite(run.final_loss(1024)).all()


@pytest.mark.parametrize(
    ("covariance", "says"),
    [
        (1.0, "matrix"),
        ([1.0, 2.0], "matrix"),
        (np.ones((2, 3)), "shape"),
        ([[1.0, 0.5], [0.0, 1.0]], "symmetric"),
        ([[1.0, 2.0], [2.0, 1.0]], "positive semidefinite"),
        ([[np.nan, 0.0], [0.0, 1.0]], "finite"),
    ],
)
def test_what_is_no_covariance_is_refused(covariance, says):
    with pytest.raises(SettingsError, match=says):
        GaussianFeatures(covariance=covariance)
