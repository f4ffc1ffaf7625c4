"""How well scores tell two kinds of samples apart: AUROC, average precision, TPR.

Higher scores are more anomalous, so a sample counts as flagged when its score is at
least the threshold. Equal scores are flagged together. Nothing is flipped: a score that
ranks the wrong way round has an AUROC below one half, and is reported so.

Axis letters: `positives` and `negatives` samples that should and should not be flagged,
`points` of a curve.
"""

import numpy as np
import scipy.stats
from jaxtyping import Float

Positives = Float[np.ndarray, "*rows positives"]
Negatives = Float[np.ndarray, "*rows negatives"]


def auroc(positive: Positives, negative: Negatives) -> Float[np.ndarray, "*rows"]:
    """P(positive > negative) + P(equal)/2, over all pairs of samples.

    Args:
        positive: (*rows, positives) scores.
        negative: (*rows, negatives) scores.

    Returns:
        In [0, 1]; 0.5 for a score that says nothing, NaN where a score is NaN.
    """
    p, q = positive.shape[-1], negative.shape[-1]
    both = np.concatenate([positive, negative], axis=-1)
    ranks = scipy.stats.rankdata(both, axis=-1)
    above = ranks[..., :p].sum(axis=-1) - p * (p + 1) / 2
    return np.where(np.isnan(both).any(axis=-1), np.nan, above / (p * q))


def average_precision(
    positive: Positives, negative: Negatives
) -> Float[np.ndarray, "*rows"]:
    """Σ_k (R_k − R_{k−1}) P_k over thresholds, with recall R and precision P.

    It depends on how many positives and negatives there are: a score that says nothing
    has about their share. No interpolation, as in scikit-learn.

    Args:
        positive: (*rows, positives) scores.
        negative: (*rows, negatives) scores.
    """

    def single(positive: np.ndarray, negative: np.ndarray) -> float:
        hits, alarms = _counts(positive, negative)
        recall = hits / hits[-1]
        return float(
            np.sum(np.diff(recall) * (hits / np.maximum(hits + alarms, 1))[1:])
        )

    return _over_rows(single, positive, negative)


def tpr_at_fpr(
    positive: Positives, negative: Negatives, fpr: float | int = 0.01
) -> Float[np.ndarray, "*rows"]:
    """Share of positives flagged where a share `fpr` of the negatives is.

    Linear between the points of the ROC curve: what a threshold that is drawn at random
    between two neighbours reaches on average.

    Args:
        positive: (*rows, positives) scores.
        negative: (*rows, negatives) scores.
        fpr: false positive rate in [0, 1].
    """
    return roc_curve(positive, negative, np.array([fpr], float))[..., 0]


def roc_curve(
    positive: Positives, negative: Negatives, fpr: Float[np.ndarray, " points"]
) -> Float[np.ndarray, "*rows points"]:
    """True positive rate at given false positive rates, as in `tpr_at_fpr`."""

    def single(positive: np.ndarray, negative: np.ndarray) -> np.ndarray:
        hits, alarms = _counts(positive, negative)
        x, y = alarms / alarms[-1], hits / hits[-1]
        # Where the curve rises straight up, from its upper end to the next one's lower.
        left = np.searchsorted(x, fpr, side="right") - 1
        right = np.minimum(left + 1, len(x) - 1)
        width = x[right] - x[left]
        share = (fpr - x[left]) / np.where(width > 0, width, 1.0)
        return y[left] + share * (y[right] - y[left])

    return _over_rows(single, positive, negative, (len(fpr),))


def _counts(positive: np.ndarray, negative: np.ndarray) -> tuple[np.ndarray, ...]:
    """Flagged positives and negatives at every threshold, from none to all."""
    both = np.concatenate([positive, negative])
    order = np.argsort(-both, kind="stable")
    # A threshold lies below the last of equal scores.
    last = np.append(np.diff(both[order]) != 0, True)
    hits = np.cumsum(order < len(positive))[last]
    alarms = np.flatnonzero(last) + 1 - hits
    return np.append(0, hits), np.append(0, alarms)


def _over_rows(single, positive: np.ndarray, negative: np.ndarray, tail=()):
    rows = positive.shape[:-1]
    result = np.full((*rows, *tail), np.nan)
    for row in np.ndindex(*rows):
        if not (np.isnan(positive[row]).any() or np.isnan(negative[row]).any()):
            result[row] = single(positive[row], negative[row])
    return result
