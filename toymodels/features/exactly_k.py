"""Exactly k of n features on, every set of k equally likely.

Axis letters: `n` features, `batch` samples.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float64, PRNGKeyArray

from toymodels.config import SettingsError, check_count
from toymodels.features.base import (
    LabelledSamples,
    feature_distribution,
    labelled,
)
from toymodels.features.uniform import open_uniform, random_words
from toymodels.features.values import GatedFeatures, gated


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
        # Ranks, not a threshold: two equal random numbers would make k + 1 features.
        order = jnp.argsort(random_words(order_key, (self.n, batch)), axis=0)
        active = jnp.argsort(order, axis=0) < self.k
        unit = open_uniform(value_key, (self.n, batch))
        return labelled(gated(active, unit, self.values), active)

    def activity(self) -> Float64[np.ndarray, " n"]:
        """k/n for every feature."""
        return np.full(self.n, self.k / self.n)
