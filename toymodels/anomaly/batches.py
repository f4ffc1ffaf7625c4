"""One function of a sample applied to all, a bounded number at once.

Axis letters: `samples` as columns, d hidden dimensions.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


def map_columns(
    function: Callable[[Float[Array, " d"]], Float[Array, ""]],
    h: Float[Array, "d samples"],
    *,
    at_once: int,
) -> Float[Array, " samples"]:
    """`function` of every column, vectorised over `at_once` of them at a time.

    Not `jax.lax.map` with a batch size: that compiles the function a second time for
    the remainder. Here the last batch is filled up with its last column.
    """
    d, samples = h.shape
    at_once = min(at_once, samples)
    batches = -(-samples // at_once)
    filled = jnp.pad(h, ((0, 0), (0, batches * at_once - samples)), mode="edge")
    parts = filled.T.reshape(batches, at_once, d)
    return jax.lax.map(jax.vmap(function), parts).reshape(-1)[:samples]
