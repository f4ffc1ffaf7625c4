"""Every pairwise AND from squares of r numbers, constructed and not trained (M5).

    h = E x,   z = (A h)²,   readoff of i∧j:  (e_i·h)(e_j·h), which is linear in z

E has n random unit columns e_i in r dimensions. The rows of A are all unit vectors u_a
and all sums u_a + u_b, so that the r(r + 1)/2 ≤ r² neurons z span every product h_a
h_b, and with them every gate at once. The error is that of two linear readoffs: with s
active inputs and max |e_i·e_j| = ε it is of order s²ε at most, whatever n is below
exp(ε²r/2).

The linear control (M7) takes A h itself: what a gate then reads is no product.

Axis letters: n inputs, `rank` r dimensions, `neurons` = r(r + 1)/2, `gates` pairs,
batch.

References:
    Vaintrob, Mendel & Hänni 2024, *Toward a Mathematical Framework for Computation in
    Superposition*, on quadratic activations.
"""

import dataclasses
import math

import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float, Int

from toymodels.config import check_choice, check_count, settings
from toymodels.models.base import ModelSettings, Params
from toymodels.models.universal_and import random_directions


class QuadraticAndModule(nnx.Module):
    """Directions E (rank, n)."""

    def __init__(self, model: "QuadraticAnd", *, rngs: nnx.Rngs):
        self.model = model
        self.E = nnx.Param(random_directions(rngs.params(), model.rank, model.n))

    def encode(self, x: Float[Array, "n batch"]) -> Float[Array, "neurons batch"]:
        """The neurons z: first the r of one dimension, then those of two."""
        h = self.E[...] @ x
        first, second = np.triu_indices(self.model.rank, 1)
        z = jnp.concatenate([h, h[first] + h[second]])
        return z * z if self.model.activation == "square" else z

    def decode(self, h: Float[Array, "neurons batch"]) -> Float[Array, "gates batch"]:
        """The readoff of every pair, in the order of `np.triu_indices`."""
        gates = np.stack(np.triu_indices(self.model.n, 1), axis=1)
        return product_readers(self.E[...], gates) @ h

    def __call__(self, x: Float[Array, "n batch"]) -> Float[Array, "gates batch"]:
        """The readoff of every pair for samples in columns."""
        return self.decode(self.encode(x))


@settings
class QuadraticAnd(ModelSettings):
    """Settings of the quadratic M5 and its linear control.

    Args:
        n: boolean inputs.
        rank: r, dimensions that hold them in superposition, ≥ 2.
        activation: "square", or "identity" for the control.
    """

    frozen = ("E",)

    n: int
    rank: int
    activation: str = "square"

    def __post_init__(self):
        check_count("n", self.n, minimum=2)
        check_count("rank", self.rank, minimum=2)
        check_choice("activation", self.activation, ("square", "identity"))

    @property
    def neurons(self) -> int:
        """r(r + 1)/2."""
        return self.rank * (self.rank + 1) // 2

    @property
    def outputs(self) -> int:
        """Number of pairs."""
        return math.comb(self.n, 2)

    def module(self, rngs: nnx.Rngs) -> QuadraticAndModule:
        """A new Flax module with directions as they are drawn."""
        return QuadraticAndModule(self, rngs=rngs)

    def readers(
        self, params: Params, gates: Int[np.ndarray | Array, "gates fan_in"]
    ) -> Float[Array, "gates neurons"]:
        """The weights of each pair's readoff."""
        return product_readers(params["E"], gates)

    def readoff(
        self,
        params: Params,
        z: Float[Array, "neurons batch"],
        gates: Int[np.ndarray | Array, "gates fan_in"],
    ) -> Float[Array, "gates batch"]:
        """What is read of some pairs from the neurons z."""
        return self.readers(params, gates) @ z

    def feature_directions(
        self, params: Params, layer: str
    ) -> Float[Array, "d_layer n"] | None:
        """The inputs' own axes; an input has no one direction in the neurons."""
        del params
        return jnp.eye(self.n) if layer == "input" else None

    def linear_control(self) -> "QuadraticAnd":
        """The same neurons without their square."""
        return dataclasses.replace(self, activation="identity")


def product_readers(
    E: Float[Array, "rank n"], gates: Int[np.ndarray | Array, "gates fan_in"]
) -> Float[Array, "gates neurons"]:
    """Rows that read (e_i·h)(e_j·h) from h_a² and (h_a + h_b)².

    By h_a h_b = ((h_a + h_b)² − h_a² − h_b²)/2, the weight of a pair of dimensions is
    c_ab = (e_ia e_jb + e_ib e_ja)/2, and that of a single one e_ia e_ja − Σ_b c_ab.
    """
    gates = jnp.asarray(gates)
    left, right = E.T[gates[:, 0]], E.T[gates[:, 1]]
    a, b = np.triu_indices(E.shape[0], 1)
    pairs = (left[:, a] * right[:, b] + left[:, b] * right[:, a]) / 2
    own = left * right
    rest = left * right.sum(axis=1, keepdims=True)
    rest = (rest + right * left.sum(axis=1, keepdims=True)) / 2 - own
    return jnp.concatenate([own - rest, pairs], axis=1)
