"""Planes to look for contours in: two orthogonal unit directions at an activation.

Axis letters: n features, `d` dimensions of the activation, `pairs` planes.

References:
    da Silva & Heimersheim 2026, *Evidence for feature-specific error correction in
    LLMs*, 2606.24964.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from toymodels.config import SettingsError

Plane = tuple[Float[Array, "d pairs"], Float[Array, "d pairs"]]

# Rounding of float32 over a few hundred dimensions.
_UNIT = 1e-3
_PARALLEL = 1e-2


def check_planes(u: Float[Array, "d pairs"], v: Float[Array, "d pairs"]) -> None:
    """Each u and v of length 1 and orthogonal to one another.

    Raises:
        SettingsError: a direction is not unit, or the two of a pair are parallel or
            oblique; `plane` makes planes of any two that are not parallel.
    """
    for name, directions in (("u", np.asarray(u)), ("v", np.asarray(v))):
        lengths = np.linalg.norm(directions, axis=0)
        if not (np.abs(lengths - 1) < _UNIT).all():
            worst = int(np.argmax(np.nan_to_num(np.abs(lengths - 1), nan=np.inf)))
            raise SettingsError(
                f"{name}[:, {worst}]",
                f"length {lengths[worst]:.3g}",
                "a unit direction",
            )
    products = np.abs(np.asarray((u * v).sum(axis=0)))
    if (products > _PARALLEL).any():
        worst = int(np.argmax(products))
        raise SettingsError(
            f"u and v of pair {worst}",
            f"|cos| = {products[worst]:.3f}",
            "orthogonal directions",
            "`plane(u, v)`, unless the two are parallel",
        )


def plane(u: Float[Array, "d pairs"], v: Float[Array, "d pairs"]) -> Plane:
    """Orthonormal directions of the planes of u and v; u is turned away from v.

    Raises:
        SettingsError: two directions of a pair are parallel, or one is zero.
    """
    v_lengths = jnp.linalg.norm(v, axis=0, keepdims=True)
    v = v / jnp.where(v_lengths > 0, v_lengths, 1.0)
    rest = u - (u * v).sum(axis=0, keepdims=True) * v
    lengths = jnp.linalg.norm(rest, axis=0, keepdims=True)
    sizes = jnp.linalg.norm(u, axis=0, keepdims=True)
    bad = np.asarray((lengths <= _PARALLEL * sizes) | (v_lengths == 0))[0]
    if bad.any():
        raise SettingsError(
            f"u and v of pair {int(bad.argmax())}",
            "parallel or zero directions",
            "two directions that span a plane",
        )
    return rest / lengths, v


def misaligned(
    e: Float[Array, "d pairs"],
    w: Float[Array, "d pairs"],
    v: Float[Array, "d pairs"],
    angle: float | int,
) -> Plane:
    """u(α) = cos α e + sin α w, made orthogonal to v, and v; w is first turned off e.

    Args:
        e: unit directions that are turned.
        w: where they are turned to.
        v: the other direction of each plane, unit.
        angle: α in degrees.
    """
    w, e = plane(w, e)
    alpha = np.deg2rad(angle)
    return plane(float(np.cos(alpha)) * e + float(np.sin(alpha)) * w, v)


def random_planes(key: PRNGKeyArray, d: int, pairs: int) -> Plane:
    """Isotropic planes; consumes the key."""
    first, second = jax.random.normal(key, (2, d, pairs))
    v = _unit(second)
    return _unit(first - (first * v).sum(axis=0, keepdims=True) * v), v


def pick_pairs(
    key: PRNGKeyArray,
    directions: Float[Array, "d n"],
    allowed: Bool[Array, "n pairs"],
    *,
    tries: int = 32,
) -> Int[Array, "ends pairs"]:
    """Two different allowed features for each pair, as orthogonal as chance offers.

    Of several random pairs the one with the smallest cosine is taken: in a layer with
    superposition features overlap, and a plane can only hold one of two that do.
    Consumes the key.

    Args:
        key: of the draws.
        directions: unit directions of all features.
        allowed: from which features each pair is taken, two at least.
        tries: random pairs that compete.
    """
    n, pairs = allowed.shape
    # The two largest random numbers among the allowed features; no sort, which takes
    # long to compile.
    drawn = (
        jax.random.uniform(key, (tries, n, pairs)) + jnp.where(allowed, 1.0, 0.0)[None]
    )
    first = drawn.argmax(axis=1)
    taken = jnp.arange(n)[None, :, None] == first[:, None]
    second = jnp.where(taken, -1.0, drawn).argmax(axis=1)
    cosine = jnp.einsum("dtp,dtp->tp", directions[:, first], directions[:, second])
    best = jnp.abs(cosine).argmin(axis=0)
    columns = jnp.arange(pairs)
    return jnp.stack([first[best, columns], second[best, columns]])


def feature_planes(
    directions: Float[Array, "d n"], ends: Int[Array, "ends pairs"]
) -> Plane:
    """The planes of pairs of features, u turned away from v where they overlap."""
    v = directions[:, ends[1]]
    u = directions[:, ends[0]]
    return _unit(u - (u * v).sum(axis=0, keepdims=True) * v), v


def _unit(directions: Float[Array, "d pairs"]) -> Float[Array, "d pairs"]:
    return directions / jnp.linalg.norm(directions, axis=0, keepdims=True)
