"""Exactly k of n features on, every set of k equally likely.

Axis letters: `n` features, `batch` samples.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float64, PRNGKeyArray, UInt32

from toymodels.config import SettingsError, check_count
from toymodels.features.base import (
    LabelledSamples,
    feature_distribution,
    labelled,
)
from toymodels.features.uniform import open_uniform, random_words
from toymodels.features.values import GatedFeatures, gated

# Up to this k, k searches for the least are faster than sorting on a CPU: 80 times at
# k = 2 (n = 512, 4,096 samples), twice here.
MOST_SEARCHES = 64


@feature_distribution
class ExactlyK(GatedFeatures):
    """Exactly `k` features are on in every sample; the sizes are the only settings.

    Args:
        n: number of features, ≥ 1.
        k: number of active features, 1 to n.
        values: "uniform" U[0, 1], "signed" U[−1, 1] or "boolean" 1 (k-hot).
    """

    n: int
    k: int
    values: str = "uniform"

    def check(self) -> None:
        """`k` must lie in 1 … n."""
        super().check()
        if check_count("k", self.k) > self.n:
            raise SettingsError(
                "k", self.k, f"at most n = {self.n}", f"k={self.n} or a larger n"
            )

    def sample_labelled(self, key: PRNGKeyArray, batch: int) -> LabelledSamples:
        """The features with the k smallest of n random numbers are on."""
        order_key, value_key = jax.random.split(key)
        active = smallest(random_words(order_key, (self.n, batch)), self.k)
        unit = open_uniform(value_key, (self.n, batch))
        return labelled(gated(active, unit, self.values), active)

    def activity(self) -> Float64[np.ndarray, " n"]:
        """k/n for every feature."""
        return np.full(self.n, self.k / self.n)


def smallest(words: UInt32[Array, "n batch"], k: int) -> Bool[Array, "n batch"]:
    """Which k numbers of each column are the smallest; of equal ones the first.

    By place or rank, not by a threshold: two equal numbers would make k + 1.
    """
    if k > MOST_SEARCHES:
        return jnp.argsort(jnp.argsort(words, axis=0), axis=0) < k
    place = jnp.arange(words.shape[0])[:, None]
    # The two largest words count as one, so that `taken` is above all.
    taken = np.uint32(np.iinfo(np.uint32).max)
    words = jnp.minimum(words, taken - np.uint32(1))

    def search(_: Array, chosen: Bool[Array, "n batch"]) -> Bool[Array, "n batch"]:
        least = jnp.where(chosen, taken, words).argmin(axis=0)
        return chosen | (place == least[None])

    return jax.lax.fori_loop(0, k, search, jnp.zeros(words.shape, bool))
