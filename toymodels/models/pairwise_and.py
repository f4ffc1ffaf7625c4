"""The trained model of the universal AND, and its linear control (M7).

    z = σ(W₁ x + b₁),   ŷ = W₂ z + b₂,   one output for every pair i < j

The target, x_i x_j in the order of `np.triu_indices`, belongs to the objective
("pairwise_and"). Every weight is free; `UniversalAnd` is the same circuit constructed.

Axis letters: n boolean inputs, `neurons`, `pairs` = n(n − 1)/2, batch (as columns).

References:
    Newgas 2025, *Compressed Computation: Dense Circuits in a Toy Model of the
    Universal-AND Problem*, 2507.09816.
"""

import dataclasses
import math

import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from toymodels.config import check_count, check_range, settings
from toymodels.models.activations import activation, check_activation
from toymodels.models.base import ModelSettings, Params
from toymodels.models.initialisers import check_initialiser, initial_matrix


class PairwiseAndModule(nnx.Module):
    """Weights W1 (neurons, n) and W2 (pairs, neurons), biases b1 and b2."""

    def __init__(self, model: "PairwiseAnd", *, rngs: nnx.Rngs):
        self.model = model
        neurons, name = model.neurons, model.init_name
        self.W1 = nnx.Param(initial_matrix(rngs.params(), neurons, model.n, name))
        self.W2 = nnx.Param(initial_matrix(rngs.params(), model.outputs, neurons, name))
        self.b1 = nnx.Param(jnp.zeros(neurons))
        self.b2 = nnx.Param(jnp.zeros(model.outputs))

    def encode(self, x: Float[Array, "n batch"]) -> Float[Array, "neurons batch"]:
        """The neurons z."""
        model = self.model
        hidden = activation(model.hidden_activation, model.threshold)
        return hidden(self.W1[...] @ x + self.b1[...][:, None])

    def decode(self, h: Float[Array, "neurons batch"]) -> Float[Array, "pairs batch"]:
        """The outputs of all pairs."""
        return self.W2[...] @ h + self.b2[...][:, None]

    def __call__(self, x: Float[Array, "n batch"]) -> Float[Array, "pairs batch"]:
        """The outputs for samples in columns."""
        return self.decode(self.encode(x))


@settings
class PairwiseAnd(ModelSettings):
    """Settings of the trained universal AND and its linear control.

    Args:
        n: boolean inputs, ≥ 2.
        neurons: hidden units.
        hidden_activation: of the neurons.
        threshold: θ of "jumprelu".
        init_name: "xavier_2d" or "zeros".
    """

    n: int
    neurons: int
    hidden_activation: str = "relu"
    threshold: float = 0.0
    init_name: str = "xavier_2d"

    def __post_init__(self):
        check_count("n", self.n, minimum=2)
        check_count("neurons", self.neurons)
        check_activation("hidden_activation", self.hidden_activation)
        check_range("threshold", self.threshold)
        check_initialiser("init_name", self.init_name)

    @property
    def outputs(self) -> int:
        """Number of pairs."""
        return math.comb(self.n, 2)

    def module(self, rngs: nnx.Rngs) -> PairwiseAndModule:
        """A new Flax module with initial parameters."""
        return PairwiseAndModule(self, rngs=rngs)

    def feature_directions(
        self, params: Params, layer: str
    ) -> Float[Array, "d_layer n"] | None:
        """The inputs' own axes, and the columns of W₁ in the neurons."""
        return jnp.eye(self.n) if layer == "input" else params["W1"]

    def linear_control(self) -> "PairwiseAnd":
        """The same model without its nonlinearity."""
        return dataclasses.replace(self, hidden_activation="identity")
