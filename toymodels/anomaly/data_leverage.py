"""Leverage of a sample against the reference: its maximal data dimensionality D*.

Axis letters: `samples` as columns, d hidden dimensions.

References:
    Henighan et al. 2023, *Superposition, Memorization, and Double Descent*: data
    dimensionality. `geometry.leverage` has the identities.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float

from toymodels.anomaly.base import Context, Detector, Observations, detector
from toymodels.anomaly.distinct import first_of_copies
from toymodels.anomaly.moments import Moments, moments
from toymodels.geometry import leverage_of_copies


@detector
class Leverage(Detector):
    """D* = λ/(1 + λ) with λ = hᵀ(HHᵀ)⁺h, the leverage that h has when H joins it.

    The order of the scores is that of the Mahalanobis distance from 0 in place of the
    mean.

    Args:
        deduplicate: use one of each set of equal reference samples. Without it R copies
            of a point in the reference bring the leverage of one more below 1/R: what
            was repeated is hidden by its repetition.
    """

    name = "leverage"
    sees = "activations"
    inverts = True

    deduplicate: bool = True

    def _fit(self, reference: Observations, context: Context) -> Moments:
        h = jnp.asarray(reference.h)
        weights = first_of_copies(h) if self.deduplicate else None
        return moments(h, weights=weights, centre=False)

    def _score(
        self, state: Moments, observations: Observations
    ) -> Float[Array, " samples"]:
        against_reference = jnp.sum(state.whiten(observations.h) ** 2, axis=0)
        return leverage_of_copies(against_reference, 1)
