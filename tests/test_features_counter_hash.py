"""The counter hash is random enough, and what is known to be worse is found out.

Each measure is a z-score or p-value under true randomness with fixed seeds, so nothing
here depends on luck. Weaker hashes are the negative controls. `benchmarks/battery.py`
is the long version.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

import toymodels as tm
from toymodels.features import GENERATORS, with_generator
from toymodels.features.counter_hash import IMPLEMENTATION, hashed_words

ROOT = jax.random.key(7, impl=IMPLEMENTATION)
WORDS = 2**20


def of_key(words: int = WORDS) -> np.ndarray:
    """Words of one key."""
    return np.asarray(jax.random.bits(ROOT, (words,)))


def of_folds(count: int, words: int) -> np.ndarray:
    """Words of neighbouring folds, (count, words)."""
    fold_in = jax.vmap(jax.random.fold_in, in_axes=(None, 0))
    keys = fold_in(ROOT, jnp.arange(count))
    return np.asarray(jax.vmap(lambda key: jax.random.bits(key, (words,)))(keys))


def of_raw_keys(count: int, words: int) -> np.ndarray:
    """Words of keys whose bits count upwards, which nobody mixed, (count, words)."""
    data = np.zeros((count, 2), np.uint32)
    data[:, 1] = np.arange(count)
    keys = jax.random.wrap_key_data(data, impl=IMPLEMENTATION)
    return np.asarray(jax.vmap(lambda key: jax.random.bits(key, (words,)))(keys))


ORDERS = {
    "places of a key": lambda: of_key(),
    "folds at one place": lambda: of_folds(2**16, 16).T.reshape(-1),
    "raw keys at one place": lambda: of_raw_keys(2**16, 16).T.reshape(-1),
    "every fourth place": lambda: of_key(4 * WORDS)[::4],
    "every 1024th place": lambda: of_key(2**24).reshape(-1, 1024).T.reshape(-1)[:WORDS],
}


def bit_scores(words: np.ndarray) -> np.ndarray:
    """z-score of the number of ones of each bit, and of equal neighbours of each."""
    bits = (words[:, None] >> np.arange(32, dtype=np.uint32)) & 1
    equal = (bits[1:] == bits[:-1]).mean(0)
    scale = 2 * np.sqrt(len(words))
    return scale * (np.concatenate([bits.mean(0), equal]) - 0.5)


def correlation_scores(words: np.ndarray, lags: int = 16) -> np.ndarray:
    """z-score of the serial correlation of the words at each lag."""
    u = words / 2**32 - 0.5
    return np.array(
        [12 * np.sqrt(len(u)) * np.mean(u[lag:] * u[:-lag]) for lag in range(1, lags)]
    )


def pair_p_value(words: np.ndarray, low: bool) -> float:
    """χ² of neighbouring words on a 64 × 64 grid, by their upper or lower bits."""
    part = (words & 63) if low else (words >> 26)
    cells = part[:-1:2].astype(int) * 64 + part[1::2]
    return stats.chisquare(np.bincount(cells, minlength=64 * 64)).pvalue


def repeats_p_value(words: np.ndarray) -> float:
    """Of the number of repeated words, which is Poisson with mean N²/2³³."""
    repeats = len(words) - len(np.unique(words))
    mean = len(words) ** 2 / 2**33
    tail = min(stats.poisson.cdf(repeats, mean), stats.poisson.sf(repeats - 1, mean))
    return min(1.0, 2 * tail)


# 64 bit scores and 15 correlations for each order: 5 standard errors is 1 in 20,000.
MOST_SCORE = 5.0
LEAST_P = 1e-4


@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS)
def test_words_look_independent(order):
    words = order()
    assert len(words) == WORDS
    assert np.abs(bit_scores(words)).max() < MOST_SCORE
    assert np.abs(correlation_scores(words)).max() < MOST_SCORE
    assert pair_p_value(words, low=False) > LEAST_P
    assert pair_p_value(words, low=True) > LEAST_P
    assert repeats_p_value(words) > LEAST_P
    assert stats.kstest(words / 2**32, "uniform").pvalue > LEAST_P


def test_neighbouring_keys_share_nothing():
    """Every pair of 64 folds, by correlation and by equal words."""
    words = of_folds(64, 2**14)
    u = words / 2**32 - 0.5
    scores = 12 * (u @ u.T) / np.sqrt(u.shape[1])
    off = scores[~np.eye(64, dtype=bool)]
    assert np.abs(off).max() < MOST_SCORE
    assert np.std(off) == pytest.approx(1, abs=0.1)
    assert repeats_p_value(words.reshape(-1)) > LEAST_P


def test_one_bit_of_the_key_or_place_changes_half_the_word():
    key = jnp.uint32([0x243F6A88, 0x85A308D3])
    places = jnp.arange(2**14, dtype=jnp.uint32)
    words = np.asarray(hashed_words(key, places))
    for bit in range(32):
        flip = jnp.uint32(1 << bit)
        first, second = jnp.stack([flip, flip * 0]), jnp.stack([flip * 0, flip])
        moved = {
            "place": (hashed_words(key, places ^ flip), 0.02),
            "first half": (hashed_words(key ^ first, places), 0.02),
            # It enters late and is mixed less. It need not be mixed more: keys come out
            # of Threefry, so that no two of them differ in one bit.
            "second half": (hashed_words(key ^ second, places), 0.15),
        }
        for what, (other, tolerance) in moved.items():
            flipped = np.unpackbits((words ^ np.asarray(other)).view(np.uint8))
            assert flipped.mean() == pytest.approx(0.5, abs=tolerance), what


def bijection(places: np.ndarray) -> np.ndarray:
    """A good hash without the second look at the place: no word is ever repeated."""
    word = places * np.uint32(0x9E3779B1)
    word = (word ^ (word >> 16)) * np.uint32(0x21F0AAAD)
    word = (word ^ (word >> 15)) * np.uint32(0xD35A2D97)
    return word ^ (word >> 15)


def test_weaker_hashes_are_found_out():
    places = np.arange(WORDS, dtype=np.uint32)
    assert repeats_p_value(bijection(places)) < LEAST_P
    weyl = places * np.uint32(0x9E3779B1)
    assert np.abs(correlation_scores(weyl)).max() > MOST_SCORE
    congruential = places * np.uint32(1664525) + np.uint32(1013904223)
    assert np.abs(bit_scores(congruential)).max() > MOST_SCORE
    assert pair_p_value(congruential, low=True) < LEAST_P


@pytest.mark.parametrize("width", ["uint8", "uint16", "uint32"])
def test_widths(width):
    found = np.asarray(jax.random.bits(ROOT, (2**16,), width))
    assert found.dtype == width
    share = found / float(np.iinfo(width).max)
    assert share.mean() == pytest.approx(0.5, abs=5 / np.sqrt(12 * 2**16))


def test_more_words_than_places_are_refused():
    with pytest.raises(tm.SettingsError, match="at most 2³² words"):
        jax.jit(lambda: jax.random.bits(ROOT, (2**17, 2**16))).lower()


DISTRIBUTIONS = {
    "independent": tm.IndependentFeatures(n=4, probability=[0.9, 0.3, 0.05, 0.001]),
    "signed": tm.IndependentFeatures(n=4, probability=0.2, values="signed"),
    "exactly k": tm.ExactlyK(n=6, k=2),
    "correlated": tm.CorrelatedGroup(n=4, probability=0.3),
    "anticorrelated": tm.AnticorrelatedGroup(n=4, probability=0.3),
    "gaussian": tm.GaussianFeatures(covariance=np.eye(3)),
}


@pytest.mark.parametrize("features", DISTRIBUTIONS.values(), ids=DISTRIBUTIONS)
def test_distributions_keep_their_moments(features):
    batch = 2**18
    x = np.asarray(features.sample(ROOT, batch), np.float64)
    mean, variance = features.mean(), features.variance()
    error = np.sqrt(variance / batch)
    assert np.all(np.abs(x.mean(1) - mean) < 5 * error)
    centred = (x - mean[:, None]) ** 2
    assert np.all(
        np.abs(centred.mean(1) - variance) < 5 * centred.std(1) / np.sqrt(batch)
    )


@pytest.mark.slow
def test_training_with_it_is_as_good():
    """The same initial weights, other samples: losses agree within their spread."""
    losses = {}
    for generator in GENERATORS:
        spec = tm.TrainSpec(
            model=tm.Autoencoder(n=5, d=2),
            features=tm.IndependentFeatures(n=5, probability=0.1),
            seeds=16,
            steps=2_000,
            batch=128,
            optimiser=tm.Optimiser(learning_rate=5e-3),
            generator=generator,
        )
        losses[generator] = tm.train(spec).final_loss()
    assert stats.mannwhitneyu(*losses.values()).pvalue > 0.01
    assert not np.array_equal(*losses.values())


def test_keys_change_hands():
    keys = jax.random.split(jax.random.key(3), 4)
    ours = with_generator(keys, "counter_hash")
    assert jax.random.key_impl(ours) == IMPLEMENTATION
    np.testing.assert_array_equal(
        jax.random.key_data(with_generator(ours, "threefry2x32")),
        jax.random.key_data(keys),
    )


def test_another_default_of_jax_changes_nothing(monkeypatch):
    spec = tm.TrainSpec(
        model=tm.Autoencoder(n=3, d=2),
        features=tm.IndependentFeatures(n=3, probability=0.5),
        steps=3,
        batch=8,
    )
    run = tm.train(spec)
    with jax.default_prng_impl("rbg"):
        other = tm.train(spec)
        np.testing.assert_array_equal(other.final_loss(), run.final_loss())
    np.testing.assert_array_equal(other.params["W"], run.params["W"])


def test_an_unknown_generator_is_named():
    with pytest.raises(tm.SettingsError, match="generator.*'mersenne'.*counter_hash"):
        tm.TrainSpec(
            model=tm.Autoencoder(n=5, d=2),
            features=tm.IndependentFeatures(n=5, probability=0.1),
            generator="mersenne",
        )
