"""The affine map out of very few dimensions: W's columns times h, plus a bias.

With d = 2 a matrix product does two multiplications for each number that it writes, so
its time is that of sending n × batch numbers through memory, and again wherever they
are read. A sum of d terms XLA computes inside the operations that read it. JAX's own
derivative would be a sum over the batch for each column of M and for b; here one
product gives all of these, and another that of h.

Axis letters: n outputs, d hidden dimensions, batch samples (as columns).
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

# Measured on a CPU at d = 2: a step takes 0.77 of the time at n = 500, and is no faster
# at n = 2 to 20, where there is little to send. The bounds are a choice between.
MOST_DIMENSIONS = 3
FEWEST_OUTPUTS = 64


def sum_is_faster(n: int, d: int) -> bool:
    """Whether `affine` is used instead of a product."""
    return d <= MOST_DIMENSIONS and n >= FEWEST_OUTPUTS


@jax.custom_vjp
def affine(
    M: Float[Array, "n d"], h: Float[Array, "d batch"], b: Float[Array, " n"]
) -> Float[Array, "n batch"]:
    """M h + b as a sum of d terms. It has a reverse-mode derivative only."""
    out = b[:, None]
    for k in range(h.shape[0]):
        out = out + M[:, k, None] * h[k, None]
    return out


def _forward(M: Array, h: Array, b: Array) -> tuple[Array, tuple[Array, Array]]:
    return affine(M, h, b), (M, h)


def _backward(kept: tuple[Array, Array], grad: Array) -> tuple[Array, Array, Array]:
    M, h = kept
    ones = jnp.ones((1, h.shape[1]), h.dtype)
    both = grad @ jnp.concatenate([h, ones]).T
    return both[:, :-1], M.T @ grad, both[:, -1]


affine.defvjp(_forward, _backward)
