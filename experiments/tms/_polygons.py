"""What the columns of a trained (2, n) matrix form: right angle, two digons, pentagon.

Each measure looks at the represented features (‖W_i‖² ≥ 1/2) alone and gives a number
that is outside every tolerance where their count is wrong, NaN where the run diverged.

Axis letters: n features, two hidden dimensions.
"""

import numpy as np
from jaxtyping import Float

from toymodels.geometry import angular_gaps, cosines, is_represented


def right_angle_error(W: Float[np.ndarray, "2 n"]) -> float:
    """Degrees between 90° and the angle of two features; 90 if there are not two."""
    if not np.isfinite(W).all():
        return np.nan
    kept = _represented(W)
    if kept.shape[1] != 2:
        return 90.0
    cosine = float(np.asarray(cosines(kept))[0, 1])
    return abs(90.0 - float(np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0)))))


def antipodal_cosine(W: Float[np.ndarray, "2 n"]) -> float:
    """Smaller |cos| within two antipodal pairs; 0 if there are not exactly two."""
    if not np.isfinite(W).all():
        return np.nan
    kept = _represented(W)
    if kept.shape[1] != 4:
        return 0.0
    cosine = np.asarray(cosines(kept))
    partner = cosine.argmin(axis=1)
    if (partner[partner] != np.arange(4)).any():
        return 0.0
    return max(0.0, float(-cosine.min(axis=1).max()))


def pentagon_error(W: Float[np.ndarray, "2 n"]) -> float:
    """Largest deviation of the gaps of five features from 72°; 180 if not five."""
    if not np.isfinite(W).all():
        return np.nan
    kept = _represented(W)
    if kept.shape[1] != 5:
        return 180.0
    return float(np.abs(np.degrees(np.asarray(angular_gaps(kept))) - 72.0).max())


def upright(W: Float[np.ndarray, "2 n"]) -> Float[np.ndarray, "2 2"]:
    """The rotation or reflection Q whose QW is W with its first feature pointing up.

    A tied autoencoder has the same output for W and for QW, so a drawing may choose.
    """
    up = W[:, 0] / np.linalg.norm(W[:, 0])
    right = np.array([up[1], -up[0]], W.dtype)
    across = right @ W
    return np.stack([right * np.sign(across[np.abs(across).argmax()]), up])


def _represented(W: np.ndarray) -> np.ndarray:
    return W[:, np.asarray(is_represented(W))]
