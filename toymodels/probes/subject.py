"""What a probe looks at: one layer of one model, as functions of an activation.

A subject is a pytree: model and layer are static, the parameters are traced, so a probe
is written for one model and mapped over an ensemble with `jax.vmap` or `jax.lax.map`.

Axis letters: n features, `d_layer` dimensions of the layer, batch samples (as columns).
"""

import dataclasses

import jax.numpy as jnp
from jaxtyping import Array, Float

from toymodels.config import SettingsError, check_choice
from toymodels.models import ModelSettings, Params
from toymodels.pytree import register_pytree


@dataclasses.dataclass(frozen=True)
class Subject:
    """A layer of a model, and all that follows from it.

    Args:
        model: settings of the model.
        params: of one model, or of an ensemble that a probe is mapped over.
        layer: where activations are perturbed, one of `model.layers`.
    """

    model: ModelSettings
    params: Params
    layer: str

    def __post_init__(self):
        check_choice("layer", self.layer, self.model.layers)

    @property
    def later(self) -> tuple[str, ...]:
        """Names of the layers after this one, then "output"."""
        layers = self.model.layers
        return (*layers[layers.index(self.layer) + 1 :], "output")

    def activation(self, x: Float[Array, "n batch"]) -> Float[Array, "d_layer batch"]:
        """The real activation of this layer for samples in columns."""
        return all_activations(self.model, self.params, x)[self.layer]

    def forward(
        self, h: Float[Array, "d_layer batch"], x: Float[Array, "n batch"]
    ) -> dict[str, Array]:
        """Activations of the `later` layers when h takes the place of this one's.

        Args:
            h: activations, perhaps perturbed.
            x: the samples they come from, for what goes around this layer.
        """
        found = self.model.activations_from(self.params, self.layer, h, x)
        return {name: found[name] for name in self.later}

    def features(self) -> Float[Array, "d_layer n"]:
        """Unit direction of each feature in this layer, as columns; zero stays zero.

        Raises:
            SettingsError: the model has no known feature directions here.
        """
        found = self.model.feature_directions(self.params, self.layer)
        if found is None:
            raise SettingsError(
                "layer",
                self.layer,
                f"one at which {type(self.model).__name__} has known features",
                "directions that need no ground truth, such as covariance",
            )
        norms = jnp.linalg.norm(found, axis=0, keepdims=True)
        return found / jnp.where(norms > 0, norms, 1.0)


register_pytree(Subject, ("params",), ("model", "layer"))


@dataclasses.dataclass(frozen=True)
class KnownFeatures:
    """Feature directions without a model: what needs no more fits every layer."""

    columns: Float[Array, "*runs d_layer n"] | None
    """As `Subject.features` gives them; None where nobody asks for them."""

    def features(self) -> Float[Array, "d_layer n"]:
        """Unit direction of each feature, as columns."""
        if self.columns is None:
            raise TypeError("directions of features were asked for, but none are known")
        return self.columns


register_pytree(KnownFeatures, ("columns",))


def all_activations(
    model: ModelSettings, params: Params, x: Float[Array, "n batch"]
) -> dict[str, Array]:
    """Activations of every layer of a model for samples in columns, and "output"."""
    first = model.layers[0]
    h = x if first == "input" else model.encode(params, x)
    return model.activations_from(params, first, h, x)
