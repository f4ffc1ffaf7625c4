"""Jumps of feature dimensionality between snapshots, and the falls of the loss.

Training is cut into windows, whose ends are `edges` = windows + 1 snapshots.

Axis letters: `seeds`, `edges`, `windows`, n features.
"""

import numpy as np
from jaxtyping import Bool, Float, Int

from toymodels.stats import rank_correlation

JUMP = 0.1  # change of D_i within a window
FEATURES = 2  # that jump in the same window
DROP = 5.0  # fall of the loss, in median changes of a window
NEAR = 0.02  # |D_i − 1/2| of a feature that is on the level of digons


def jumping(D: Float[np.ndarray, "seeds edges n"]) -> Int[np.ndarray, "seeds windows"]:
    """How many features change their D_i in each window."""
    return (np.abs(np.diff(D, axis=1)) >= JUMP).sum(axis=2)


def falls(loss: Float[np.ndarray, "seeds edges"]) -> Float[np.ndarray, "seeds windows"]:
    """Fall of the loss in each window, over the median of its size in all of them."""
    fall = -np.diff(loss, axis=1)
    return fall / np.median(np.abs(fall), axis=1, keepdims=True)


def jump_windows(
    D: Float[np.ndarray, "seeds edges n"], loss: Float[np.ndarray, "seeds edges"]
) -> Bool[np.ndarray, "seeds windows"]:
    """The windows in which features jump and the loss drops."""
    return (jumping(D) >= FEATURES) & (falls(loss) >= DROP)


def on_level(
    D: Float[np.ndarray, "seeds n"], represented: Bool[np.ndarray, "seeds n"]
) -> Float[np.ndarray, " seeds"]:
    """Share of the represented features with D_i at 1/2; 0 if there are none."""
    near = (np.abs(D - 0.5) <= NEAR) & represented
    return near.sum(axis=1) / np.maximum(represented.sum(axis=1), 1)


def rank_correlations(
    jumps: Int[np.ndarray, "seeds windows"], fall: Float[np.ndarray, "seeds windows"]
) -> Float[np.ndarray, " seeds"]:
    """Rank correlation of jumps and falls over the windows of each seed."""
    return np.array([rank_correlation(*pair) for pair in zip(jumps, fall, strict=True)])
