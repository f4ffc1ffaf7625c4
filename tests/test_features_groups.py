"""Who is on together with whom, in groups and in several groups side by side."""

import jax
import numpy as np

from toymodels.features import AnticorrelatedGroup, Concatenated, CorrelatedGroup

BATCH = 20_000


def _sample(features, seed=0):
    return np.asarray(features.sample(jax.random.key(seed), BATCH))


def test_a_correlated_group_is_on_together_with_independent_values():
    x = _sample(CorrelatedGroup(n=3, probability=0.3))
    on = x != 0
    assert np.all(on.all(axis=0) == on.any(axis=0))
    together = x[:, on[0]]
    correlation = np.corrcoef(together)[np.triu_indices(3, 1)]
    assert np.all(np.abs(correlation) < 5 / np.sqrt(together.shape[1]))


def test_an_anticorrelated_group_has_at_most_one_on():
    features = AnticorrelatedGroup(n=3, probability=0.6)
    on = _sample(features) != 0
    assert on.sum(axis=0).max() == 1
    assert abs(on.any(axis=0).mean() - 0.6) < 5 * np.sqrt(0.24 / BATCH)
    always = _sample(AnticorrelatedGroup(n=3, probability=1.0)) != 0
    assert np.all(always.sum(axis=0) == 1)
    np.testing.assert_allclose(features.activity(), 0.2, rtol=1e-6)


def test_values_do_not_depend_on_which_member_is_on():
    x = _sample(AnticorrelatedGroup(n=3, probability=0.3))
    for row in x:
        values = row[row != 0]
        assert abs(values.mean() - 0.5) < 5 * np.sqrt(1 / 12 / values.size)


def test_groups_side_by_side_are_independent():
    pair = CorrelatedGroup(n=2, probability=0.3)
    on = _sample(Concatenated(parts=(pair, pair))) != 0
    assert on.shape == (4, BATCH)
    assert np.all(on[0] == on[1]) and np.all(on[2] == on[3])
    both = (on[0] & on[2]).mean()
    assert abs(both - 0.09) < 5 * np.sqrt(0.09 * 0.91 / BATCH)
