"""Which samples are copies of an earlier one.

Axis letters: `samples` as columns, d dimensions.
"""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

# Copies of an input do not give equal activations: a product's last bits depend on
# where in the matrix a column stands.
_SAME = 1e-5


def first_of_copies(
    h: Float[Array | np.ndarray, "d samples"],
) -> Float[Array, " samples"]:
    """1 for one sample of each set of copies, 0 for the others.

    Samples are sorted along one generic direction, so copies become neighbours; then
    neighbours are compared. Two samples are copies if no entry differs by more than
    1e-5 times the largest entry of all.

    Args:
        h: (d, samples) activations.
    """
    h = jnp.asarray(h)
    d, samples = h.shape
    # Multiples of the golden ratio modulo 1: no simple relation holds between them.
    direction = 0.5 + jnp.asarray(np.arange(1, d + 1) * 0.6180339887 % 1, h.dtype)
    order = jnp.argsort(direction @ h)
    ordered = h[:, order]
    step = jnp.max(jnp.abs(jnp.diff(ordered, axis=1)), axis=0)
    new = step > _SAME * jnp.max(jnp.abs(h))
    first = jnp.concatenate([jnp.ones(1, bool), new])
    return jnp.zeros(samples, h.dtype).at[order].set(first.astype(h.dtype))
