"""Correlated Gaussian features: dense data, on which a linear model is PCA.

x ~ N(0, Σ). No entry is ever 0, so every feature counts as active in every sample. The
values have both signs, so an output ReLU cannot reproduce them: this distribution is
for linear models, and for the claim that they find principal components.

Axis letters: `n` features, `batch` samples, `members` settings of one ensemble.
"""

from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float64, PRNGKeyArray

from toymodels.config import SettingsError, check_range
from toymodels.features.base import (
    FeatureDistribution,
    LabelledSamples,
    Leaf,
    exact,
    feature_distribution,
    labelled,
    leaf,
)


@feature_distribution
class GaussianFeatures(FeatureDistribution):
    """Normal features of mean 0 and a given covariance.

    Args:
        covariance: Σ, symmetric, positive semidefinite; (n, n) or (members, n, n).
    """

    covariance: Leaf = leaf("n", "n", check=check_range, exact=True)

    # A matrix F with F Fᵀ = Σ, found once and not in every step.
    derived: ClassVar[dict[str, int]] = {"_factor": 2}

    @property
    def n(self) -> int:
        """Number of features, read off `covariance`."""
        shape = np.shape(self.covariance)
        if len(shape) < 2:
            raise SettingsError(
                "covariance", f"shape {shape}", "an (n, n) matrix", "np.eye(3)"
            )
        return int(shape[-1])

    def check(self) -> None:
        """`covariance` must be a covariance matrix."""
        matrix = exact(self.covariance)
        size = np.abs(matrix).max()
        if not np.allclose(matrix, matrix.swapaxes(-1, -2), rtol=0, atol=1e-6 * size):
            raise SettingsError(
                "covariance", self.covariance, "a symmetric matrix", "(C + C.T) / 2"
            )
        values, axes = np.linalg.eigh(matrix)
        if values.min() < -1e-6 * self.n * size:
            raise SettingsError(
                "covariance",
                f"smallest eigenvalue {values.min():.3g}",
                "a positive semidefinite matrix",
                "A @ A.T for any real A",
            )
        # Not Cholesky, which fails for singular matrices.
        factor = axes * np.sqrt(np.maximum(values, 0))[..., None, :]
        object.__setattr__(self, "_factor", factor.astype(np.float32))

    def sample_labelled(self, key: PRNGKeyArray, batch: int) -> LabelledSamples:
        """Independent normals, turned and stretched by the factor of Σ."""
        z = jax.random.normal(key, (self.n, batch))
        factor = self._factor  # pyright: ignore[reportAttributeAccessIssue]
        x = jnp.matmul(factor, z, precision="highest")
        return labelled(x, jnp.ones(x.shape, bool))

    def mean(self) -> Float64[np.ndarray, "*members n"]:
        """0."""
        return np.zeros_like(self.variance())

    def variance(self) -> Float64[np.ndarray, "*members n"]:
        """The diagonal of the covariance."""
        return np.diagonal(exact(self.covariance), axis1=-2, axis2=-1)

    def activity(self) -> Float64[np.ndarray, "*members n"]:
        """1: every feature is on in every sample."""
        return np.ones_like(self.variance())
