"""Which detectors are compared, how they are called, and what is kept of them.

Local outlier factor and isolation forest need scikit-learn, an extra. They are left out
everywhere, so that the numbers of a figure do not depend on what is installed.

Axis letters: `detectors`, `comparisons`, `runs`, `samples`.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from toymodels.anomaly import (
    CausalScrubbing,
    Detector,
    Evaluation,
    make_detector,
    roc_curve,
)
from toymodels.stats import rank_correlation

# They look at activations, and were fitted on trusted samples alone.
TRUSTED = (
    "norm",
    "mahalanobis",
    "leverage",
    "nearest neighbours",
    "gram bounds",
    "linear explanation",
)
UNTRUSTED = ("spectral signature", "quantum entropy", "likelihood ratio")
MODEL = ("reconstruction error", "attribution")
UPPER = ("oracle code with backdoor", "supervised probe", "oracle code")
LOWER = ("random",)
BLIND = (*TRUSTED, *UNTRUSTED, *MODEL)
"""Without the true dictionary and without labels, and not by resampling: fast ones."""

SCRUBBING = CausalScrubbing()
SOLVED, SOLVED_TPR = 0.95, 0.8

PLAIN = {
    "norm": "length of h",
    "mahalanobis": "Mahalanobis distance",
    "leverage": "leverage (D* of the point)",
    "nearest neighbours": "nearest neighbours",
    "gram bounds": "bounds on products",
    "linear explanation": "linear explanation",
    "linear explanation (soft True)": "linear, soft",
    "linear explanation (tuned False)": "linear, one for all",
    "random subspaces": "random subspaces ▼",
    "spectral signature": "spectral signature",
    "quantum entropy": "quantum entropy",
    "likelihood ratio": "likelihood ratio",
    "reconstruction error": "reconstruction error",
    "attribution": "attribution to hidden units",
    "causal scrubbing": "resampled explanation",
    "supervised probe": "probe trained on labels ▲",
    "oracle code": "true features ▲",
    "oracle code with backdoor": "features and backdoor ▲",
    "random": "random score ▼",
}
# Log-spaced, from where 1,000 negatives say something.
FALSE_POSITIVE_RATES = np.geomspace(0.003, 1.0, 60)


def make(names: Sequence[str]) -> list[Detector]:
    """Detectors with their default settings."""
    return [make_detector(name) for name in names]


def plain(label: str) -> str:
    """A detector's name for a reader who has not seen the code."""
    name, bracket, settings = label.partition(" (")
    if label in PLAIN or name == "causal scrubbing":
        return PLAIN[label if label in PLAIN else name]
    return PLAIN.get(name, name) + bracket + settings


def metrics_of(found: Evaluation) -> dict[str, Any]:
    """Metrics, and what the detectors are, as arrays for a result."""
    names = ("detectors", "sees", "bounds", "auroc", "tpr")
    made = {name: np.asarray(getattr(found, name)) for name in names}
    made["milliseconds"] = 1e3 * found.seconds
    made["comparisons"] = np.array([pair.negative for pair in found.comparisons])
    return made


def auroc_of(
    result: Any, detector: str, against: str, name: str = "auroc"
) -> Float[np.ndarray, " runs"]:
    """Of one detector against one scenario, model by model.

    Args:
        result: with the arrays of `metrics_of`.
        detector: its label.
        against: name of the negatives.
        name: of the array, such as "twin".
    """
    row = list(result["detectors"]).index(detector)
    return result[name][row, list(result["comparisons"]).index(against)]


def median_of(values: Float[np.ndarray, " runs"]) -> float:
    """Median of the finite ones; NaN if there is none."""
    finite = values[np.isfinite(values)]
    return float(np.median(finite)) if finite.size else np.nan


def solved(auroc: np.ndarray, tpr: np.ndarray) -> np.ndarray:
    """How far inside *solved*: AUROC ≥ 0.95, and TPR ≥ 0.8 at 1 % false positives."""
    return np.minimum(auroc - SOLVED, tpr - SOLVED_TPR)


def rank_over_rows(
    x: Float[np.ndarray, "rows runs"] | Float[np.ndarray, "rows 1"],
    y: Float[np.ndarray, "rows runs"],
) -> Float[np.ndarray, " runs"]:
    """Rank correlation over the rows, for every model."""
    pairs = zip(np.broadcast_to(x, y.shape).T, y.T, strict=True)
    return np.array([rank_correlation(*pair) for pair in pairs])


def details(
    found: Evaluation, shown: Sequence[str], columns: Sequence[str]
) -> dict[str, np.ndarray]:
    """ROC curves and pooled scores of some detectors, as arrays for a result.

    Scores are in quartile ranges of the last column's above its median, model by model:
    models differ in the scale of their scores, so they cannot be pooled as they are.
    """
    arrays = {}
    for place, name in enumerate(shown):
        row = found.detectors.index(name)
        positive = found.scores_of(row, ("B", "B'"))
        negatives = [found.scores_of(row, (column,)) for column in columns]
        arrays[f"roc/{place}"] = np.stack(
            [roc_curve(positive, other, FALSE_POSITIVE_RATES) for other in negatives]
        )
        low, middle, high = np.quantile(
            negatives[-1], (0.25, 0.5, 0.75), axis=-1, keepdims=True
        )
        width = np.where(high > low, high - low, 1.0)
        pooled = np.stack([*negatives, positive])
        arrays[f"scores/{place}"] = ((pooled - middle) / width).astype(np.float32)
    return arrays
