"""What a detector can be given: observations of samples, and their context.

Axis letters: `samples` as columns, n features, d hidden dimensions, k columns of a
dictionary, `runs` leading axis where observations of several models are stacked.
"""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray, Shaped

from toymodels.config import SettingsError
from toymodels.models import ModelSettings, Params
from toymodels.pytree import register_pytree

Labels = (
    Bool[Array | np.ndarray, "*runs samples"]
    | Int[Array | np.ndarray, "*runs samples"]
    | Float[Array | np.ndarray, "*runs samples"]
)


@dataclasses.dataclass(frozen=True)
class Observations:
    """What can be seen of some samples; what is true about them is not in here."""

    h: Float[Array | np.ndarray, "*runs d samples"]
    """Hidden activations."""
    x: Float[Array | np.ndarray, "*runs n samples"]
    """Inputs of the model."""
    output: Float[Array | np.ndarray, "*runs n samples"]
    """Outputs of the model."""

    @property
    def samples(self) -> int:
        """How many samples, of each model if there are several."""
        return self.h.shape[-1]

    def select(self, columns: Shaped[Array | np.ndarray, " chosen"]) -> "Observations":
        """Some of the samples, by index or by mask, in that order."""
        return jax.tree.map(lambda leaf: leaf[..., columns], self)


register_pytree(Observations, ("h", "x", "output"))


def observe(
    model: ModelSettings, params: Params, x: Float[Array | np.ndarray, "n samples"]
) -> Observations:
    """Run one model on samples and keep what a detector may see.

    For an ensemble: `jax.vmap(lambda params, x: observe(model, params, x))`.

    Args:
        model: settings of the model.
        params: parameters of one model, as from `model.init` or one run of an ensemble.
        x: (n, samples) inputs in columns.

    Raises:
        SettingsError: the samples do not have the model's n.
    """
    if x.shape[0] != model.n:
        raise SettingsError("x", f"{x.shape[0]} rows", f"n = {model.n}, as the model")
    x = jnp.asarray(x)
    return Observations(h=model.encode(params, x), x=x, output=model.apply(params, x))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Context:
    """What some detectors need besides reference observations; each says which.

    Attributes:
        model: settings of the model that was observed.
        params: its parameters.
        dictionary: (d, k) true directions in hidden space, feature i in column i. The
            first n belong to the features; further ones are backdoors.
        labelled: observations and, for each, 1 if it is an anomaly and 0 if not.
        untrusted: observations that may hold a few anomalies.
        key: random key, read by the detectors that draw numbers.
    """

    model: ModelSettings | None = None
    params: Params | None = None
    dictionary: Float[Array | np.ndarray, "*runs d k"] | None = None
    labelled: tuple[Observations, Labels] | None = None
    untrusted: Observations | None = None
    key: PRNGKeyArray | Any | None = None


register_pytree(
    Context, ("params", "dictionary", "labelled", "untrusted", "key"), ("model",)
)
