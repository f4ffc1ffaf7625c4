"""What TMS-18 measures of six features in two sets of three, in three dimensions.

Axis letters: `snaps` snapshots, `runs` models; features 0–2 are one set, 3–5 the other.
"""

import numpy as np
from jaxtyping import Float, Int
from scipy.signal import find_peaks

from toymodels.geometry import cosines, feature_dimensionality

HALF = 0.02  # largest distance of a D_i from 1/2
OPPOSITE = -0.9  # largest cosine of antipodal partners, that of TMS-14

# A drop of the loss is a peak of −d log L/d log t, its slope on doubly logarithmic
# axes, that stands out by this much. Fixed on calibration seed 1.
PROMINENCE = 0.75


def is_octahedron_across(W: Float[np.ndarray, "3 6"]) -> bool:
    """All D_i at 1/2, and every feature opposite to one of the other set."""
    D, cosine = np.asarray(feature_dimensionality(W)), np.asarray(cosines(W))
    across = cosine[:3, 3:]
    partner = across.argmin(axis=1)
    return bool(
        (np.abs(D - 0.5) <= HALF).all()
        and len(set(partner)) == 3
        and across[np.arange(3), partner].max() <= OPPOSITE
    )


def within_cosine(W: Float[np.ndarray, "*runs 3 6"]) -> Float[np.ndarray, "*runs"]:
    """Mean cosine of two features of one set."""
    cosine = np.asarray(cosines(W))
    first, second = np.triu_indices(3, 1)
    both = (
        cosine[..., first, second],
        cosine[..., first + 3, second + 3],
    )
    return np.mean(both, axis=(0, -1))


def partner_cosine(W: Float[np.ndarray, "*runs 3 6"]) -> Float[np.ndarray, "*runs"]:
    """Mean, over features, of the smallest cosine with a feature of the other set."""
    across = np.asarray(cosines(W))[..., :3, 3:]
    return (across.min(axis=-1).mean(axis=-1) + across.min(axis=-2).mean(axis=-1)) / 2


def drops(
    step: Int[np.ndarray, " snaps"], loss: Float[np.ndarray, "snaps runs"]
) -> Int[np.ndarray, " runs"]:
    """How often the loss of each run falls steeply, with a plateau between.

    Args:
        step: log-spaced, from the first update on.
        loss: at these steps, > 0, on samples that are the same for all of them.
    """
    slope = -np.diff(np.log(loss), axis=0) / np.diff(np.log(step))[:, None]
    counts = []
    for values in slope.T:
        # A weighted mean of three takes out what is left of sampling noise; the zeros
        # let a steep start or end be a peak.
        smooth = np.convolve(values, [0.25, 0.5, 0.25], mode="same")
        padded = np.concatenate([[0.0], smooth, [0.0]])
        counts.append(len(find_peaks(padded, prominence=PROMINENCE)[0]))
    return np.array(counts)


def facing(W: Float[np.ndarray, "3 6"]) -> Float[np.ndarray, "3 3"]:
    """A rotation Q; QW has its first set above and the second below, for a drawing."""
    up = W[:, :3].mean(axis=1) - W[:, 3:].mean(axis=1)
    basis = np.linalg.qr(np.column_stack([up, W[:, :2]]))[0]
    # QR may return −up; x and y are the remaining two directions, of either sign.
    basis[:, 0] *= np.sign(basis[:, 0] @ up)
    return basis[:, [1, 2, 0]].T
