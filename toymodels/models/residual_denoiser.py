"""The residual denoising stack (M3) and its linear control (M7).

    h₀ = E x,   h_{ℓ+1} = h_ℓ + D_ℓ σ(E_ℓ h_ℓ + b_ℓ),   output = U h_L + c

E is drawn once, with columns of length 1, and never trained: n features in
superposition in d dimensions. In training, Gaussian noise may be added to h₀ and after
every block, which the blocks can only remove where the features are known to them. The
output is read as values, as one logit for each feature, or as logits of a softmax over
features. A final normalisation (zero mean, unit variance over dimensions) is optional.

Axis letters: n features, d dimensions of the residual stream, `neurons` of a block,
`blocks` L, batch samples (as columns).

The design is this project's own; the question is that of Heimersheim & Mendel 2024,
*Activation plateaus & sensitive directions in GPT2*.
"""

import dataclasses

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from toymodels.config import check_choice, check_count, check_range, settings
from toymodels.models.activations import activation, check_activation, layer_norm
from toymodels.models.base import ModelSettings, Params, merged
from toymodels.models.initialisers import initial_matrix

HEADS = ("linear", "logistic", "softmax")


class ResidualDenoiserModule(nnx.Module):
    """Embedding E (d, n), blocks (blocks, …), readout U (n, d) with bias c (n,)."""

    def __init__(self, model: "ResidualDenoiser", *, rngs: nnx.Rngs):
        self.model = model
        n, d, neurons = model.n, model.d, model.neurons
        columns = jax.random.normal(rngs.params(), (d, n))
        self.E = nnx.Param(columns / jnp.linalg.norm(columns, axis=0, keepdims=True))

        def stacked(rows: int, width: int) -> nnx.Param:
            keys = jax.random.split(rngs.params(), model.blocks)
            each = jax.vmap(lambda key: initial_matrix(key, rows, width, "xavier_2d"))
            return nnx.Param(each(keys))

        self.encoders, self.decoders = stacked(neurons, d), stacked(d, neurons)
        if model.block_bias:
            self.biases = nnx.Param(jnp.zeros((model.blocks, neurons)))
        self.U = nnx.Param(initial_matrix(rngs.params(), n, d, "xavier_2d"))
        self.c = nnx.Param(jnp.zeros(n))

    def encode(self, x: Float[Array, "n batch"]) -> Float[Array, "d batch"]:
        """h₀, the embedded sample."""
        return self.E[...] @ x

    def block(self, index: int, h: Float[Array, "d batch"]) -> Float[Array, "d batch"]:
        """h_{index+1} from h_index."""
        z = self.encoders[...][index] @ h
        if self.model.block_bias:
            z = z + self.biases[...][index][:, None]
        sigma = activation(self.model.activation, self.model.threshold)
        return h + self.decoders[...][index] @ sigma(z)

    def read(self, h: Float[Array, "d batch"]) -> Float[Array, "n batch"]:
        """The output from h_L."""
        h = layer_norm(h) if self.model.normalise else h
        return self.U[...] @ h + self.c[...][:, None]

    def decode(self, h: Float[Array, "d batch"]) -> Float[Array, "n batch"]:
        """The output from h₀."""
        for index in range(self.model.blocks):
            h = self.block(index, h)
        return self.read(h)

    def __call__(self, x: Float[Array, "n batch"]) -> Float[Array, "n batch"]:
        """The output for samples in columns."""
        return self.decode(self.encode(x))


@settings
class ResidualDenoiser(ModelSettings):
    """Settings of M3 and its linear control.

    Args:
        n: number of features.
        d: dimensions of the residual stream; n ≤ d is a control without superposition.
        neurons: of each block.
        blocks: L, number of blocks.
        head: how the output is read: "linear", "logistic" or "softmax".
        activation: σ of the blocks.
        threshold: θ of "jumprelu".
        block_bias: whether blocks have a bias b_ℓ.
        normalise: normalise h_L before it is read.
    """

    frozen = ("E",)

    n: int
    d: int
    neurons: int
    blocks: int = 4
    head: str = "logistic"
    activation: str = "relu"
    threshold: float = 0.0
    block_bias: bool = True
    normalise: bool = False

    def __post_init__(self):
        for name in ("n", "d", "neurons", "blocks"):
            check_count(name, getattr(self, name))
        check_choice("head", self.head, HEADS)
        check_activation("activation", self.activation)
        check_range("threshold", self.threshold)

    @property
    def layers(self) -> tuple[str, ...]:
        """h0 … hL of the residual stream."""
        return tuple(f"h{index}" for index in range(self.blocks + 1))

    def module(self, rngs: nnx.Rngs) -> ResidualDenoiserModule:
        """A new Flax module with initial parameters."""
        return ResidualDenoiserModule(self, rngs=rngs)

    def noise_shape(self, batch: int) -> tuple[int, ...]:
        """(blocks + 1, d, batch): one for h₀ and one after every block."""
        return (self.blocks + 1, self.d, batch)

    def apply_noisy(
        self, params: Params, x: Float[Array, "n batch"], noise: Float[Array, "..."]
    ) -> Float[Array, "n batch"]:
        """The output with noise added to h₀ and after every block."""
        module = merged(self, params)
        h = module.encode(x) + noise[0]
        for index in range(self.blocks):
            h = module.block(index, h) + noise[index + 1]
        return module.read(h)

    def activations_from(
        self,
        params: Params,
        layer: str,
        h: Float[Array, "d batch"],
        x: Float[Array, "n batch"],
    ) -> dict[str, Array]:
        """As in `ModelSettings`: the residual stream from h_ℓ on, and the output."""
        del x
        module = merged(self, params)
        found = {layer: h}
        for index in range(self.layers.index(layer), self.blocks):
            h = module.block(index, h)
            found[f"h{index + 1}"] = h
        return found | {"output": module.read(h)}

    def feature_directions(
        self, params: Params, layer: str
    ) -> Float[Array, "d n"] | None:
        """The columns of E: blocks write into the same stream."""
        del layer
        return params["E"]

    def linear_control(self) -> "ResidualDenoiser":
        """The same stack without nonlinearity in its blocks; its head stays."""
        return dataclasses.replace(self, activation="identity")
