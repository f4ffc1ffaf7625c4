"""Adversarial perturbations of the input, and how much they raise the loss.

In superposition, input features that share a hidden dimension can be moved together:
the attack on output i of x̂ = f(WᵀWx + b) pushes every input that overlaps with it,
along (WᵀW)_i. Gradients would be of little use here: with sparse features most outputs
are at the flat side of their ReLU.

Axis letters: n features, d hidden dimensions, `batch` samples as columns, `attacks`
directions.

References:
    Elhage et al. 2022, *Toy Models of Superposition*, "Relationship to adversarial
    robustness".
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from toymodels.geometry import gram, unit_columns

Forward = Callable[[Float[Array, "n batch"]], Float[Array, "n batch"]]


def tied_attacks(W: Float[Array, "*runs d n"]) -> Float[Array, "*runs n n"]:
    """Unit attack on each output of a tied model, as columns: (WᵀW)_i/‖(WᵀW)_i‖."""
    return unit_columns(gram(W))


def harm(
    forward: Forward,
    x: Float[Array, "n batch"],
    shift: Float[Array, "n _"],
) -> Float[Array, ""]:
    """Rise of the mean of ‖x̂ − x‖² over samples when the input is x + shift.

    Args:
        forward: the model, from input to reconstruction.
        x: clean samples, which stay the target.
        shift: (n, batch) a shift for each sample, or (n, 1) the same for all.
    """

    def loss(seen: Float[Array, "n batch"]) -> Float[Array, ""]:
        return jnp.mean(jnp.sum((forward(seen) - x) ** 2, axis=0))

    return loss(x + jnp.broadcast_to(shift, x.shape)) - loss(x)


def strongest_harm(
    forward: Forward,
    x: Float[Array, "n batch"],
    directions: Float[Array, "n attacks"],
    size: Float[Array, ""],
) -> Float[Array, ""]:
    """Harm of the one direction that raises the mean loss most.

    Args:
        forward: the model, from input to reconstruction.
        x: clean samples.
        directions: unit vectors; each is tried on all samples.
        size: L2 norm of the attack.
    """
    # One attack at a time: all at once would hold attacks × n × batch numbers.
    return jax.lax.map(
        lambda direction: harm(forward, x, size * direction[:, None]), directions.T
    ).max()
