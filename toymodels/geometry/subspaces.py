"""Subspaces: angles between them, planes, and coordinates inside them.

Used to compare a linear model with the principal subspace, to tell the solutions of
the 3 → 2 model by the direction that they lose, and to draw a polytope that lies in a
few of many hidden dimensions.

Axes: `runs` leading axes, `d` hidden dimensions, `n` features or ambient dimensions.
"""

import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Float


def principal_angles(
    A: Float[ArrayLike, "*runs n a"], B: Float[ArrayLike, "*runs n b"]
) -> Float[Array, "*runs angles"]:
    """Principal angles between the column spans of A and B, largest first.

    Args:
        A: (*runs, n, a) with independent columns, a ≤ n.
        B: (*runs, n, b) with independent columns, b ≤ n.

    Returns:
        (*runs, min(a, b)) in radians, in [0, π/2]. All are 0 if one span holds the
        other.

    References:
        Björck & Golub 1973: cosines lose small angles to rounding and sines lose large
        ones, so each angle is read from the better of the two.
    """
    A, B = jnp.asarray(A), jnp.asarray(B)
    if A.shape[-1] < B.shape[-1]:
        A, B = B, A
    basis_a, basis_b = jnp.linalg.qr(A)[0], jnp.linalg.qr(B)[0]
    shared = jnp.einsum("...na,...nb->...ab", basis_a, basis_b)
    outside = basis_b - jnp.einsum("...na,...ab->...nb", basis_a, shared)
    # Singular values come largest first: cosines belong to the smallest angles.
    cosine = jnp.linalg.svd(shared, compute_uv=False)[..., ::-1]
    sine = jnp.linalg.svd(outside, compute_uv=False)
    return jnp.where(
        sine**2 < 0.5,
        jnp.arcsin(jnp.clip(sine, 0.0, 1.0)),
        jnp.arccos(jnp.clip(cosine, 0.0, 1.0)),
    )


def null_direction(W: Float[ArrayLike, "*runs d n"]) -> Float[Array, "*runs n"]:
    """The unit vector v of feature space with the smallest ‖Wv‖.

    For d = n − 1 and full rank it is the one direction that W loses: "W is orthogonal
    to v" in Elhage et al. 2022, "Superposition as a Phase Change".

    Returns:
        (*runs, n), signed so that the entry of largest magnitude is positive.
    """
    v = jnp.linalg.svd(jnp.asarray(W), full_matrices=True)[2][..., -1, :]
    place = jnp.argmax(jnp.abs(v), axis=-1, keepdims=True)
    return v * jnp.sign(jnp.take_along_axis(v, place, axis=-1))


def plane(
    u: Float[ArrayLike, "*runs d"], v: Float[ArrayLike, "*runs d"]
) -> Float[Array, "*runs d 2"]:
    """Orthonormal basis of the plane of u and v; its first column is û.

    Args:
        u: (*runs, d), not zero.
        v: (*runs, d), not parallel to u. The second basis vector has v·e₂ > 0.

    Returns:
        (*runs, d, 2).
    """
    u, v = jnp.asarray(u), jnp.asarray(v)
    first = u / jnp.linalg.norm(u, axis=-1, keepdims=True)
    rest = v - jnp.sum(v * first, axis=-1, keepdims=True) * first
    second = rest / jnp.linalg.norm(rest, axis=-1, keepdims=True)
    return jnp.stack([first, second], axis=-1)


def best_coordinates(
    W: Float[ArrayLike, "*runs d n"], *, dimensions: int = 2
) -> Float[Array, "*runs {dimensions} n"]:
    """Columns of W in the subspace through 0 that keeps most of ‖W‖²_F.

    A polygon that lies tilted in a large hidden space comes out flat and undistorted,
    up to a rotation or reflection.

    Args:
        W: (*runs, d, n) weights.
        dimensions: number of coordinates, between 1 and min(d, n).
    """
    _, values, directions = jnp.linalg.svd(jnp.asarray(W), full_matrices=False)
    return values[..., :dimensions, None] * directions[..., :dimensions, :]


def angular_gaps(W: Float[ArrayLike, "*runs 2 n"]) -> Float[Array, "*runs n"]:
    """Angles between neighbouring columns in the plane, in counter-clockwise order.

    Select the represented columns first: the direction of a tiny column is noise.

    Returns:
        (*runs, n) in radians, each in [0, 2π], with sum 2π.
    """
    W = jnp.asarray(W)
    angle = jnp.sort(jnp.arctan2(W[..., 1, :], W[..., 0, :]), axis=-1)
    following = jnp.concatenate([angle[..., 1:], angle[..., :1] + 2 * jnp.pi], axis=-1)
    return following - angle
