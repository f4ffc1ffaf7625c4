"""Where a share crosses one half: logistic fits with a common slope.

    P(memorised) = 1/(1 + exp(−a(x − x_g))),   x = log R − log(T/n),

with one slope a for all groups (data sets) and a place x_g for each. Few models a group
cannot give both: where copies separate the memorised from the others, the slope of a
single group is infinite. A weak prior, log a ~ N(log 4, 1), keeps that of all finite.

Axis letters: `groups` fitted together, `cells` of R and T in each.
"""

import numpy as np
from jaxtyping import Bool, Float
from scipy.optimize import minimize

PRIOR_SLOPE, PRIOR_WIDTH = 4.0, 1.0
# Places farther than this outside the measured x say no more than "outside".
MARGIN = float(np.log(4.0))


def half_points(
    x: Float[np.ndarray, " cells"], memorised: Bool[np.ndarray, "groups cells"]
) -> tuple[Float[np.ndarray, " groups"], float]:
    """Place x_g of each group where half is memorised, and the common slope a > 0.

    Args:
        x: log R − log(T/n) of each cell.
        memorised: of each model.

    Returns:
        The places, at most a factor of four outside the measured R n/T, and the slope.
    """
    y = np.asarray(memorised, float)
    low, high = x.min() - MARGIN, x.max() + MARGIN

    def cost(theta: np.ndarray) -> float:
        slope, place = np.exp(theta[0]), theta[1:, None]
        z = slope * (x - place)
        prior = ((theta[0] - np.log(PRIOR_SLOPE)) / PRIOR_WIDTH) ** 2 / 2
        return float((np.logaddexp(0, z) - y * z).sum() + prior)

    # Starts where the share of memorised cells would put a sharp threshold.
    start = np.quantile(x, np.clip(1 - y.mean(axis=1), 0, 1))
    found = minimize(
        cost,
        np.concatenate([[np.log(PRIOR_SLOPE)], start]),
        method="L-BFGS-B",
        bounds=[(-4.0, 4.0)] + [(low, high)] * len(y),
    )
    return found.x[1:], float(np.exp(found.x[0]))


def ranking(
    x: Float[np.ndarray, " cells"], memorised: Bool[np.ndarray, " cells"]
) -> float:
    """P(x of a memorised cell > x of another) + P(equal)/2; 1/2 if all are alike."""
    if memorised.all() or not memorised.any():
        return 0.5
    gap = x[memorised][:, None] - x[~memorised]
    return float((gap > 0).mean() + (gap == 0).mean() / 2)
