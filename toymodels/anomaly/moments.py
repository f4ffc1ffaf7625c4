"""Mean and covariance of reference activations, ready to be inverted.

Axis letters: `samples` as columns, d dimensions.
"""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from toymodels.anomaly.checks import RCOND
from toymodels.pytree import register_pytree

# An accelerator would otherwise round products to 10 bits, and small eigenvalues with
# them.
_EXACT = jax.lax.Precision.HIGHEST


@dataclasses.dataclass(frozen=True)
class Moments:
    """Mean and eigendecomposition of a covariance."""

    mean: Float[Array, " d"]
    values: Float[Array, " d"]
    """Eigenvalues, ascending and ≥ 0."""
    vectors: Float[Array, "d d"]
    """Eigenvectors in columns."""

    @property
    def scales(self) -> Float[Array, " d"]:
        """1/√eigenvalue; 0 for those that the pseudo-inverse leaves out."""
        kept = self.values > RCOND * self.values[-1]
        return jnp.where(kept, 1 / jnp.sqrt(jnp.where(kept, self.values, 1.0)), 0.0)

    def rotate(
        self, h: Float[Array | np.ndarray, "d samples"]
    ) -> Float[Array, "d samples"]:
        """Coordinates along the eigenvectors, from the mean."""
        centred = jnp.asarray(h) - self.mean[:, None]
        return jnp.matmul(self.vectors.T, centred, precision=_EXACT)

    def whiten(
        self, h: Float[Array | np.ndarray, "d samples"]
    ) -> Float[Array, "d samples"]:
        """Coordinates of unit variance; their squared length is Mahalanobis's."""
        return self.scales[:, None] * self.rotate(h)


register_pytree(Moments, ("mean", "values", "vectors"))


def moments(
    h: Float[Array | np.ndarray, "d samples"],
    *,
    weights: Float[Array, " samples"] | None = None,
    shrinkage: float = 0.0,
    centre: bool = True,
) -> Moments:
    """Moments of samples, with divisor (sum of weights − 1) for the covariance.

    Args:
        h: (d, samples) activations.
        weights: ≥ 0, by default 1 each.
        shrinkage: share in [0, 1] of the average variance that replaces as much of the
            covariance: (1 − s) Σ + s tr(Σ)/d · 1.
        centre: False takes second moments about 0, as a plain sum without divisor.
    """
    h = jnp.asarray(h)
    d, samples = h.shape
    weights = jnp.ones(samples, h.dtype) if weights is None else weights
    total = jnp.sum(weights)
    mean = h @ weights / total if centre else jnp.zeros(d, h.dtype)
    spread = (h - mean[:, None]) * jnp.sqrt(weights)[None, :]
    covariance = jnp.matmul(spread, spread.T, precision=_EXACT)
    if centre:
        covariance = covariance / jnp.maximum(total - 1, 1)
    if shrinkage:
        average = jnp.trace(covariance) / d
        covariance = (1 - shrinkage) * covariance + shrinkage * average * jnp.eye(
            d, dtype=h.dtype
        )
    values, vectors = jnp.linalg.eigh(covariance)
    return Moments(mean, jnp.maximum(values, 0.0), vectors)
