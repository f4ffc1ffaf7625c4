"""How well n directions can be packed into d dimensions: Welch's bound.

Any n > d unit vectors overlap. The bound limits the mean squared overlap, and so the
worst one, from below; it is the floor that no linear readout of n superposed features
gets under (Welch 1974; Borobia, Seguí-Mas & Tormo-Carbó 2026, arXiv 2605.01192).

Axes: `runs` leading axes, `d` hidden dimensions, `n` features.
"""

import math

import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Float

from toymodels.geometry.columns import cosines


def welch_floor(n: int, d: int) -> float:
    """Smallest mean squared overlap: (n − d)/(d(n − 1)) for n > d, else 0.

    It holds for the squared cosines of n vectors in d dimensions, and for the squared
    off-diagonal entries of any n × n readout G = RE of rank ≤ d with unit diagonal,
    because (tr G)² ≤ rank(G)·‖G‖²_F. Unit-norm tight frames attain it.

    Args:
        n: number of vectors, ≥ 1.
        d: number of dimensions, ≥ 1.

    Raises:
        ValueError: n or d is below 1.
    """
    if n < 1 or d < 1:
        raise ValueError(f"n, d: got {n}, {d}, expected whole numbers ≥ 1; try d=2")
    return (n - d) / (d * (n - 1)) if n > d else 0.0


def welch_bound(n: int, d: int) -> float:
    """Smallest coherence max_{i≠j} abs(cos): the square root of `welch_floor`.

    Attained only by equiangular tight frames, such as a simplex (n = d + 1).
    """
    return math.sqrt(welch_floor(n, d))


def mean_squared_off_diagonal(
    G: Float[ArrayLike, "*runs n n"],
) -> Float[Array, "*runs"]:
    """Mean of G_ij² over i ≠ j: the crosstalk of a readout with unit diagonal."""
    squared = jnp.asarray(G) ** 2
    n = squared.shape[-1]
    others = jnp.broadcast_to(~jnp.eye(n, dtype=bool), squared.shape)
    return jnp.sum(squared, axis=(-2, -1), where=others) / max(n * (n - 1), 1)


def mean_squared_coherence(W: Float[ArrayLike, "*runs d n"]) -> Float[Array, "*runs"]:
    """Mean squared cosine between different columns, ≥ `welch_floor(n, d)`.

    Zero columns count as orthogonal to all; leave them out to compare with the floor.
    """
    return mean_squared_off_diagonal(cosines(W))


def coherence(W: Float[ArrayLike, "*runs d n"]) -> Float[Array, "*runs"]:
    """Largest abs(Ŵ_i·Ŵ_j) over i ≠ j, ≥ `welch_bound(n, d)`; 0 for one column."""
    cosine = jnp.abs(cosines(W))
    others = jnp.broadcast_to(~jnp.eye(cosine.shape[-1], dtype=bool), cosine.shape)
    return jnp.max(cosine, axis=(-2, -1), where=others, initial=0.0)
