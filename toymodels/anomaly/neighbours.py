"""Distance to the nearest reference samples.

Axis letters: `samples` as columns, d hidden dimensions, k neighbours.

References:
    Sun et al. 2022, *Out-of-Distribution Detection with Deep Nearest Neighbors* (they
    scale activations to length 1; here lengths are kept).
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from toymodels.anomaly.base import Context, Detector, Observations, detector
from toymodels.anomaly.batches import map_columns
from toymodels.config import SettingsError, check_count

# Samples that are compared with the whole reference at once, which bounds the memory.
_AT_ONCE = 128


@detector
class NearestNeighbours(Detector):
    """Euclidean distance to the k-th nearest reference activation.

    Args:
        k: which neighbour, ≥ 1.
    """

    name = "nearest neighbours"
    sees = "activations"

    k: int = 5

    def __post_init__(self):
        check_count("k", self.k)

    def check(self, reference: Observations, context: Context) -> None:
        """There must be k reference samples."""
        if reference.samples < self.k:
            raise SettingsError(
                "k", self.k, f"at most the {reference.samples} reference samples"
            )

    def _fit(
        self, reference: Observations, context: Context
    ) -> tuple[Float[Array, " d"], Float[Array, "d samples"]]:
        # Small numbers lose less in the differences below.
        mean = jnp.mean(reference.h, axis=1)
        return mean, reference.h - mean[:, None]

    def _score(
        self,
        state: tuple[Float[Array, " d"], Float[Array, "d reference"]],
        observations: Observations,
    ) -> Float[Array, " samples"]:
        mean, reference = state
        lengths = jnp.sum(reference**2, axis=0)

        def distance(h: Float[Array, " d"]) -> Float[Array, ""]:
            squared = lengths - 2 * (h @ reference) + jnp.sum(h**2)
            nearest = -jax.lax.top_k(-squared, self.k)[0]
            return jnp.sqrt(jnp.maximum(nearest[-1], 0.0))

        centred = observations.h - mean[:, None]
        return map_columns(distance, centred, at_once=_AT_ONCE)
