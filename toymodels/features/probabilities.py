"""Feature probabilities that differ from feature to feature: power law, geometric.

The results go into the field `probability` of a distribution. Axis letter: `n`
features, the most frequent first.
"""

import numpy as np
from jaxtyping import Float64

from toymodels.config import (
    SettingsError,
    check_count,
    check_probability,
    check_range,
)


def power_law_probability(
    n: int,
    exponent: float | int,
    *,
    peak: float | int | None = None,
    mean: float | int | None = None,
) -> Float64[np.ndarray, " n"]:
    """p_i ∝ i^(−exponent) for i = 1 … n, scaled to a peak or to a mean.

    Args:
        n: number of features, ≥ 1.
        exponent: ≥ 0; 0 makes all features equally frequent, 1 is Zipf's law.
        peak: p_1, in (0, 1].
        mean: mean of all p_i, in (0, 1]; give either this or `peak`.

    Raises:
        SettingsError: a value outside its range, or a mean so high that p_1 > 1.
    """
    check_range("exponent", exponent, low=0.0)
    shape = np.arange(1, check_count("n", n) + 1) ** -float(exponent)
    if (peak is None) == (mean is None):
        raise SettingsError(
            "peak, mean", (peak, mean), "exactly one of the two", "peak=0.1 alone"
        )
    if mean is None:
        return check_probability("peak", peak) * shape
    scale = check_probability("mean", mean) / shape.mean()
    if scale > 1:
        raise SettingsError(
            "mean", mean, f"at most {shape.mean():.4g}, where p_1 = 1", "a lower mean"
        )
    return scale * shape


def geometric_probability(
    n: int, first: float | int, ratio: float | int
) -> Float64[np.ndarray, " n"]:
    """p_i = first · ratio^(i−1) for i = 1 … n.

    Args:
        n: number of features, ≥ 1.
        first: p_1, in (0, 1].
        ratio: from one feature to the next, in (0, 1].

    Raises:
        SettingsError: a value outside its range, or a p_n too small for float32.
    """
    check_probability("first", first)
    check_range("ratio", ratio, low=0.0, high=1.0, open_low=True, hint="ratio=0.9")
    probability = first * float(ratio) ** np.arange(check_count("n", n))
    if probability[-1] < np.finfo(np.float32).tiny:
        raise SettingsError(
            "ratio", ratio, "a last probability above 1e-38", "a ratio nearer to 1"
        )
    return probability
