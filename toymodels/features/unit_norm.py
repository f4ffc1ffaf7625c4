"""Independent features scaled to length 1, as in Henighan et al. 2023.

The papers on memorisation rescale every sample to ‖x‖₂ = 1 and do not say what becomes
of a sample without any active feature; here it is drawn again. Drawing again until
something is on gives the distribution conditional on "not empty", and that is sampled
directly, without a loop:

- the first active feature is j with probability p_j Π_{i<j} (1 − p_i), normalised;
- features before j are off, those after j are on independently with their own p.

The moments are integrals over one variable, from
1/√s = π^(−1/2) ∫ t^(−1/2) e^(−ts) dt and 1/s = ∫ e^(−ts) dt with s = ‖x‖²:
the expectation of a product over independent features is a product.

Axis letters: `n` features, `batch` samples, `members` settings of one ensemble.

References:
    Henighan et al. 2023, "Superposition, Memorization, and Double Descent".
"""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float64, PRNGKeyArray
from scipy.special import gamma, gammainc

from toymodels.config import SettingsError
from toymodels.features.base import (
    FeatureDistribution,
    LabelledSamples,
    child,
    exact,
    feature_distribution,
    labelled,
)
from toymodels.features.independent import IndependentFeatures
from toymodels.features.uniform import open_uniform
from toymodels.features.values import gated


@feature_distribution
class UnitNorm(FeatureDistribution):
    """x/‖x‖ of independent features, given that at least one is on.

    Args:
        base: independent features, whose probabilities and values are used.
    """

    base: IndependentFeatures = child()

    def check(self) -> None:
        """`base` must be independent features."""
        if not isinstance(self.base, IndependentFeatures):
            raise SettingsError(
                "base",
                type(self.base).__name__,
                "IndependentFeatures, for which empty samples can be ruled out",
            )

    @property
    def n(self) -> int:
        """That of `base`."""
        return self.base.n

    def sample_labelled(self, key: PRNGKeyArray, batch: int) -> LabelledSamples:
        """One random number a sample finds the first active feature, then as `base`."""
        draws = open_uniform(key, (self.n + 1, batch))
        u, v = draws[:-1], draws[-1:]
        p = jnp.asarray(self.base.probability)
        none_before = jnp.concatenate([jnp.ones(1, p.dtype), jnp.cumprod(1 - p)[:-1]])
        reach = jnp.cumsum(p * none_before)
        reach = reach / reach[-1:]
        reached = v < reach[:, None]
        passed = v < jnp.concatenate([jnp.zeros(1, p.dtype), reach[:-1]])[:, None]
        first = reached & ~passed
        p = p[:, None]
        active = first | (passed & (u < p))
        # The gate of the first active feature did not look at u, so u is its value.
        x = gated(active, jnp.where(first, u, u * (1 / p)), self.base.values)
        return labelled(x / jnp.linalg.norm(x, axis=0, keepdims=True), active)

    def mean(self) -> Float64[np.ndarray, "*members n"]:
        """E x_i/‖x‖ by quadrature, to about 1e-12."""
        return self._moment(1)

    def variance(self) -> Float64[np.ndarray, "*members n"]:
        """E x_i²/‖x‖² − mean² by quadrature, to about 1e-12."""
        # n = 1 gives exactly 1 for both terms, up to rounding below zero.
        return np.maximum(self._moment(2) - self.mean() ** 2, 0.0)

    def activity(self) -> Float64[np.ndarray, "*members n"]:
        """p_i divided by the probability that a sample is not empty."""
        p = exact(self.base.probability)
        return p / _not_empty(p)

    def _moment(self, order: int) -> np.ndarray:
        p = exact(self.base.probability)
        rows = [_ratio_moment(row, self.base.values, order) for row in np.atleast_2d(p)]
        return (np.stack(rows) / _not_empty(np.atleast_2d(p))).reshape(p.shape)


def _not_empty(p: np.ndarray) -> np.ndarray:
    """1 − Π(1 − p_i), (…, 1), without cancellation for small p."""
    with np.errstate(divide="ignore"):
        return -np.expm1(np.log1p(-p).sum(axis=-1, keepdims=True))


def _ratio_moment(p: np.ndarray, values: str, order: int) -> np.ndarray:
    """E (x_i/‖x‖)^order, empty samples counting as 0; p and result (n,).

    The trapezoidal rule in log t converges exponentially; the ends are below 1e-17.
    """
    step = 0.1
    t = np.exp(np.arange(-80, 80, step))[:, None]
    factor = 1 - p + p * _laplace(t, values, 0)
    # Underflows at large t, where the numerator does too; 0/0 must not arise.
    log_factor = np.log(np.maximum(factor, 1e-300))
    others = np.exp(log_factor.sum(axis=1, keepdims=True) - log_factor)
    weight = t ** (order / 2) / gamma(order / 2)
    return step * (weight * p * _laplace(t, values, order) * others).sum(axis=0)


def _laplace(t: np.ndarray, values: str, power: int) -> np.ndarray:
    """E v^power e^(−t v²) for the value v of an active feature."""
    if values == "boolean":
        return np.exp(-t)
    if values == "signed" and power % 2:
        return np.zeros_like(t)
    half = (power + 1) / 2
    return gammainc(half, t) * gamma(half) / (2 * t**half)
