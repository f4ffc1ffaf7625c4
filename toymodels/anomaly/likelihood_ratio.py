"""Likelihood under a Gaussian of untrusted samples against one of trusted samples.

One Gaussian each, rather than a mixture with a component for the anomalies: it has a
closed form, and a mixture that is fitted by EM finds any dense spot, anomalous or not.

Axis letters: `samples` as columns, d hidden dimensions.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float

from toymodels.anomaly.base import Context, Detector, Observations, detector
from toymodels.anomaly.moments import Moments, moments
from toymodels.config import check_range


@detector
class LikelihoodRatio(Detector):
    """log N(h; untrusted) − log N(h; trusted).

    Both are taken in the coordinates that whiten the trusted samples, in the directions
    in which these vary.

    Args:
        shrinkage: of the untrusted covariance towards a multiple of 1, in [0, 1].
    """

    name = "likelihood ratio"
    sees = "activations"
    needs = ("untrusted",)
    inverts = True

    shrinkage: float = 1e-3

    def __post_init__(self):
        check_range("shrinkage", self.shrinkage, low=0.0, high=1.0)

    def _fit(
        self, reference: Observations, context: Context
    ) -> tuple[Moments, Moments]:
        trusted = moments(reference.h)
        whitened = trusted.whiten(context.untrusted.h)
        return trusted, moments(whitened, shrinkage=self.shrinkage)

    def _score(
        self, state: tuple[Moments, Moments], observations: Observations
    ) -> Float[Array, " samples"]:
        trusted, untrusted = state
        z = trusted.whiten(observations.h)
        distance = jnp.sum(untrusted.whiten(z) ** 2, axis=0)
        scales = untrusted.scales
        log_volume = -jnp.sum(jnp.log(jnp.where(scales > 0, scales, 1.0)))
        return (jnp.sum(z**2, axis=0) - distance) / 2 - log_volume
