"""What every model offers: settings that build a Flax module and apply it purely.

A model is described by a frozen settings object. `init` makes the parameters of one
model as a plain dict of arrays, `apply`, `encode` and `decode` are pure functions of
them. The Flax NNX module is made once, split, and merged again only while tracing, so
inside a training loop there are arrays alone.

Axis letters: n features, d hidden units, batch samples (as columns).
"""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float, PRNGKeyArray

Params = dict[str, Any]


class ModelSettings:
    """Base of model settings; subclasses are `@settings` dataclasses.

    A subclass gives `module(rngs)`, whose result has `encode` and `decode`, and
    `linear_control()`.
    """

    n: int

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
    ) -> Float[Array, "n batch"]:
        """The model's output for samples in columns."""
        return merged(self, params)(jnp.asarray(x))

    def encode(
        self, params: Params, x: Float[Array | np.ndarray, "n batch"]
    ) -> Float[Array, "d batch"]:
        """The hidden activation h."""
        return merged(self, params).encode(jnp.asarray(x))

    def decode(
        self, params: Params, h: Float[Array | np.ndarray, "d batch"]
    ) -> Float[Array, "n batch"]:
        """The output from a hidden activation, which may have been perturbed."""
        return merged(self, params).decode(jnp.asarray(h))


@functools.lru_cache(maxsize=256)
def _graph(model: ModelSettings) -> nnx.GraphDef:
    """The static half of the module; no array is made."""
    abstract = nnx.eval_shape(lambda: model.module(nnx.Rngs(jax.random.key(0))))
    return nnx.split(abstract)[0]


def merged(model: ModelSettings, params: Params) -> Any:
    """The Flax module with these parameters."""
    return nnx.merge(_graph(model), nnx.State(params))
