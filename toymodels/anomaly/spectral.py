"""Detectors that look for a direction in untrusted samples.

Both find the directions in which untrusted activations vary most: one on their own, the
other relative to trusted ones.

Axis letters: `samples` as columns, d hidden dimensions.

References:
    Tran, Li & Madry 2018, *Spectral Signatures in Backdoor Attacks*; Dong, Hopkins & Li
    2019, *Quantum Entropy Scoring*, in the whitened form of Hayase et al. 2021,
    *SPECTRE*.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float

from toymodels.anomaly.base import Context, Detector, Observations, detector
from toymodels.anomaly.moments import Moments, moments
from toymodels.config import check_range


@detector
class SpectralSignature(Detector):
    """((h − μ)·v)² with μ the mean and v the top direction of untrusted samples."""

    name = "spectral signature"
    sees = "activations"
    needs = ("untrusted",)

    def _fit(self, reference: Observations, context: Context) -> Moments:
        return moments(context.untrusted.h)

    def _score(
        self, state: Moments, observations: Observations
    ) -> Float[Array, " samples"]:
        return state.rotate(observations.h)[-1] ** 2


@detector
class QuantumEntropy(Detector):
    """zᵀ exp(α Σ/‖Σ‖) z / tr exp(α Σ/‖Σ‖), z being h whitened by trusted samples.

    Σ is the covariance of the whitened untrusted samples about their mean, ‖Σ‖ its
    largest eigenvalue. α = 0 gives Mahalanobis's order; a large α looks along the top
    direction only.

    Args:
        alpha: ≥ 0.
    """

    name = "quantum entropy"
    sees = "activations"
    needs = ("untrusted",)
    inverts = True

    alpha: float = 4.0

    def __post_init__(self):
        check_range("alpha", self.alpha, low=0.0, high=80.0)

    def _fit(
        self, reference: Observations, context: Context
    ) -> tuple[Moments, Moments]:
        trusted = moments(reference.h)
        return trusted, moments(trusted.whiten(context.untrusted.h))

    def _score(
        self, state: tuple[Moments, Moments], observations: Observations
    ) -> Float[Array, " samples"]:
        trusted, untrusted = state
        # From the trusted mean, where z is 0: rotation alone, not `untrusted.rotate`.
        z = untrusted.vectors.T @ trusted.whiten(observations.h)
        largest = jnp.maximum(untrusted.values[-1], jnp.finfo(z.dtype).tiny)
        weights = jnp.exp(self.alpha * (untrusted.values / largest - 1))
        return (weights / jnp.sum(weights)) @ z**2
