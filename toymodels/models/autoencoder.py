"""The autoencoder of the toy models (M1, M1h) and its linear control (M7).

    h = σ_h(W x),   x̂ = σ(Wᵀ h + b)

Tied weights, ReLU output and identity hidden layer give M1; a ReLU on the hidden layer
too gives M1h. Feature i is column i of W.

Axis letters: n features, d hidden dimensions, batch samples (as columns).

References:
    Elhage et al. 2022, *Toy Models of Superposition*, "The ReLU output model" and
    "Superposition in a privileged basis".
"""

import dataclasses

import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float, Int

from toymodels.config import SettingsError, check_count, check_range, settings
from toymodels.models.activations import activation, check_activation
from toymodels.models.base import ModelSettings, Params, merged
from toymodels.models.few_dimensions import affine, sum_is_faster
from toymodels.models.initialisers import check_initialiser, initial_matrix


class AutoencoderModule(nnx.Module):
    """Weights W (d, n), bias b (n,) and, when untied, W_out (n, d)."""

    def __init__(self, model: "Autoencoder", *, rngs: nnx.Rngs):
        self.model = model
        n, d = model.n, model.d
        key = rngs.params()
        self.W = nnx.Param(initial_matrix(key, d, n, model.init_name, model.instances))
        if model.bias:
            self.b = nnx.Param(jnp.zeros(n))
        if not model.tied:
            key = rngs.params()
            self.W_out = nnx.Param(
                initial_matrix(key, n, d, model.init_name, model.instances)
            )

    def encode(self, x: Float[Array, "n batch"]) -> Float[Array, "d batch"]:
        """The hidden activation h."""
        model = self.model
        hidden = activation(model.hidden_activation, model.threshold)
        return hidden(self.W[...] @ x)

    def encode_sparse(
        self, index: Int[Array, "batch width"], value: Float[Array, "batch width"]
    ) -> Float[Array, "d batch"]:
        """The hidden activation of samples that are `value` at `index`, 0 elsewhere."""
        model = self.model
        hidden = activation(model.hidden_activation, model.threshold)
        columns = self.W[...].T.at[index].get(mode="promise_in_bounds")
        return hidden(jnp.einsum("bkd,bk->db", columns, value))

    def decode(self, h: Float[Array, "d batch"]) -> Float[Array, "n batch"]:
        """The output from a hidden activation."""
        model = self.model
        M = self.W[...].T if model.tied else self.W_out[...]
        if model.bias and sum_is_faster(model.n, model.d):
            out = affine(M, h, self.b[...])
        else:
            out = M @ h
            out = out + self.b[...][:, None] if model.bias else out
        return activation(model.activation, model.threshold)(out)

    def __call__(self, x: Float[Array, "n batch"]) -> Float[Array, "n batch"]:
        """The output for samples in columns."""
        return self.decode(self.encode(x))


@settings
class Autoencoder(ModelSettings):
    """Settings of M1, M1h and their linear control.

    With n ≥ 64, d ≤ 3 and a bias the output has reverse-mode derivatives only: `jacrev`
    of `grad` where one would write `hessian`.

    Args:
        n: number of features.
        d: hidden dimensions (m in the papers), fewer than n.
        activation: of the output.
        hidden_activation: of the hidden layer; "identity" for M1, "relu" for M1h.
        threshold: θ of "jumprelu", wherever it is used.
        tied: decode with Wᵀ (M1) or with a matrix W_out of its own.
        bias: whether the output has a bias b.
        init_name: "xavier_2d", "xavier_3d" or "zeros".
        instances: for "xavier_3d", how many models share the notebook's tensor.
        compression: require d < n. Set False for controls without a bottleneck.
    """

    n: int
    d: int
    activation: str = "relu"
    hidden_activation: str = "identity"
    threshold: float = 0.0
    tied: bool = True
    bias: bool = True
    init_name: str = "xavier_2d"
    instances: int = 1
    compression: bool = True

    def __post_init__(self):
        check_count("n", self.n)
        check_count("d", self.d)
        check_count("instances", self.instances)
        if self.compression and self.d >= self.n:
            raise SettingsError(
                "d",
                self.d,
                f"fewer than n = {self.n} hidden dimensions",
                "a smaller d, or no compression if a control is meant",
            )
        check_activation("activation", self.activation)
        check_activation("hidden_activation", self.hidden_activation)
        check_range("threshold", self.threshold)
        check_initialiser("init_name", self.init_name)

    def module(self, rngs: nnx.Rngs) -> AutoencoderModule:
        """A new Flax module with initial parameters."""
        return AutoencoderModule(self, rngs=rngs)

    def apply_sparse(
        self,
        params: Params,
        index: Int[Array, "batch width"],
        value: Float[Array, "batch width"],
    ) -> Float[Array, "n batch"]:
        """The output for samples of which few features are not 0.

        The cost of encoding grows with `width` instead of n.

        Args:
            params: of one model.
            index: features of each sample, below n.
            value: their values; unused places hold any feature with value 0.
        """
        module = merged(self, params)
        return module.decode(module.encode_sparse(index, value))

    def linear_control(self) -> "Autoencoder":
        """The linear model x̂ = WᵀW x + b."""
        return dataclasses.replace(
            self, activation="identity", hidden_activation="identity"
        )
