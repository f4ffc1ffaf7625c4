"""Exactly k features, all sets of them equally often."""

from itertools import combinations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from toymodels.features import ExactlyK
from toymodels.features.exactly_k import MOST_SEARCHES, smallest


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


@pytest.mark.parametrize("k", [1, 3, MOST_SEARCHES, MOST_SEARCHES + 1])
@pytest.mark.parametrize("most", [2**32 - 1, 7])
def test_searching_and_sorting_choose_the_same(k, most):
    # With few different words nearly all are equal; a third is the largest there is, so
    # that some of these are chosen too.
    rng = np.random.default_rng(0)
    words = rng.integers(0, most, (MOST_SEARCHES + 3, 50), endpoint=True)
    words[::3] = 2**32 - 1
    order = np.argsort(np.minimum(words, 2**32 - 2), axis=0, kind="stable")
    rank = np.argsort(order, axis=0, kind="stable")
    found = smallest(jnp.asarray(words, jnp.uint32), k)
    np.testing.assert_array_equal(found, rank < k)
