"""Interference: how much the other features overlap with one feature's direction.

Elhage et al. 2022, "Demonstrating Superposition": the colour of their bar charts.

Axes: `runs` leading axes, `d` hidden dimensions, `n` features.
"""

import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Float

from toymodels.geometry.columns import unit_columns


def overlaps(W: Float[ArrayLike, "*runs d n"]) -> Float[Array, "*runs n n"]:
    """Projections Ŵ_i·W_j of column j (last axis) on the direction of column i."""
    return jnp.einsum("...di,...dj->...ij", unit_columns(W), W)


def interference(W: Float[ArrayLike, "*runs d n"]) -> Float[Array, "*runs n"]:
    """The superposition measure Σ_{j≠i} (Ŵ_i·W_j)² of each feature, ≥ 0.

    It is 0 for a feature with a dimension to itself and about 1 for one of an antipodal
    pair. A zero column has no direction and gets 0.

    Args:
        W: (*runs, d, n) weights.

    Returns:
        (*runs, n).
    """
    squared = overlaps(W) ** 2
    others = ~jnp.eye(squared.shape[-1], dtype=bool)
    # The diagonal is masked, not subtracted: subtracting ‖W_i‖² from the whole sum
    # would leave rounding noise, which may be negative, on features free of overlap.
    return jnp.sum(squared, axis=-1, where=jnp.broadcast_to(others, squared.shape))
