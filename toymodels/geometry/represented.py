"""Which features a model represents, and which of them form antipodal pairs.

A trained W has columns near unit length and columns near zero. The thresholds that tell
them apart are conventions of this package; no source gives one.

Axes: `runs` leading axes, `d` hidden dimensions, `n` features.
"""

import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float

from toymodels.geometry.columns import column_norms, cosines
from toymodels.geometry.dimensionality import feature_dimensionality


def is_represented(
    W: Float[ArrayLike, "*runs d n"], *, squared_norm: float = 0.5
) -> Bool[Array, "*runs n"]:
    """Which features have ‖W_i‖² ≥ `squared_norm`."""
    return column_norms(W) ** 2 >= squared_norm


def has_dimensionality(
    W: Float[ArrayLike, "*runs d n"], *, above: float = 0.2
) -> Bool[Array, "*runs n"]:
    """Which features have D_i > `above`.

    For d = 2 and thousands of features: there hundreds of small columns are long enough
    to matter together, while only about five have a share of the plane to speak of.
    """
    return feature_dimensionality(W) > above


def antipodal_pairs(
    W: Float[ArrayLike, "*runs d n"],
    *,
    cosine: float = 0.98,
    squared_norm: float = 0.5,
) -> Bool[Array, "*runs n n"]:
    """Which pairs i < j of represented features point in opposite directions.

    Args:
        W: (*runs, d, n) weights.
        cosine: a pair is antipodal if Ŵ_i·Ŵ_j ≤ −`cosine`; in [0, 1].
        squared_norm: both features need ‖W_i‖² of at least this.

    Returns:
        (*runs, n, n), true only above the diagonal, so that its sum counts the pairs.
    """
    represented = is_represented(W, squared_norm=squared_norm)
    both = represented[..., :, None] & represented[..., None, :]
    return jnp.triu((cosines(W) <= -cosine) & both, k=1)
