"""Our own use of Threefry: both words of a block, each counter once."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats
from jax.extend.random import threefry_2x32

from toymodels.features.uniform import open_uniform, random_words

KEY = jax.random.key(5)


def test_words_are_threefry_of_distinct_counters():
    words = np.asarray(random_words(KEY, (3, 4))).ravel()
    # Block j has the counters j and j + 6, and gives words j and j + 6.
    for j in range(6):
        pair = threefry_2x32(
            jax.random.key_data(KEY), jnp.asarray([j, j + 6], "uint32")
        )
        assert words[[j, j + 6]].tolist() == np.asarray(pair).tolist()


def test_the_first_block_is_the_published_one():
    # Random123's known answer for Threefry-2x32, 20 rounds, key and counter zero.
    words = threefry_2x32(jnp.zeros(2, jnp.uint32), jnp.zeros(2, jnp.uint32))
    assert [hex(word) for word in words.tolist()] == ["0x6b200159", "0x99ba4efe"]


def test_other_generators_are_left_to_jax():
    key = jax.random.key(0, impl="rbg")
    np.testing.assert_array_equal(
        random_words(key, (4,)), jax.random.bits(key, (4,), jnp.uint32)
    )


@pytest.mark.parametrize("shape", [(7,), (5, 1001), (1, 1)])
def test_shapes_and_open_ends(shape):
    u = np.asarray(open_uniform(KEY, shape))
    assert u.shape == shape and (u > 0).all() and (u < 1).all()


def test_uniform_within_and_across_adjacent_keys_and_positions():
    keys = jax.vmap(lambda i: jax.random.fold_in(KEY, i))(jnp.arange(64))
    u = np.asarray(jax.vmap(lambda key: open_uniform(key, (50, 100)))(keys), np.float64)
    flat = u.reshape(64, -1)
    assert scipy.stats.kstest(flat.ravel(), "uniform").pvalue > 0.01
    # Correlations of 320,000 pairs have a standard error of 1/√320,000.
    size = flat.size
    pairs = {
        "next key": (flat[:-1], flat[1:]),
        "next sample": (u[:, :, :-1], u[:, :, 1:]),
        "next feature": (u[:, :-1], u[:, 1:]),
        "two words of a block": (flat[:, :2500], flat[:, 2500:]),
    }
    for name, (one, other) in pairs.items():
        correlation = np.corrcoef(one.ravel(), other.ravel())[0, 1]
        assert abs(correlation) < 4 / np.sqrt(size / 2), name


def test_every_cell_is_as_likely_as_the_others():
    u = np.asarray(open_uniform(KEY, (1000, 1000))).ravel()
    counts = np.bincount((u * 1000).astype(int), minlength=1000)
    assert scipy.stats.chisquare(counts).pvalue > 0.01
