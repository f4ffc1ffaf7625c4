"""Leverage: how much one sample can be told from all the others by a single direction.

The leverage of column h_i of H is h_iᵀ(HHᵀ)⁺h_i. It equals the *maximal data
dimensionality* sup_v (v·h_i)²/Σ_j(v·h_j)² of Henighan et al. 2023: their data-point
dimensionality fixes v = ĥ_i, this takes the best v. The identities below need no data
set and link leverage to rank, repetition and Mahalanobis distance.

Axes: `runs` leading axes, `d` hidden dimensions, `n` columns (features or samples). As
everywhere in this package samples are columns, so HHᵀ is (d, d); sources that keep
samples in rows write HᵀH for it.
"""

import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Float


def leverage(
    H: Float[ArrayLike, "*runs d n"], *, rcond: float | None = None
) -> Float[Array, "*runs n"]:
    """Leverage h_iᵀ(HHᵀ)⁺h_i of each column; their sum is the rank of H.

    Through the singular vectors of H: forming HHᵀ would square its condition number.

    Args:
        H: (*runs, d, n) hidden activations or weights.
        rcond: singular values up to `rcond` times ‖H‖_F count as zero; by default
            max(d, n) times the machine epsilon, as in `numpy.linalg.matrix_rank`.

    Returns:
        (*runs, n), each in [0, 1]. Every copy of a repeated column gets the same, lower
        value (`leverage_of_copies`), so remove copies before looking for outliers.
    """
    H = jnp.asarray(H)
    return _leverage(H, _smallest_value(H, rcond))


def leverage_of_copies(
    against_others: Float[ArrayLike, "*shape"], copies: int
) -> Float[Array, "*shape"]:
    """Leverage of each of R equal columns: λ/(1 + Rλ), which is below 1/R.

    Args:
        against_others: λ = hᵀ(AAᵀ)⁻¹h ≥ 0, where A holds all *other* columns; infinite
            where h is outside their span, which gives exactly 1/R.
        copies: R ≥ 1, how often the column occurs.

    Returns:
        Leverage of each copy in the full matrix, same shape, in [0, 1/R].

    References:
        Sherman & Morrison 1950, applied to AAᵀ + R·hhᵀ.
    """
    return 1.0 / (1.0 / jnp.asarray(against_others) + copies)


def leverage_against_others(
    leverages: Float[ArrayLike, "*shape"], copies: int = 1
) -> Float[Array, "*shape"]:
    """λ of `leverage_of_copies` from a leverage ℓ in the full matrix: ℓ/(1 − Rℓ)."""
    leverages = jnp.asarray(leverages)
    return leverages / (1.0 - copies * leverages)


def mahalanobis_squared(
    H: Float[ArrayLike, "*runs d n"], *, rcond: float | None = None
) -> Float[Array, "*runs n"]:
    """Squared Mahalanobis distance of each column from the mean of all n columns.

    It is (n − 1) times the leverage of the centred columns, with the sample covariance
    (divisor n − 1) and its pseudo-inverse.

    Args:
        H: (*runs, d, n) samples as columns.
        rcond: as in `leverage`, relative to H before centring, because that is the
            size that centring leaves rounding errors of.

    Returns:
        (*runs, n), in [0, n − 1].
    """
    H = jnp.asarray(H)
    centred = H - H.mean(axis=-1, keepdims=True)
    return (H.shape[-1] - 1) * _leverage(centred, _smallest_value(H, rcond))


def _smallest_value(
    H: Float[Array, "*runs d n"], rcond: float | None
) -> Float[Array, "*runs"]:
    """The singular value up to which a direction counts as rounding."""
    if rcond is None:
        rcond = max(H.shape[-2:]) * float(jnp.finfo(H.dtype).eps)
    return rcond * jnp.linalg.norm(H, axis=(-2, -1))


def _leverage(
    H: Float[Array, "*runs d n"], smallest: Float[Array, "*runs"]
) -> Float[Array, "*runs n"]:
    """Leverage from the right singular vectors with values above `smallest`."""
    _, values, directions = jnp.linalg.svd(H, full_matrices=False)
    kept = values > smallest[..., None]
    return jnp.sum(jnp.where(kept[..., None], directions**2, 0.0), axis=-2)
