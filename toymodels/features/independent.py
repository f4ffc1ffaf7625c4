"""Independent sparse features, the distribution of Elhage et al. 2022.

x_i = 0 with probability S = 1 − p, else a value of its own, independently over i
(section "Experiment setup: the feature vectors"). For values in U[0, 1]:
E x = p/2, Var x = p/3 − p²/4.

Axis letters: `n` features, `batch` samples, `members` settings of one ensemble.
"""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Float64, PRNGKeyArray

from toymodels.config import check_choice, check_probability
from toymodels.features.base import (
    FeatureDistribution,
    LabelledSamples,
    Leaf,
    exact,
    feature_distribution,
    labelled,
    leaf,
    open_uniform,
)

# Values of an active feature: (mean, mean square).
VALUE_MOMENTS = {
    "uniform": (1 / 2, 1 / 3),
    "signed": (0.0, 1 / 3),
    "boolean": (1.0, 1.0),
}


@feature_distribution
class IndependentFeatures(FeatureDistribution):
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

    def check(self) -> None:
        """`values` must be known."""
        check_choice("values", self.values, VALUE_MOMENTS)

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

    def mean(self) -> Float64[np.ndarray, "*members n"]:
        """The probability times the mean of a value."""
        return exact(self.probability) * VALUE_MOMENTS[self.values][0]

    def variance(self) -> Float64[np.ndarray, "*members n"]:
        """E x² − (E x)²."""
        square = exact(self.probability) * VALUE_MOMENTS[self.values][1]
        return square - self.mean() ** 2

    def activity(self) -> Float64[np.ndarray, "*members n"]:
        """The probability p."""
        return exact(self.probability)


def gated(
    active: Bool[Array, "n batch"], unit: Float[Array, "n batch"], values: str
) -> Float[Array, "n batch"]:
    """Values where `active`, else 0; `unit` is U(0, 1) where `active`."""
    if values == "boolean":
        return active.astype(unit.dtype)
    return jnp.where(active, 2 * unit - 1 if values == "signed" else unit, 0.0)
