"""Independent features: one draw is gate and value."""

import jax
import numpy as np
import pytest
from scipy.stats import kstest

from toymodels.features import IndependentFeatures

KEY = jax.random.key(5)


@pytest.mark.parametrize("p", [0.01, 0.5, 1.0])
@pytest.mark.parametrize("values", ["uniform", "signed"])
def test_active_values_are_uniform_whatever_p(p, values):
    x = np.asarray(
        IndependentFeatures(n=4, probability=p, values=values).sample(KEY, 20_000)
    ).ravel()
    low = 0.0 if values == "uniform" else -1.0
    active = x[x != 0]
    assert active.min() >= low and active.max() <= 1 + 1e-6
    # Fixed seed; a wrong scale gives p-values far below 1e-10.
    assert kstest(active, "uniform", args=(low, 1 - low)).pvalue > 1e-3


def test_features_and_samples_are_independent():
    p = 0.3
    on = np.asarray(IndependentFeatures(n=4, probability=p).sample(KEY, 20_000)) > 0
    share = (on[:, None, :] & on[None, :, :]).mean(axis=-1)
    pairs = share[np.triu_indices(4, 1)]
    assert np.all(np.abs(pairs - p**2) < 5 * np.sqrt(p**2 * (1 - p**2) / 20_000))
    neighbours = (on[:, 1:] & on[:, :-1]).mean(axis=1)
    # Neighbouring products overlap, so their mean has a slightly larger variance.
    spread = np.sqrt((p**2 * (1 - p**2) + 2 * (p**3 - p**4)) / 20_000)
    assert np.all(np.abs(neighbours - p**2) < 5 * spread)


def test_a_sweep_over_p_has_nested_gates():
    p = np.array([[0.1], [0.3], [0.6], [1.0]])
    features = IndependentFeatures(n=5, probability=p)
    drawn = jax.vmap(lambda one: one.sample_labelled(KEY, 500))(features)
    on = np.asarray(drawn.active)
    for rarer, oftener in zip(on[:-1], on[1:], strict=True):
        assert np.all(oftener[rarer])
        assert oftener.sum() > rarer.sum()
    assert on[-1].all()
    # The same uniform number behind all members: x p = u wherever both are on.
    u = np.asarray(drawn.x) * p[:, :, None]
    np.testing.assert_allclose(u[0][on[0]], u[3][on[0]], rtol=1e-5)


def test_different_keys_differ():
    features = IndependentFeatures(n=5, probability=0.5)
    other = features.sample(jax.random.key(6), 100)
    assert np.any(np.asarray(features.sample(KEY, 100)) != np.asarray(other))
