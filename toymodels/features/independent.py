"""Independent sparse features, the distribution of Elhage et al. 2022.

x_i = 0 with probability S = 1 − p, else a value of its own, independently over i
(section "Experiment setup: the feature vectors"). For values in U[0, 1]:
E x = p/2, Var x = p/3 − p²/4.

Axis letters: `n` features, `batch` samples, `members` settings of one ensemble.
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
class IndependentFeatures(GatedFeatures):
    """Each feature is on with its own probability, independently of all others.

    Args:
        n: number of features, ≥ 1.
        probability: p = 1 − S in (0, 1]; one number, (n,), (members, 1) or
            (members, n).
        values: of an active feature: "uniform" U[0, 1], "signed" U[−1, 1] or
            "boolean" 1.
    """

    n: int
    probability: Leaf = leaf("n", check=check_probability)
    values: str = "uniform"

    def sample_labelled(self, key: PRNGKeyArray, batch: int) -> LabelledSamples:
        """One uniform number u an entry: on iff u < p, and then u/p is U[0, 1] again.

        Random numbers are most of the cost of a training step on a small model, so one
        draw serves as gate and value. It resolves p down to 2⁻²³ ≈ 1.2e-7.
        """
        u = open_uniform(key, (self.n, batch))
        p = jnp.asarray(self.probability)[:, None]
        active = u < p
        # Not u / p: members share u, so this line is most of what a member costs.
        return labelled(gated(active, u * (1 / p), self.values), active)

    def activity(self) -> Float64[np.ndarray, "*members n"]:
        """The probability p."""
        return exact(self.probability)
