"""Features whose gates are correlated through a Gaussian copula.

z ~ N(0, R), feature i is on iff z_i < Φ⁻¹(p_i). The marginals are exactly p_i for every
R; two features are on together with probability Φ₂(Φ⁻¹(p_i), Φ⁻¹(p_j); R_ij). R is the
correlation of the latent normals: that of the gates is weaker.

Axis letters: `n` features, `batch` samples, `members` settings of one ensemble.
"""

from typing import ClassVar

import jax
import jax.core
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import ndtri
from jaxtyping import Float64, PRNGKeyArray

from toymodels.config import SettingsError, check_probability, check_range
from toymodels.features.base import (
    LabelledSamples,
    Leaf,
    exact,
    feature_distribution,
    labelled,
    leaf,
    numpy_of,
)
from toymodels.features.uniform import open_uniform
from toymodels.features.values import GatedFeatures, gated


def _check_correlation(field: str, value: object) -> None:
    check_range(field, value, low=-1.0, high=1.0)


@feature_distribution
class CopulaFeatures(GatedFeatures):
    """Exact marginal probabilities, correlated gates, independent values.

    Args:
        n: number of features, ≥ 1.
        probability: p in (0, 1]; one number, (n,), (members, 1) or (members, n).
        correlation: of the latent normals, symmetric, positive semidefinite, diagonal
            1; (n, n) or (members, n, n). One number, or (members, 1, 1), stands for
            the same correlation between all pairs.
        values: "uniform" U[0, 1], "signed" U[−1, 1] or "boolean" 1.
    """

    n: int
    probability: Leaf = leaf("n", check=check_probability)
    correlation: Leaf = leaf("n", "n", check=_check_correlation, exact=True)
    values: str = "uniform"

    # A matrix F with F Fᵀ = R, found once and not in every step.
    derived: ClassVar[dict[str, int]] = {"_factor": 2}

    def __post_init__(self) -> None:
        """One number becomes a matrix, and the matrix its factor."""
        given = self.correlation
        if isinstance(given, float | int) or np.shape(given)[-2:] in ((), (1, 1)):
            _check_correlation("correlation", given)
            same = np.eye(self.n, dtype=bool)
            object.__setattr__(self, "correlation", np.where(same, 1.0, given))
        super().__post_init__()

    def check(self) -> None:
        """`correlation` must be a correlation matrix."""
        super().check()
        if not isinstance(self.correlation, jax.core.Tracer):
            _check_matrix(exact(self.correlation))
        object.__setattr__(self, "_factor", _factor(self.correlation))

    def sample_labelled(self, key: PRNGKeyArray, batch: int) -> LabelledSamples:
        """Independent normals, turned by the factor of R and cut at Φ⁻¹(p)."""
        gate_key, value_key = jax.random.split(key)
        z = jnp.matmul(
            self._factor,  # pyright: ignore[reportAttributeAccessIssue]
            jax.random.normal(gate_key, (self.n, batch)),
            precision="highest",
        )
        active = z < ndtri(jnp.asarray(self.probability))[:, None]
        unit = open_uniform(value_key, (self.n, batch))
        return labelled(gated(active, unit, self.values), active)

    def activity(self) -> Float64[np.ndarray, "*members n"]:
        """The probability p, whatever the correlation."""
        return exact(self.probability)


def _check_matrix(matrix: np.ndarray) -> None:
    field = "correlation"
    if not np.allclose(matrix, matrix.swapaxes(-1, -2), rtol=0, atol=1e-6):
        raise SettingsError(field, matrix, "a symmetric matrix", "(R + R.T) / 2")
    diagonal = np.diagonal(matrix, axis1=-2, axis2=-1)
    if not np.allclose(diagonal, 1, rtol=0, atol=1e-6):
        raise SettingsError(field, diagonal, "1 on the diagonal")
    smallest = np.linalg.eigvalsh(matrix).min()
    if smallest < -1e-6 * matrix.shape[-1]:
        raise SettingsError(
            field,
            f"smallest eigenvalue {smallest:.3g}",
            "a positive semidefinite matrix",
            "weaker negative correlations",
        )


def _factor(correlation: Leaf) -> Leaf:
    """F with F Fᵀ = R, not Cholesky's, which fails for singular R."""
    numpy = numpy_of(correlation)
    lengths, axes = numpy.linalg.eigh(correlation)
    return axes * numpy.sqrt(numpy.maximum(lengths, 0))[..., None, :]
