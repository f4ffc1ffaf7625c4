"""The model that computes on its features (M4) and its linear control (M7).

    h = σ_h(W₁ x),   ŷ = σ(W₂ h + b)   or, with a residual stream,   ŷ = σ(x + W₂ h + b)

W₁ and W₂ are untied. The targets (|x|, ReLU(x), x + ReLU(x)) belong to the objective.

Axis letters: n features, neurons hidden units, batch samples (as columns).

References:
    Elhage et al. 2022, *Toy Models of Superposition*, "Computation in superposition";
    the residual form after Braun et al. 2025 (compressed computation).
"""

import dataclasses

import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from toymodels.config import check_count, check_range, settings
from toymodels.models.activations import activation, check_activation
from toymodels.models.base import ModelSettings, Params, merged
from toymodels.models.initialisers import check_initialiser, initial_matrix


class ComputationModule(nnx.Module):
    """Weights W1 (neurons, n), W2 (n, neurons) and bias b (n,)."""

    def __init__(self, model: "ComputationModel", *, rngs: nnx.Rngs):
        self.model = model
        n, neurons, name = model.n, model.neurons, model.init_name
        self.W1 = nnx.Param(initial_matrix(rngs.params(), neurons, n, name))
        self.W2 = nnx.Param(initial_matrix(rngs.params(), n, neurons, name))
        if model.bias:
            self.b = nnx.Param(jnp.zeros(n))

    def encode(self, x: Float[Array, "n batch"]) -> Float[Array, "neurons batch"]:
        """The hidden activation h."""
        model = self.model
        hidden = activation(model.hidden_activation, model.threshold)
        return hidden(self.W1[...] @ x)

    def finish(
        self, h: Float[Array, "neurons batch"], x: Float[Array, "n batch"]
    ) -> Float[Array, "n batch"]:
        """The output from hidden activations and the residual stream's input."""
        model = self.model
        out = self.W2[...] @ h
        if model.residual:
            out = out + x
        if model.bias:
            out = out + self.b[...][:, None]
        return activation(model.activation, model.threshold)(out)

    def decode(self, h: Float[Array, "neurons batch"]) -> Float[Array, "n batch"]:
        """The output with an empty residual stream."""
        return self.finish(h, jnp.zeros((self.model.n, h.shape[1]), h.dtype))

    def __call__(self, x: Float[Array, "n batch"]) -> Float[Array, "n batch"]:
        """The output for samples in columns."""
        return self.finish(self.encode(x), x)


@settings
class ComputationModel(ModelSettings):
    """Settings of M4 and its linear control.

    Args:
        n: number of input features, and of outputs.
        neurons: hidden units.
        activation: of the output.
        hidden_activation: of the neurons.
        threshold: θ of "jumprelu", wherever it is used.
        bias: whether the output has a bias b.
        residual: add the input x to the output before its activation.
        init_name: "xavier_2d" or "zeros".
    """

    n: int
    neurons: int
    activation: str = "relu"
    hidden_activation: str = "relu"
    threshold: float = 0.0
    bias: bool = True
    residual: bool = False
    init_name: str = "xavier_2d"

    def __post_init__(self):
        check_count("n", self.n)
        check_count("neurons", self.neurons)
        check_activation("activation", self.activation)
        check_activation("hidden_activation", self.hidden_activation)
        check_range("threshold", self.threshold)
        check_initialiser("init_name", self.init_name)

    def module(self, rngs: nnx.Rngs) -> ComputationModule:
        """A new Flax module with initial parameters."""
        return ComputationModule(self, rngs=rngs)

    def apply_noisy(
        self, params: Params, x: Float[Array, "n batch"], noise: Float[Array, "..."]
    ) -> Float[Array, "n batch"]:
        """The output with noise added to the neurons' activations."""
        module = merged(self, params)
        return module.finish(module.encode(x) + noise, x)

    def activations_from(
        self,
        params: Params,
        layer: str,
        h: Float[Array, "d_layer batch"],
        x: Float[Array, "n batch"],
    ) -> dict[str, Array]:
        """As in `ModelSettings`; the residual stream goes around the neurons."""
        module = merged(self, params)
        first = {"input": h} if layer == "input" else {}
        stream = h if layer == "input" else x
        hidden = module.encode(h) if layer == "input" else h
        return first | {"hidden": hidden, "output": module.finish(hidden, stream)}

    def feature_directions(
        self, params: Params, layer: str
    ) -> Float[Array, "d_layer n"] | None:
        """The columns of W₁ in the neurons; the axes of the input."""
        return jnp.eye(self.n) if layer == "input" else params["W1"]

    def linear_control(self) -> "ComputationModel":
        """The linear model ŷ = W₂W₁ x + b, plus x with a residual stream."""
        return dataclasses.replace(
            self, activation="identity", hidden_activation="identity"
        )
