"""The T-gon: what a memorising model does with T points in two hidden dimensions.

Points with disjoint supports and unit norm are memorised exactly by putting them on a
regular T-gon of radius r, where each point is just far enough from its neighbours for a
negative bias to silence them. This is nearly the solution at S = 0.999, where supports
hardly overlap (Henighan et al. 2023, the figures of data points on polygons).

With h_i·h_j = r² cos θ_ij and bias −β·x on the support of point x, a point is exact if
r² − β = 1, and its neighbours silent if r² cos(2π/T) ≤ β. Equality has the least norm.

Axes: `T` data points, `n` features.
"""

import dataclasses
import itertools
import math

import numpy as np
from jaxtyping import Float


@dataclasses.dataclass(frozen=True)
class TGon:
    """The zero-loss T-gon of least norm.

    Attributes:
        points: T ≥ 3, how many data points are memorised.
        radius: r, the length of each hidden vector.
        bias_factor: β = r² − 1; the bias is −β·x on the support of point x.
        weight_norm: ‖W‖_F.
        bias_norm: ‖b‖₂.
        dimensionality: D_X = 2/T of each data point.
    """

    points: int
    radius: float
    bias_factor: float
    weight_norm: float
    bias_norm: float
    dimensionality: float


def tgon(points: int) -> TGon:
    """The zero-loss T-gon of least norm for T `points`, in closed form.

    Raises:
        ValueError: T < 3; two points fit on a line, not a polygon.
    """
    if points < 3:
        raise ValueError(f"points: got {points}, expected ≥ 3; try tgon(5)")
    cosine = math.cos(2 * math.pi / points)
    return TGon(
        points=points,
        radius=1 / math.sqrt(1 - cosine),
        bias_factor=cosine / (1 - cosine),
        weight_norm=math.sqrt(points / (1 - cosine)),
        bias_norm=math.sqrt(points) * abs(cosine) / (1 - cosine),
        dimensionality=2 / points,
    )


def tgon_parameters(
    X: Float[np.ndarray, "n T"],
) -> tuple[Float[np.ndarray, "2 n"], Float[np.ndarray, " n"]]:
    """Weights and bias of the T-gon that memorises the columns of X.

    Args:
        X: (n, T) non-negative unit columns; exact if their supports are disjoint.

    Returns:
        W (2, n) and b (n,), with ReLU(WᵀWx + b) = x for each column.
    """
    ideal = tgon(X.shape[1])
    angle = 2 * np.pi * np.arange(ideal.points) / ideal.points
    hidden = ideal.radius * np.stack([np.cos(angle), np.sin(angle)])
    return hidden @ X.T, -ideal.bias_factor * X.sum(axis=1)


def first_bias_above_weights() -> int:
    """The smallest T > 3 with ‖b‖₂ > ‖W‖_F.

    The condition is cos(2π/T) > (√5 − 1)/2, so from there on it holds for every T.
    """
    larger = (T for T in itertools.count(4) if tgon(T).bias_norm > tgon(T).weight_norm)
    return next(larger)
