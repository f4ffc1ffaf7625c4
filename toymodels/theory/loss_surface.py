"""The exact loss of the smallest model: two features, one dimension, no bias.

x̂ = ReLU(WᵀWx) with W = (w₁, w₂), uniform features of probability p and importances I₁,
I₂. McGrath's comment on Elhage et al. 2022 draws these surfaces and finds, beside the
known solutions, one for dense features in which w₁ ≈ w₂: a single hidden "confused
feature" that stands for both.

Axes: `grid` any shape to which the arguments broadcast.
"""

import dataclasses

import numpy as np
from scipy.optimize import minimize

from toymodels.theory.numbers import Grid, Numbers


def exact_loss(
    w1: Numbers, w2: Numbers, *, probability: Numbers, importance: tuple[float, float]
) -> Grid:
    """Expected loss Σ_i I_i·E(x_i − x̂_i)² at weights (w₁, w₂), exactly.

    With one active feature its own error is x(1 − w²), and the other one's is w₁w₂x if
    the signs agree, else 0. With both active the errors are linear in (x₁, x₂) wherever
    the hidden unit has one sign, so the loss is made of second moments of the unit
    square (equal signs) or of its two parts beside abs(w₁)x₁ = abs(w₂)x₂ (opposite).

    Args:
        w1: weight of feature 1.
        w2: weight of feature 2.
        probability: p in (0, 1].
        importance: (I₁, I₂), each ≥ 0.

    Returns:
        The loss, in the convention `sum`.
    """
    w1, w2 = np.asarray(w1, np.float64), np.asarray(w2, np.float64)
    p = np.asarray(probability, np.float64)
    first, second = importance
    cross = w1 * w2
    one_active = first * ((1 - w1**2) ** 2 + np.maximum(cross, 0) ** 2) / 3
    one_active = one_active + (
        second * ((1 - w2**2) ** 2 + np.maximum(cross, 0) ** 2) / 3
    )
    both = first * _both_active(w1, w2) + second * _both_active(w2, w1)
    return p * (1 - p) * one_active + p**2 * both


def _both_active(own: Grid, other: Grid) -> Grid:
    """E(x − ReLU(own·(own·x + other·y)))² for x, y uniform on the unit square."""
    residual, cross = 1 - own**2, own * other
    # The part of the square where abs(other)·y < abs(own)·x, so that own decides.
    xx, xy, yy = _moments_below(np.abs(own), np.abs(other))
    opposite = residual**2 * xx - 2 * residual * cross * xy + cross**2 * yy
    opposite = opposite + (1 / 3 - xx)  # elsewhere the output is 0 and the error x
    same = residual**2 / 3 - residual * cross / 2 + cross**2 / 3
    return np.where(cross < 0, opposite, same)


def _moments_below(a: Grid, b: Grid) -> tuple[Grid, Grid, Grid]:
    """E x², E xy and E y² over the part of the unit square with b·y < a·x."""
    with np.errstate(divide="ignore", invalid="ignore"):
        k = a / b  # y < kx is a triangle for k ≤ 1, else the square less a triangle
        j = b / a
    flat = a <= b
    k, j = np.where(flat, k, 1.0), np.where(flat, 1.0, j)
    xx = np.where(flat, k / 4, 1 / 3 - j**3 / 12)
    xy = np.where(flat, k**2 / 8, 1 / 4 - j**2 / 8)
    yy = np.where(flat, k**3 / 12, 1 / 3 - j / 4)
    return xx, xy, yy


@dataclasses.dataclass(frozen=True)
class LossMinimum:
    """A minimum of the loss surface.

    Attributes:
        w1: weight of feature 1, ≥ 0 (W and −W are the same model).
        w2: weight of feature 2.
        loss: the loss there.
    """

    w1: float
    w2: float
    loss: float

    @property
    def kind(self) -> str:
        """One of "antipodal", "confused", "first" (alone) and "second" (alone).

        "confused" has both weights of one sign. A feature counts as represented if its
        squared weight is 0.1 or more.
        """
        if self.w2**2 < 0.1:
            return "first"
        if self.w1**2 < 0.1:
            return "second"
        return "antipodal" if self.w2 < 0 else "confused"


def minimise_exact_loss(
    *, probability: float, importance: tuple[float, float]
) -> LossMinimum:
    """The global minimum of `exact_loss`.

    By Nelder–Mead from each kind of solution: the surface has a kink where a weight
    changes sign, which gradients would have to step around.

    Args:
        probability: p in (0, 1].
        importance: (I₁, I₂), each > 0.
    """

    def loss(w: np.ndarray) -> float:
        return float(
            exact_loss(w[0], w[1], probability=probability, importance=importance)
        )

    starts = [(1.0, -1.0), (0.7, 0.7), (1.0, 0.05), (0.05, 1.0), (0.9, -0.3)]
    precise = {"xatol": 1e-9, "fatol": 1e-15, "maxiter": 4000, "maxfev": 4000}
    found = [
        minimize(loss, start, method="Nelder-Mead", options=precise) for start in starts
    ]
    best = min(found, key=lambda result: result.fun)
    sign = -1.0 if best.x[0] < 0 else 1.0
    return LossMinimum(
        float(sign * best.x[0]), float(sign * best.x[1]), float(best.fun)
    )
