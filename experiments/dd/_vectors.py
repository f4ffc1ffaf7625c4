"""Vectors in the plane: the angles between them, and which of them to draw.

Axis letters: `models`, d = 2, n features, T points.
"""

import numpy as np
from jaxtyping import Float

GAP = 0.05  # largest error of a gap on a regular polygon, relative


def gap_error(
    points: Float[np.ndarray, "*models 2 T"],
) -> Float[np.ndarray, "*models"]:
    """Largest error of an angle between neighbours, relative to 2π/T."""
    angle = np.sort(np.arctan2(points[..., 1, :], points[..., 0, :]), axis=-1)
    gaps = np.diff(angle, axis=-1, append=angle[..., :1] + 2 * np.pi)
    return np.abs(gaps * points.shape[-1] / (2 * np.pi) - 1).max(axis=-1)


def longest(W: Float[np.ndarray, "d n"], count: int) -> Float[np.ndarray, "d shown"]:
    """The longest columns."""
    return W[:, np.argsort(-np.linalg.norm(W, axis=0))[:count]]


def padded(points: Float[np.ndarray, "2 T"], count: int) -> np.ndarray:
    """The first `count` points; places beyond the last are NaN, which is not drawn."""
    shown = points[:, :count]
    room = [(0, 0), (0, count - shown.shape[1])]
    return np.pad(shown, room, constant_values=np.nan)
