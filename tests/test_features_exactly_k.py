"""Exactly k features, all sets of them equally often."""

from itertools import combinations

import jax
import numpy as np
import pytest

from toymodels.features import ExactlyK


@pytest.mark.parametrize(("n", "k"), [(1, 1), (5, 1), (5, 3), (5, 5), (40, 7)])
def test_exactly_k_are_on(n, k):
    x = ExactlyK(n=n, k=k).sample(jax.random.key(0), 2000)
    assert np.all((np.asarray(x) != 0).sum(axis=0) == k)


def test_every_set_is_equally_likely():
    batch = 20_000
    on = np.asarray(ExactlyK(n=5, k=2).sample(jax.random.key(1), batch)) != 0
    for i, j in combinations(range(5), 2):
        # 10 sets of two.
        assert abs((on[i] & on[j]).mean() - 0.1) < 5 * np.sqrt(0.09 / batch)
