"""Moments of a sparse feature, and the losses of doing nothing clever.

A feature is 0 with probability 1 − p and otherwise drawn from its values: "uniform" on
[0, 1], "signed" uniform on [−1, 1], or "boolean", which is 1. Every figure of a loss
draws the first reference loss below: keep d features exactly, the others at their mean.

Losses follow the convention `sum`: the mean over samples of Σ_i I_i·abs(x_i − x̂_i)^q.

Axes: `n` features, `d` of them kept; `grid` any shape to which the arguments broadcast.
"""

import numpy as np
from jaxtyping import Float

from toymodels.theory.bisection import increasing_root
from toymodels.theory.numbers import Grid, Numbers
from toymodels.theory.pca import independent_linear_loss


def feature_mean(probability: Numbers, *, values: str = "uniform") -> Grid:
    """E x: p/2 for uniform values, 0 for signed, p for boolean.

    Args:
        probability: feature probability p in (0, 1].
        values: "uniform", "signed" or "boolean".
    """
    return np.asarray(probability) * _value_moments(values, 1.0)[0]


def feature_variance(probability: Numbers, *, values: str = "uniform") -> Grid:
    """Var x: p/3 − p²/4 for uniform values, p/3 for signed, p(1 − p) for boolean."""
    second = absolute_moment(probability, exponent=2.0, values=values)
    return second - feature_mean(probability, values=values) ** 2


def absolute_moment(
    probability: Numbers, *, exponent: Numbers = 2.0, values: str = "uniform"
) -> Grid:
    """E abs(x)^q: p/(q + 1) for uniform and signed values, p for boolean.

    Args:
        probability: feature probability p in (0, 1].
        exponent: q > 0.
        values: "uniform", "signed" or "boolean".
    """
    return np.asarray(probability) * _value_moments(values, exponent)[1]


def zero_loss(
    probability: Numbers,
    importance: Float[np.ndarray, " n"],
    *,
    exponent: float = 2.0,
    values: str = "uniform",
) -> float:
    """Loss of predicting 0 everywhere: Σ_i I_i·E abs(x_i)^q.

    Args:
        probability: p, one for all features or (n,).
        importance: (n,) I_i ≥ 0.
        exponent: loss exponent q.
        values: "uniform", "signed" or "boolean".
    """
    moment = absolute_moment(probability, exponent=exponent, values=values)
    return float(np.sum(importance * moment))


def keep_top_loss(
    probability: Numbers,
    importance: Float[np.ndarray, " n"],
    d: int,
    *,
    bias: bool = True,
    values: str = "uniform",
) -> float:
    """Squared loss when d features are exact and the others constant.

    With a bias the others are at their mean, at a cost of I_i·Var(x_i) each; without
    one they are at 0 and cost I_i·E x_i². The d most costly features are kept; with
    equal probabilities these are the most important.

    Args:
        probability: p, one for all features or (n,).
        importance: (n,) I_i ≥ 0.
        d: number of features kept, ≥ 0; none is lost for d ≥ n.
        bias: whether the model has one.
        values: "uniform", "signed" or "boolean".
    """
    cost = (
        feature_variance(probability, values=values)
        if bias
        else absolute_moment(probability, exponent=2.0, values=values)
    )
    return independent_linear_loss(
        np.broadcast_to(np.asarray(cost), importance.shape), importance, d
    )


def best_constant(probability: Numbers, *, exponent: float = 2.0) -> Grid:
    """The constant c that minimises E abs(x − c)^q for uniform values.

    It is the mean p/2 for q = 2 and the median for q = 1. For p < 1 it grows with q,
    towards 1/2.

    Args:
        probability: p in (0, 1].
        exponent: loss exponent q ≥ 1, where the loss is convex in c.

    Raises:
        ValueError: the exponent is below 1.
    """
    if exponent < 1:
        raise ValueError(
            f"exponent: got {exponent}, expected a number ≥ 1; try exponent=2.0"
        )
    p, q = np.asarray(probability, dtype=np.float64), exponent

    def slope(c: Grid) -> Grid:
        return (1 - p) * q * c ** (q - 1) + p * (c**q - (1 - c) ** q)

    return increasing_root(slope, np.zeros_like(p), np.ones_like(p))


def constant_loss(probability: Numbers, *, exponent: float = 2.0) -> Grid:
    """Loss of one ignored uniform feature at its best constant; p/3 − p²/4 for q = 2.

    Args:
        probability: p in (0, 1].
        exponent: loss exponent q ≥ 1.
    """
    p, q = np.asarray(probability, dtype=np.float64), exponent
    c = best_constant(p, exponent=q)
    return (1 - p) * c**q + p * (c ** (q + 1) + (1 - c) ** (q + 1)) / (q + 1)


def naive_relu_loss(
    probability: Numbers, features: int, neurons: int, *, exponent: Numbers = 2.0
) -> Grid:
    """Loss of computing ReLU(x_i) exactly for one feature a neuron, and 0 for the rest.

    With x_i uniform on [−1, 1] when active, each ignored feature costs p/(2(q + 1));
    the total is (F − N) times that. It is the line that a network which computes in
    superposition has to beat.

    Args:
        probability: p in (0, 1].
        features: F.
        neurons: N; nothing is lost for N ≥ F.
        exponent: loss exponent q > 0.
    """
    cost = absolute_moment(probability, exponent=exponent, values="signed") / 2
    return max(features - neurons, 0) * cost


def _value_moments(values: str, exponent: Numbers) -> tuple[float, Grid]:
    """Mean and absolute moment of the values of an active feature."""
    power = np.asarray(exponent, dtype=np.float64)
    table = {
        "uniform": (0.5, 1 / (power + 1)),
        "signed": (0.0, 1 / (power + 1)),
        "boolean": (1.0, np.ones_like(power)),
    }
    if values not in table:
        raise ValueError(
            f"values: got {values!r}, expected uniform, signed or boolean; "
            "try values='uniform'"
        )
    return table[values]
