"""The leverage identities, each as the largest error on given points.

All in units of the hidden dimensions d, in double precision.

Axis letters: d hidden dimensions, T points as columns.
"""

import jax
import numpy as np
from jaxtyping import Float

from toymodels.geometry import (
    feature_dimensionality,
    leverage,
    leverage_of_copies,
    mahalanobis_squared,
)

# Directions of a half turn; the largest of them is within 1e-9 of the supremum.
ANGLES = 40_001


def identity_errors(
    H: Float[np.ndarray, "d T"], *, copies: int = 10, wrong: bool = False
) -> dict[str, float]:
    """Largest errors of the identities, over d.

    Args:
        H: (d, T) hidden points, d ≥ 2.
        copies: R of the first point in the third identity.
        wrong: put each of them wrongly, as a control: dimensionality in the point's own
            direction in place of any, R − 1 for R, and no centring.

    Returns:
        "supremum": leverage against the largest data dimensionality in any direction,
        by trying directions of the plane of the first two coordinates; "rank": the sum;
        "copies": λ/(1 + Rλ) against R equal columns; "mahalanobis": (T − 1) times the
        leverage of centred columns against the distance with the inverse covariance.
    """
    d, T = H.shape
    with jax.enable_x64(True):
        H = np.asarray(H, np.float64)
        plane = H[:2]
        measure = feature_dimensionality if wrong else leverage
        repeated = np.concatenate([np.repeat(H[:, :1], copies, axis=1), H[:, 1:]], 1)
        others = H[:, 1:]
        alone = H[:, 0] @ np.linalg.solve(others @ others.T, H[:, 0])
        predicted = leverage_of_copies(alone, copies - 1 if wrong else copies)
        centred = H - H.mean(axis=1, keepdims=True)
        distance = np.einsum("dt,de,et->t", centred, np.linalg.inv(np.cov(H)), centred)
        found = leverage(H if wrong else centred)
        library = mahalanobis_squared(H)
        errors = {
            "supremum": largest_dimensionality(plane) - np.asarray(measure(plane)),
            "rank": np.asarray(measure(H)).sum() - np.linalg.matrix_rank(H),
            "copies": np.asarray(leverage(repeated))[:copies] - float(predicted),
            "mahalanobis": np.concatenate(
                [(T - 1) * np.asarray(found) - distance, np.asarray(library) - distance]
            ),
        }
    return {name: float(np.abs(error).max() / d) for name, error in errors.items()}


def largest_dimensionality(H: Float[np.ndarray, "2 T"]) -> Float[np.ndarray, " T"]:
    """Sup over v of (v·h_i)²/Σ_j (v·h_j)² in the plane, by trying directions."""
    whole = H @ H.T
    best = np.zeros(H.shape[1])
    angles = np.linspace(0.0, np.pi, ANGLES)
    for part in np.array_split(angles, max(1, ANGLES * H.shape[1] // 2_000_000)):
        v = np.stack([np.cos(part), np.sin(part)])
        spread = np.einsum("ik,ij,jk->k", v, whole, v)
        best = np.maximum(best, ((v.T @ H) ** 2 / spread[:, None]).max(axis=0))
    return best
