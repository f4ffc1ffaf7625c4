"""Every AND of k booleans from few neurons, constructed and not trained (M5).

    z = σ(Ŵ x − (k − 1)),   Ŵ_ij ~ Bernoulli(p),   σ = ReLU
    readoff of a gate: the mean of z over the neurons that read all its k inputs

With k = 2 this is the universal AND. Inputs may themselves be in superposition: then x
is replaced by what linear readoffs of its embedding give, Eᵀ(E x), with random unit
columns E. The linear control (M7) has the identity for σ.

The source takes p = log²n/√d, which exceeds 1 at sizes that fit on a laptop; here p is
a setting. A gate that no neuron reads whole is read as 0.

Axis letters: n inputs, `neurons` (d in the source), `embedding` dimensions that hold
the inputs, `gates` of `fan_in` k inputs each, batch samples (as columns).

References:
    Vaintrob, Mendel & Hänni 2024, *Toward a Mathematical Framework for Computation in
    Superposition*, "Universal AND"; Hänni, Mendel, Vaintrob & Chan 2024, 2408.05451.
"""

import dataclasses
import itertools
import math

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float, Int, PRNGKeyArray

from toymodels.config import (
    SettingsError,
    check_count,
    check_probability,
    check_range,
    settings,
)
from toymodels.models.activations import activation, check_activation
from toymodels.models.base import ModelSettings, Params


class UniversalAndModule(nnx.Module):
    """Reading weights W1 (neurons, n) of 0 and 1; E (embedding, n) if there is one."""

    def __init__(self, model: "UniversalAnd", *, rngs: nnx.Rngs):
        self.model = model
        shape = (model.neurons, model.n)
        reads = jax.random.bernoulli(rngs.params(), model.probability, shape)
        self.W1 = nnx.Param(reads.astype(jnp.float32))
        if model.embedding:
            self.E = nnx.Param(
                random_directions(rngs.params(), model.embedding, model.n)
            )

    def encode(self, x: Float[Array, "n batch"]) -> Float[Array, "neurons batch"]:
        """The neurons z."""
        model = self.model
        if model.embedding:
            E = self.E[...]
            # In whichever order is cheaper: ŴEᵀ first, or the readoffs first.
            read = jnp.linalg.multi_dot([self.W1[...], E.T, E @ x])
        else:
            read = self.W1[...] @ x
        return activation(model.activation)(read - model.threshold)

    def decode(self, h: Float[Array, "neurons batch"]) -> Float[Array, "gates batch"]:
        """The readoff of every gate, in the order of `all_gates`."""
        model = self.model
        return mean_readers(self.W1[...], model.all_gates()) @ h

    def __call__(self, x: Float[Array, "n batch"]) -> Float[Array, "gates batch"]:
        """The readoff of every gate for samples in columns."""
        return self.decode(self.encode(x))


@settings
class UniversalAnd(ModelSettings):
    """Settings of M5 and its linear control.

    Args:
        n: boolean inputs, ≥ fan_in.
        neurons: of the one layer.
        probability: p with which a neuron reads an input.
        fan_in: k, inputs of a gate.
        activation: σ.
        embedding: dimensions that hold the inputs in superposition; 0 gives them as
            they are.
        bias: of the neurons; −(k − 1) when None.
    """

    frozen = ("W1", "E")

    n: int
    neurons: int
    probability: float
    fan_in: int = 2
    activation: str = "relu"
    embedding: int = 0
    bias: float | None = None

    def __post_init__(self):
        for name in ("n", "neurons", "fan_in"):
            check_count(name, getattr(self, name))
        check_count("embedding", self.embedding, minimum=0)
        check_probability("probability", self.probability)
        check_activation("activation", self.activation)
        if self.bias is not None:
            check_range("bias", self.bias)
        if self.fan_in > self.n:
            raise SettingsError(
                "fan_in", self.fan_in, f"at most n = {self.n} inputs", "fan_in=2"
            )

    @property
    def threshold(self) -> float:
        """What is subtracted from the number of inputs that a neuron sees on."""
        return self.fan_in - 1.0 if self.bias is None else -float(self.bias)

    @property
    def outputs(self) -> int:
        """Number of gates."""
        return math.comb(self.n, self.fan_in)

    def all_gates(self) -> Int[np.ndarray, "gates fan_in"]:
        """The inputs of every gate; pairs in the order of `np.triu_indices`."""
        return np.array(list(itertools.combinations(range(self.n), self.fan_in)))

    def module(self, rngs: nnx.Rngs) -> UniversalAndModule:
        """A new Flax module with weights as they are drawn."""
        return UniversalAndModule(self, rngs=rngs)

    def readers(
        self, params: Params, gates: Int[np.ndarray | Array, "gates fan_in"]
    ) -> Float[Array, "gates neurons"]:
        """The weights of each gate's readoff: 1/|S| on the neurons S reading it whole.

        Zero for a gate without such a neuron.
        """
        return mean_readers(params["W1"], gates)

    def readoff(
        self,
        params: Params,
        z: Float[Array, "neurons batch"],
        gates: Int[np.ndarray | Array, "gates fan_in"],
    ) -> Float[Array, "gates batch"]:
        """What is read of some gates from the neurons z."""
        return self.readers(params, gates) @ z

    def feature_directions(
        self, params: Params, layer: str
    ) -> Float[Array, "d_layer n"] | None:
        """The inputs' own axes, and in the neurons what each of them adds."""
        if layer == "input":
            return jnp.eye(self.n)
        if not self.embedding:
            return params["W1"]
        return params["W1"] @ params["E"].T @ params["E"]

    def linear_control(self) -> "UniversalAnd":
        """The same neurons without their nonlinearity."""
        return dataclasses.replace(self, activation="identity")


def mean_readers(
    W1: Float[Array, "neurons n"], gates: Int[np.ndarray | Array, "gates fan_in"]
) -> Float[Array, "gates neurons"]:
    """Rows that take the mean over the neurons which read every input of a gate."""
    whole = jnp.prod(W1.T[jnp.asarray(gates)], axis=1)
    size = whole.sum(axis=1, keepdims=True)
    return whole / jnp.where(size > 0, size, 1.0)


def random_directions(
    key: PRNGKeyArray, dimensions: int, n: int
) -> Float[Array, "dimensions n"]:
    """Columns of length 1 in uniformly random directions; consumes the key."""
    columns = jax.random.normal(key, (dimensions, n))
    return columns / jnp.linalg.norm(columns, axis=0, keepdims=True)
