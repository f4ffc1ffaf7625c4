"""Feature dimensionality, and dimensions per feature.

Elhage et al. 2022, "The Geometry of Superposition" (feature dimensionality D_i and
dimensions per feature D*); Henighan et al. 2023 apply D_i to data points.

Axes: `runs` leading axes, `d` hidden dimensions, `n` features.
"""

import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Float

from toymodels.geometry.columns import column_norms
from toymodels.geometry.interference import interference


def feature_dimensionality(W: Float[ArrayLike, "*runs d n"]) -> Float[Array, "*runs n"]:
    """The share of a dimension that each feature has: D_i = ‖W_i‖² / Σ_j (Ŵ_i·W_j)².

    The sum includes j = i, so 0 ≤ D_i ≤ 1. A zero column has D_i = 0. D_i is at most
    the leverage of column i (put v = Ŵ_i in its definition), hence Σ_i D_i ≤ rank(W),
    with equality for unit-norm tight frames, such as every regular polytope.

    Hidden rows of a data set, given as columns, have the *data-point dimensionality* of
    Henighan et al. Remove copies of a row first: their sum runs over unique rows.

    Args:
        W: (*runs, d, n) weights.

    Returns:
        (*runs, n), each in [0, 1].

    References:
        Elhage et al. 2022, "The Geometry of Superposition". A zero column is 0/0 there.
    """
    own = column_norms(W) ** 2
    total = own + interference(W)
    return jnp.where(total > 0, own / jnp.where(total > 0, total, 1.0), 0.0)


def features_per_dimension(W: Float[ArrayLike, "*runs d n"]) -> Float[Array, "*runs"]:
    """‖W‖²_F/d: the number of represented features for each hidden dimension, ≥ 0."""
    return jnp.sum(column_norms(W) ** 2, axis=-1) / jnp.shape(W)[-2]


def dimensions_per_feature(W: Float[ArrayLike, "*runs d n"]) -> Float[Array, "*runs"]:
    """D* = d/‖W‖²_F, the inverse of `features_per_dimension`; infinite for W = 0."""
    return 1.0 / features_per_dimension(W)
