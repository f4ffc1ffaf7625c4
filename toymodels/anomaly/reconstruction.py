"""Error of an autoencoder's output.

Axis letters: `samples` as columns, n features.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float

from toymodels.anomaly.base import Context, Detector, Observations, detector
from toymodels.config import SettingsError
from toymodels.models import Autoencoder


@detector
class ReconstructionError(Detector):
    """‖x̂ − x‖².

    A memorised point is reconstructed better than an honest combination of features, so
    this may well rank backdoors below them. It is reported as it comes out.
    """

    name = "reconstruction error"
    sees = "inputs and outputs"

    def check(self, reference: Observations, context: Context) -> None:
        """The output must be meant to be the input."""
        if context.model is not None and not isinstance(context.model, Autoencoder):
            raise SettingsError(
                "context.model",
                type(context.model).__name__,
                f"an autoencoder for {self.name!r}; other outputs are not meant to be "
                "the input",
            )

    def _fit(self, reference: Observations, context: Context) -> None:
        return None

    def _score(
        self, state: None, observations: Observations
    ) -> Float[Array, " samples"]:
        return jnp.sum((observations.output - observations.x) ** 2, axis=0)
