"""Columns of a weight matrix: lengths, directions, Gram matrix.

Feature i of a model x̂ = f(WᵀWx + b) is embedded as column W_i. Everything here is plain
linear algebra on W and knows nothing of how W came about.

Axes: `runs` (any number of leading axes), `d` hidden dimensions, `n` features.

The functions of this room take JAX or NumPy arrays, return JAX arrays and work under
`jax.jit` and `jax.vmap`; only the code that names shapes runs on the host. Their
precision is JAX's: for results to 1e-12, call them inside `with jax.enable_x64(True):`.
One implementation serves training in float32 and exact checks in float64 that way,
where a second one in NumPy could drift from the first.
"""

import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Float


def column_norms(W: Float[ArrayLike, "*runs d n"]) -> Float[Array, "*runs n"]:
    """Length ‖W_i‖ of each column, ≥ 0."""
    return jnp.linalg.norm(jnp.asarray(W), axis=-2)


def unit_columns(W: Float[ArrayLike, "*runs d n"]) -> Float[Array, "*runs d n"]:
    """Directions Ŵ_i = W_i/‖W_i‖; a zero column has no direction and stays zero."""
    norms = column_norms(W)[..., None, :]
    return jnp.where(norms > 0, jnp.asarray(W) / jnp.where(norms > 0, norms, 1.0), 0.0)


def gram(W: Float[ArrayLike, "*runs d n"]) -> Float[Array, "*runs n n"]:
    """Inner products WᵀW: squared lengths on the diagonal, overlaps beside it."""
    return jnp.einsum("...di,...dj->...ij", W, W)


def cosines(W: Float[ArrayLike, "*runs d n"]) -> Float[Array, "*runs n n"]:
    """Cosines Ŵ_i·Ŵ_j in [−1, 1] up to rounding; 0 wherever a column is zero."""
    return gram(unit_columns(W))
