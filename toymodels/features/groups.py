"""Correlated and anticorrelated groups of features.

Elhage et al. 2022, section "Organizing features into (anti-)correlated sets": in a
correlated group all features are on together or off together; in an anticorrelated
group at most one is on. Several groups are joined with `Concatenated`.

Axis letters: `n` features of the group, `batch` samples, `members` of one ensemble.
"""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float64, PRNGKeyArray

from toymodels.config import check_probability
from toymodels.features.base import (
    LabelledSamples,
    Leaf,
    exact,
    feature_distribution,
    labelled,
    leaf,
)
from toymodels.features.uniform import open_uniform
from toymodels.features.values import GatedFeatures, gated


@feature_distribution
class CorrelatedGroup(GatedFeatures):
    """One on/off draw for the whole group, independent values.

    Args:
        n: number of features in the group, ≥ 1.
        probability: that the group is on, in (0, 1]; one number or (members,).
        values: "uniform" U[0, 1], "signed" U[−1, 1] or "boolean" 1.
    """

    n: int
    probability: Leaf = leaf(check=check_probability)
    values: str = "uniform"

    def sample_labelled(self, key: PRNGKeyArray, batch: int) -> LabelledSamples:
        """The first row of the random numbers is the gate, the others are values."""
        u = open_uniform(key, (1 + self.n, batch))
        active = jnp.broadcast_to(u[:1] < self.probability, (self.n, batch))
        return labelled(gated(active, u[1:], self.values), active)

    def activity(self) -> Float64[np.ndarray, "*members n"]:
        """The probability of the group."""
        return exact(self.probability)[..., None] * np.ones(self.n)


@feature_distribution
class AnticorrelatedGroup(GatedFeatures):
    """With `probability` exactly one random feature of the group is on, else none.

    Args:
        n: number of features in the group, ≥ 1.
        probability: that one of them is on, in (0, 1]; one number or (members,). Each
            feature is then on with probability/n.
        values: "uniform" U[0, 1], "signed" U[−1, 1] or "boolean" 1.
    """

    n: int
    probability: Leaf = leaf(check=check_probability)
    values: str = "uniform"

    def sample_labelled(self, key: PRNGKeyArray, batch: int) -> LabelledSamples:
        """Three random numbers a sample: whether, which, and with what value."""
        gate, which, unit = open_uniform(key, (3, batch))
        # The product rounds up to n for u next to 1 when n is large.
        index = jnp.minimum((which * self.n).astype(jnp.int32), self.n - 1)
        chosen = jnp.arange(self.n)[:, None] == index[None, :]
        active = chosen & (gate < self.probability)[None, :]
        unit = jnp.broadcast_to(unit, (self.n, batch))
        return labelled(gated(active, unit, self.values), active)

    def activity(self) -> Float64[np.ndarray, "*members n"]:
        """The probability of the group, divided among its features."""
        return exact(self.probability)[..., None] * np.full(self.n, 1 / self.n)
