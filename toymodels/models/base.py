"""What every model offers: settings that build a Flax module and apply it purely.

A model is described by a frozen settings object. `init` makes the parameters of one
model as a plain dict of arrays, `apply`, `encode` and `decode` are pure functions of
them. The Flax NNX module is made once, split, and merged again only while tracing, so
inside a training loop there are arrays alone.

Axis letters: n features, d hidden units, batch samples (as columns).
"""

import functools
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float, PRNGKeyArray

Params = dict[str, Any]


class ModelSettings:
    """Base of model settings; subclasses are `@settings` dataclasses.

    A subclass gives `module(rngs)`, whose result has `encode` and `decode`, and
    `linear_control()`. What a probe may ask besides is below: the layers at which an
    activation can be replaced, what follows from there, and where features point.
    """

    n: int

    # Parameters that training leaves as they were drawn.
    frozen: ClassVar[tuple[str, ...]] = ()
    # How outputs are read: "linear" values, or logits ("logistic", "softmax").
    head: str = "linear"

    @property
    def outputs(self) -> int:
        """Number of outputs; n unless the model computes something else."""
        return self.n

    @property
    def layers(self) -> tuple[str, ...]:
        """Layers whose activation can be replaced, first to last."""
        return ("input", "hidden")

    def module(self, rngs: nnx.Rngs) -> nnx.Module:
        """A new Flax module with initial parameters."""
        raise NotImplementedError

    def linear_control(self) -> "ModelSettings":
        """The same model with every nonlinearity replaced by the identity (M7)."""
        raise NotImplementedError

    def init(self, key: PRNGKeyArray) -> Params:
        """Initial parameters of one model; consumes the key."""
        return nnx.to_pure_dict(nnx.state(self.module(nnx.Rngs(key)), nnx.Param))

    def apply(
        self, params: Params, x: Float[Array | np.ndarray, "n batch"]
    ) -> Float[Array, "outputs batch"]:
        """The model's output for samples in columns."""
        return merged(self, params)(jnp.asarray(x))

    def encode(
        self, params: Params, x: Float[Array | np.ndarray, "n batch"]
    ) -> Float[Array, "d batch"]:
        """The hidden activation h."""
        return merged(self, params).encode(jnp.asarray(x))

    def decode(
        self, params: Params, h: Float[Array | np.ndarray, "d batch"]
    ) -> Float[Array, "outputs batch"]:
        """The output from a hidden activation, which may have been perturbed."""
        return merged(self, params).decode(jnp.asarray(h))

    def noise_shape(self, batch: int) -> tuple[int, ...]:
        """Shape of the noise that `apply_noisy` takes; nothing is computed."""
        params = jax.eval_shape(self.init, jax.random.key(0))
        x = jax.ShapeDtypeStruct((self.n, batch), jnp.float32)
        return jax.eval_shape(self.encode, params, x).shape

    def apply_noisy(
        self, params: Params, x: Float[Array, "n batch"], noise: Float[Array, "..."]
    ) -> Float[Array, "outputs batch"]:
        """The output with noise, of `noise_shape`, added to the hidden activation."""
        return self.decode(params, self.encode(params, x) + noise)

    def activations_from(
        self,
        params: Params,
        layer: str,
        h: Float[Array, "d_layer batch"],
        x: Float[Array, "n batch"],
    ) -> dict[str, Array]:
        """What follows from the activation h of a layer.

        Args:
            params: of one model.
            layer: one of `layers`, where h takes the activation's place.
            h: its activation, which may have been perturbed.
            x: the model's input, for whatever goes around the layer.

        Returns:
            By name and in order: this layer, every later one, and "output" (of a
            logistic or softmax head, the logits).
        """
        del x
        hidden = self.encode(params, h) if layer == "input" else h
        first = {"input": h} if layer == "input" else {}
        return first | {"hidden": hidden, "output": self.decode(params, hidden)}

    def feature_directions(
        self, params: Params, layer: str
    ) -> Float[Array, "d_layer n"] | None:
        """Where each feature points in a layer, as columns that need not be unit.

        None where the model has no such direction.
        """
        return jnp.eye(self.n) if layer == "input" else params.get("W")


@functools.lru_cache(maxsize=256)
def _graph(model: ModelSettings) -> nnx.GraphDef:
    """The static half of the module; no array is made."""
    abstract = nnx.eval_shape(lambda: model.module(nnx.Rngs(jax.random.key(0))))
    return nnx.split(abstract)[0]


def merged(model: ModelSettings, params: Params) -> Any:
    """The Flax module with these parameters."""
    return nnx.merge(_graph(model), nnx.State(params))
