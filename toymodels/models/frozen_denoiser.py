"""The frozen random sparse denoiser (M2) and its linear control (M7).

    y = c_out · D σ(c_in · E x + b),   D = Eᵀ

E is drawn once and nothing is trained: each entry is 0 with probability 1 − ρ, else +1
or −1 with equal odds. Feature i is axis i of the input and column i of E. What is left
to choose are two numbers, c_in and c_out (`toymodels.models.scan_scales`).

Axis letters: n features, `neurons` hidden units (H in the paper), batch samples (as
columns).

References:
    da Silva & Heimersheim 2026, *Evidence for feature-specific error correction in
    LLMs*, 2606.24964. The shift b is this project's, for a ReLU with a threshold.
"""

import dataclasses

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from toymodels.config import check_count, check_probability, check_range, settings
from toymodels.models.activations import activation, check_activation
from toymodels.models.base import ModelSettings, Params


class FrozenDenoiserModule(nnx.Module):
    """Matrix E (neurons, n), and the numbers c_in and c_out."""

    def __init__(self, model: "FrozenDenoiser", *, rngs: nnx.Rngs):
        self.model = model
        shape = (model.neurons, model.n)
        placed = jax.random.bernoulli(rngs.params(), model.density, shape)
        signs = jax.random.rademacher(rngs.params(), shape, jnp.float32)
        self.E = nnx.Param(jnp.where(placed, signs, 0.0))
        self.c_in = nnx.Param(jnp.ones(()))
        self.c_out = nnx.Param(jnp.ones(()))

    def encode(self, x: Float[Array, "n batch"]) -> Float[Array, "neurons batch"]:
        """The hidden activation σ(c_in E x + b)."""
        model = self.model
        z = self.c_in[...] * (self.E[...] @ x)
        z = z + model.shift if model.shift else z
        return activation(model.activation, model.threshold)(z)

    def decode(self, h: Float[Array, "neurons batch"]) -> Float[Array, "n batch"]:
        """The output from hidden activations."""
        return self.c_out[...] * (self.E[...].T @ h)

    def __call__(self, x: Float[Array, "n batch"]) -> Float[Array, "n batch"]:
        """The output for samples in columns."""
        return self.decode(self.encode(x))


@settings
class FrozenDenoiser(ModelSettings):
    """Settings of M2 and its linear control.

    Args:
        n: number of features.
        neurons: H, hidden units.
        density: ρ, probability that an entry of E is not 0; of the draw alone.
        activation: σ, as "tanh3", "jumprelu", "relu" or "identity".
        threshold: θ of "jumprelu", of c_in E x.
        shift: b, added to c_in E x of every neuron; below 0 for a ReLU with threshold.
    """

    frozen = ("E", "c_in", "c_out")

    n: int
    neurons: int
    density: float = 0.05
    activation: str = "tanh3"
    threshold: float = 0.0
    shift: float = 0.0

    def __post_init__(self):
        check_count("n", self.n)
        check_count("neurons", self.neurons)
        check_probability("density", self.density)
        check_activation("activation", self.activation)
        check_range("threshold", self.threshold)
        check_range("shift", self.shift)

    def module(self, rngs: nnx.Rngs) -> FrozenDenoiserModule:
        """A new Flax module with a new E, and c_in = c_out = 1."""
        return FrozenDenoiserModule(self, rngs=rngs)

    def feature_directions(
        self, params: Params, layer: str
    ) -> Float[Array, "d_layer n"] | None:
        """The axes of the input; the columns of E in the neurons."""
        return jnp.eye(self.n) if layer == "input" else params["E"]

    def linear_control(self) -> "FrozenDenoiser":
        """The linear map y = c_out c_in EᵀE x."""
        return dataclasses.replace(self, activation="identity", shift=0.0)
