"""Length of the activation: the simplest detector, and what others must add to.

Axis letters: `samples` as columns, d hidden dimensions.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float

from toymodels.anomaly.base import Context, Detector, Observations, detector


@detector
class Norm(Detector):
    """‖h‖₂; nothing is learned from the reference."""

    name = "norm"
    sees = "activations"

    def _fit(self, reference: Observations, context: Context) -> None:
        return None

    def _score(self, state: None, observations: Observations) -> Float[Array, " s"]:
        return jnp.linalg.norm(observations.h, axis=0)
