"""What PLT-1 to PLT-8 read off their response curves.

Medians over bases come first, so that a number belongs to one trained model; models of
a seed are compared with one another.

Axis letters: `runs` models, `families` of directions, `bases`, `directions` of a family
and base (one here), `radii`.
"""

import numpy as np
from jaxtyping import Float

from toymodels.probes import plateau_radius
from toymodels.stats import finite_median, rank_correlation

Curves = Float[np.ndarray, "runs families bases directions radii"]
PerFamily = Float[np.ndarray, "runs families"]

# Those of most figures: one tuple, so that they share compiled programs.
COMMON = ("covariance", "isotropic", "real_other")

LABELS = {
    "isotropic": "isotropic",
    "covariance": "covariance-matched",
    "covariance_mixture": "covariance-matched, minus base",
    "real_other": "towards another activation",
    "feature": "a feature added",
    "feature_negative": "minus an absent feature",
    "feature_removed": "a feature removed",
    "feature_amplified": "an active feature added",
    "mixture": "two features added",
    "shuffled_feature": "feature, coordinates shuffled",
}


def flat(curves: np.ndarray) -> np.ndarray:
    """Bases and directions as one axis: (runs, families, bases, radii)."""
    return curves.reshape(*curves.shape[:2], -1, curves.shape[-1])


def plateau(radii: np.ndarray, curves: Curves) -> np.ndarray:
    """r10 of every curve, (runs, families, bases)."""
    return plateau_radius(radii, flat(curves))


def plateau_ratio(radii: np.ndarray, real: Curves, gaussian: Curves) -> PerFamily:
    """Median over bases of r10(real base)/r10(Gaussian base of equal length)."""
    return finite_median(plateau(radii, real) / plateau(radii, gaussian))


def cohen_d(
    greater: Float[np.ndarray, "runs bases"], smaller: Float[np.ndarray, "runs bases"]
) -> Float[np.ndarray, " runs"]:
    """Mean over standard deviation of paired differences, for each model.

    With 200 pairs, d ≥ 0.5 has t ≥ 7, so that its p-value is below 1e-10.
    """
    apart = np.asarray(greater, float) - smaller
    return apart.mean(axis=-1) / apart.std(axis=-1, ddof=1)


def ranks(rows: Float[np.ndarray, "runs levels"]) -> Float[np.ndarray, " runs"]:
    """Rank correlation of each row with the order of its levels.

    Rounded: a computed −0.8 is −0.79999…, and would fail a test for at most −0.8.
    """
    order = np.arange(rows.shape[-1])
    return np.round([rank_correlation(order, row) for row in rows], 9)


def typical(curves: Curves) -> Float[np.ndarray, "runs families radii"]:
    """The median response over bases at every radius."""
    return finite_median(flat(curves), axis=2)
