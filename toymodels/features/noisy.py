"""Gaussian noise added to every coordinate of other features.

Axis letters: `n` features, `batch` samples, `members` settings of one ensemble.
"""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float64, PRNGKeyArray

from toymodels.config import check_range
from toymodels.features.base import (
    FeatureDistribution,
    LabelledSamples,
    Leaf,
    child,
    exact,
    feature_distribution,
    leaf,
)


def _check_scale(field: str, value: object) -> None:
    check_range(field, value, low=0.0, hint=f"{field}=0.1")


@feature_distribution
class NoisyFeatures(FeatureDistribution):
    """x + ε with ε ~ N(0, scale²), on switched-off features and repeated points too.

    The labels and `activity` remain those of `base`: with noise no entry is 0, and what
    one wants to know is which features are really there.

    Args:
        base: the features without noise.
        scale: standard deviation, ≥ 0; one number, (n,), (members, 1) or (members, n).
    """

    base: FeatureDistribution = child()
    scale: Leaf = leaf("n", check=_check_scale)

    @property
    def n(self) -> int:
        """That of `base`."""
        return self.base.n

    def sample_labelled(self, key: PRNGKeyArray, batch: int) -> LabelledSamples:
        """Samples of `base` plus independent noise."""
        base_key, noise_key = jax.random.split(key)
        drawn = self.base.sample_labelled(base_key, batch)
        noise = jax.random.normal(noise_key, (self.n, batch))
        return dataclasses.replace(
            drawn, x=drawn.x + jnp.asarray(self.scale)[:, None] * noise
        )

    def mean(self) -> Float64[np.ndarray, "*members n"]:
        """That of `base`."""
        return self.base.mean() + 0 * exact(self.scale)

    def variance(self) -> Float64[np.ndarray, "*members n"]:
        """That of `base`, plus scale²."""
        return self.base.variance() + exact(self.scale) ** 2

    def activity(self) -> Float64[np.ndarray, "*members n"]:
        """That of `base`: the probability that the feature is switched on."""
        return self.base.activity() + 0 * exact(self.scale)
