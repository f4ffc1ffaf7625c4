"""Readoffs: what the next layer reads from an activation, and what moving one does.

    r_i = w_i · h

The w_i are a known overbasis, more of them than dimensions: the columns of a tied W, or
the rows of the next layer's encoder. The hypothesis: the effect of a change δ of h is
that of the changes w_i·δ, and a readoff below a threshold counts as zero. Of M1 that is
true by construction, output_i = ReLU(r_i + b_i), with a threshold of −b_i.

Axis letters: n features, d dimensions of the layer, `bases` real activations, `points`
of a sweep, `samples` directions.
"""

import dataclasses
import math

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from toymodels.probes.subject import Subject
from toymodels.pytree import register_pytree


def readoffs(
    overbasis: Float[Array, "d n"], h: Float[Array, "d batch"]
) -> Float[Array, "n batch"]:
    """r_i = w_i · h of every activation."""
    return overbasis.T @ h


def largest_readoff(
    overbasis: Float[Array, "d n"], directions: Float[Array, "d samples"]
) -> Float[Array, " samples"]:
    """Largest change of any readoff, max_i |w_i · δ|, of each δ."""
    return jnp.abs(readoffs(overbasis, directions)).max(axis=0)


def expected_largest_readoff(n: int, d: int) -> float:
    """√(2 ln n / d): of a random unit δ, for n random unit w_i in d dimensions.

    The leading order: a readoff has variance 1/d, and the largest of n lies at
    √(2 ln n) standard deviations. At n = 256 and d = 32 the mean is 0.92 of it.
    """
    return math.sqrt(2 * math.log(n) / d)


@dataclasses.dataclass(frozen=True)
class ReadoffSweep:
    """Responses to one readoff after the other.

    Attributes:
        position: (points,) readoffs in units of |w_i|², at which the feature is 1.
        own: (n, bases, points) output i.
        total: (n, bases, points) ‖f − f at readoff 0‖ over all outputs.
    """

    position: Float[Array, "*runs points"]
    own: Float[Array, "*runs n bases points"]
    total: Float[Array, "*runs n bases points"]


register_pytree(ReadoffSweep, ("position", "own", "total"))


@jax.jit
def sweep_readoffs(
    subject: Subject,
    x: Float[Array, "n bases"],
    overbasis: Float[Array, "d n"],
    position: Float[Array, " points"],
) -> ReadoffSweep:
    """Move h along w_i until readoff i is `position`·|w_i|², for every i and base.

    The part of h at right angles to w_i stays. One feature at a time, so that memory
    holds bases × points × n numbers.

    Args:
        subject: the layer; of one model.
        x: samples whose activations are the bases.
        overbasis: directions of the readoffs, one for each output.
        position: in units of |w_i|²; 0 for a readoff of zero.
    """
    bases, points = x.shape[1], len(position)
    h = subject.activation(x)
    given = jnp.repeat(x, points + 1, axis=1)
    # The sweep's own zero is the reference, wherever the sweep begins.
    steps = jnp.concatenate([jnp.zeros(1, position.dtype), position])

    def of_feature(place: Array) -> tuple[Array, Array]:
        w = overbasis[:, place]
        square = jnp.maximum(w @ w, jnp.finfo(w.dtype).tiny)
        without = h - w[:, None] * ((w @ h) / square)[None, :]
        moved = without[:, :, None] + w[:, None, None] * steps[None, None, :]
        output = subject.forward(moved.reshape(len(h), -1), given)["output"]
        output = output.reshape(-1, bases, points + 1)
        change = output[..., 1:] - output[..., :1]
        return output[place, :, 1:], jnp.sqrt(jnp.sum(change**2, axis=0))

    own, total = jax.lax.map(of_feature, jnp.arange(overbasis.shape[1]))
    return ReadoffSweep(position, own, total)
