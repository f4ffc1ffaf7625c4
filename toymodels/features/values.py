"""Values of a switched-on feature, independent of what switched it on.

If a feature is on with probability p and then takes a value v of its own, E x = p E v
and Var x = p E v² − (p E v)², whatever the gates of different features have in common.

Axis letters: `n` features, `batch` samples, `members` settings of one ensemble.
"""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Float64

from toymodels.config import check_choice
from toymodels.features.base import FeatureDistribution

# (E v, E v²) for U[0, 1], U[−1, 1] and the constant 1.
VALUE_MOMENTS = {
    "uniform": (1 / 2, 1 / 3),
    "signed": (0.0, 1 / 3),
    "boolean": (1.0, 1.0),
}


class GatedFeatures(FeatureDistribution):
    """Gates of any kind with independent values; a subclass says how gates are drawn.

    A subclass has the field `values` and defines `sample_labelled` and `activity`.
    """

    values: str

    def check(self) -> None:
        """`values` must be known."""
        check_choice("values", self.values, VALUE_MOMENTS)

    def mean(self) -> Float64[np.ndarray, "*members n"]:
        """The activity times the mean of a value."""
        return self.activity() * VALUE_MOMENTS[self.values][0]

    def variance(self) -> Float64[np.ndarray, "*members n"]:
        """E x² − (E x)²."""
        square = self.activity() * VALUE_MOMENTS[self.values][1]
        return square - self.mean() ** 2


def gated(
    active: Bool[Array, "n batch"], unit: Float[Array, "n batch"], values: str
) -> Float[Array, "n batch"]:
    """Values where `active`, else 0.

    Args:
        active: the gates.
        unit: independent of the gates and U(0, 1) wherever `active`.
        values: "uniform", "signed" or "boolean".
    """
    if values == "boolean":
        return active.astype(unit.dtype)
    return jnp.where(active, 2 * unit - 1 if values == "signed" else unit, 0.0)
