"""One point that turns up again and again among ordinary samples: the backdoor.

Axis letters: `n` features, `batch` samples, `members` settings of one ensemble.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float64, PRNGKeyArray

from toymodels.config import SettingsError, check_choice, check_count, check_range
from toymodels.features.base import (
    FeatureDistribution,
    LabelledSamples,
    Leaf,
    child,
    exact,
    feature_distribution,
    leaf,
)
from toymodels.features.uniform import open_uniform
from toymodels.features.values import VALUE_MOMENTS


def _check_rate(field: str, value: object) -> None:
    check_range(field, value, low=0.0, high=1.0, hint=f"{field}=0.01")
    if np.any(np.asarray(value) == 1):
        raise SettingsError(
            field, value, "numbers in [0, 1): 1 leaves no sample of base", "0.99"
        )


def _check_point(field: str, value: object) -> None:
    if not (np.asarray(value).dtype.kind in "fiu" and np.isfinite(value).all()):
        raise SettingsError(field, value, "n finite numbers")


def random_point(
    n: int, *, size: int, seed: int, values: str = "uniform", unit_norm: bool = False
) -> Float64[np.ndarray, " n"]:
    """A point with `size` random features active, to be repeated.

    Args:
        n: number of features.
        size: active features, 1 to n.
        seed: of features and values, ≥ 0.
        values: as of other samples: "uniform", "signed" or "boolean".
        unit_norm: scale the point to length 1, as other samples are.

    Raises:
        SettingsError: more active features than there are.
    """
    if check_count("size", size) > n:
        raise SettingsError("size", size, f"at most n = {n} active features")
    check_choice("values", values, VALUE_MOMENTS)
    rng = np.random.default_rng(check_count("seed", seed, minimum=0))
    value = rng.uniform(size=size)
    point = np.zeros(n)
    chosen = rng.permutation(n)[:size]
    if values == "boolean":
        value = np.ones(size)
    elif values == "signed":
        value = value * rng.choice([-1.0, 1.0], size)
    point[chosen] = value
    return point / np.linalg.norm(point) if unit_norm else point


@feature_distribution
class RepeatedPoint(FeatureDistribution):
    """A mixture: each sample is `point` with probability `rate`, else one of `base`.

    A sample that is the point has `backdoor` set, and is active where the point is not
    0.

    Args:
        base: the other samples.
        point: the repeated sample, (n,) or (members, n), every entry written out.
        rate: share of samples that are the point, in [0, 1); one number or (members,).
    """

    base: FeatureDistribution = child()
    point: Leaf = leaf("n", check=_check_point, exact=True)
    rate: Leaf = leaf(check=_check_rate)

    @property
    def n(self) -> int:
        """That of `base`."""
        return self.base.n

    def sample_labelled(self, key: PRNGKeyArray, batch: int) -> LabelledSamples:
        """Samples of `base`, some of them replaced by the point."""
        base_key, gate_key = jax.random.split(key)
        drawn = self.base.sample_labelled(base_key, batch)
        repeated = open_uniform(gate_key, (batch,)) < self.rate
        point = jnp.asarray(self.point)[:, None]
        return LabelledSamples(
            x=jnp.where(repeated[None, :], point, drawn.x),
            active=jnp.where(repeated[None, :], point != 0, drawn.active),
            backdoor=repeated | drawn.backdoor,
        )

    def mean(self) -> Float64[np.ndarray, "*members n"]:
        """(1 − rate) · E base + rate · point."""
        return self._mix(self.base.mean(), exact(self.point))

    def variance(self) -> Float64[np.ndarray, "*members n"]:
        """Mixture of the mean squares, minus the square of the mean."""
        square = self.base.variance() + self.base.mean() ** 2
        return self._mix(square, exact(self.point) ** 2) - self.mean() ** 2

    def activity(self) -> Float64[np.ndarray, "*members n"]:
        """(1 − rate) · activity of base + rate · [point ≠ 0]."""
        return self._mix(self.base.activity(), exact(self.point != 0))

    def _mix(self, base: np.ndarray, point: np.ndarray) -> np.ndarray:
        rate = exact(self.rate)[..., None]
        return (1 - rate) * base + rate * point
