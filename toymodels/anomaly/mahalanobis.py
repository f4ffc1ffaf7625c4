"""Mahalanobis distance: the baseline that every other detector has to beat.

Axis letters: `samples` as columns, d hidden dimensions.

References:
    Lee et al. 2018, *A Simple Unified Framework for Detecting Out-of-Distribution
    Samples*; the relative form after Ren et al. 2021, *A Simple Fix to Mahalanobis
    Distance*, whose background is a Gaussian of its own. Here there is one class, and
    the background is the Gaussian with the same variances and no correlations.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float

from toymodels.anomaly.base import Context, Detector, Observations, detector
from toymodels.anomaly.distinct import first_of_copies
from toymodels.anomaly.moments import Moments, moments
from toymodels.config import check_range


@detector
class Mahalanobis(Detector):
    """(h − μ)ᵀ Σ⁺ (h − μ), squared as it stands.

    Args:
        shrinkage: share in [0, 1] by which Σ is moved towards a multiple of 1.
        relative: subtract the distance under the variances alone. That form depends on
            the basis of the hidden space, the plain one does not.
        deduplicate: use one of each set of equal reference samples.
    """

    name = "mahalanobis"
    sees = "activations"
    inverts = True

    shrinkage: float = 0.0
    relative: bool = False
    deduplicate: bool = False

    def __post_init__(self):
        check_range("shrinkage", self.shrinkage, low=0.0, high=1.0)

    def _fit(
        self, reference: Observations, context: Context
    ) -> tuple[Moments, Float[Array, " d"]]:
        h = jnp.asarray(reference.h)
        weights = first_of_copies(h) if self.deduplicate else None
        found = moments(h, weights=weights, shrinkage=self.shrinkage)
        variances = (found.vectors**2) @ found.values
        return found, variances

    def _score(
        self,
        state: tuple[Moments, Float[Array, " d"]],
        observations: Observations,
    ) -> Float[Array, " samples"]:
        found, variances = state
        full = jnp.sum(found.whiten(observations.h) ** 2, axis=0)
        if not self.relative:
            return full
        centred = observations.h - found.mean[:, None]
        safe = jnp.where(variances > 0, variances, jnp.inf)
        return full - jnp.sum(centred**2 / safe[:, None], axis=0)
