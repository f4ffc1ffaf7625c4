"""Which detectors are compared, how they are called, and the figure of them all.

Local outlier factor and isolation forest need scikit-learn, an extra. They are left out
everywhere, so that the numbers of a figure do not depend on what is installed.

Axis letters: `detectors`, `comparisons`, `runs`, `samples`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

from toymodels.anomaly import (
    CausalScrubbing,
    Detector,
    Evaluation,
    make_detector,
    over_seeds,
    roc_curve,
)
from toymodels.plotting import Curve, detection_figure

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
GROUPS = {
    "labels": "knows labels or true directions",
    "true dictionary": "knows labels or true directions",
    "activations + untrusted": "searches untrusted samples too",
    "weights": "sees the model",
    "inputs and outputs": "sees the model",
    "activations": "sees activations",
}
_ORDER = list(dict.fromkeys(GROUPS.values()))
LOWEST = "sees nothing of use"

MEANING = {
    "C": "an unusual combination (C)",
    "F": "a near-miss (F)",
    "N": "an ordinary sample (N)",
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


def group_of(sees: str, bound: str) -> str:
    """Which group of the figure a detector belongs to."""
    return LOWEST if bound == "lower" else GROUPS[sees]


def grouped_order(
    sees: Sequence[str],
    bounds: Sequence[str],
    headline: Float[np.ndarray, " detectors"],
) -> list[int]:
    """By what they see, and from the best to the worst in each group."""
    places = [*_ORDER, LOWEST]

    def key(row: int) -> tuple[int, float]:
        return places.index(group_of(sees[row], bounds[row])), -headline[row]

    return sorted(range(len(sees)), key=key)


def metrics_of(found: Evaluation) -> dict[str, Any]:
    """Metrics, and what the detectors are, as arrays for a result."""
    names = ("detectors", "sees", "bounds", "auroc", "average_precision", "tpr")
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


def summary_figure(
    result: Any,
    shown: Sequence[str],
    columns: Sequence[str],
    *,
    title: str,
    caption: str,
    xlabel: str,
    notes: Mapping[str, str] | None = None,
) -> Figure:
    """All detectors with their twins, and three of them in detail.

    Args:
        result: with the arrays of `metrics_of`, "twin" for the AUROC of the twins, and
            those of `details`.
        shown: the detectors in detail.
        columns: negatives, in the order of the legend.
        title: of the figure.
        caption: below it.
        xlabel: of the dots.
        notes: behind the names of some detectors.
    """
    notes = notes or {}
    names = [str(name) for name in result["detectors"]]
    kept = [list(result["comparisons"]).index(name) for name in columns]
    middle = over_seeds(result["auroc"])
    sees, bounds = ([str(one) for one in result[key]] for key in ("sees", "bounds"))
    order = grouped_order(sees, bounds, np.nan_to_num(middle[0, :, kept[0]]))
    groups = [group_of(sees[row], bounds[row]) for row in order]
    titles = [plain(name) for name in shown]
    kinds = [*columns, "backdoor"]
    return detection_figure(
        [plain(names[row]) + notes.get(names[row], "") for row in order],
        [f"against {MEANING.get(name, name)}" for name in columns],
        middle[:, order][:, :, kept],
        roc={
            name: [_roc(curves) for curves in result[f"roc/{place}"]]
            for place, name in enumerate(titles)
        },
        scores={
            name: dict(zip(kinds, result[f"scores/{place}"], strict=True))
            for place, name in enumerate(titles)
        },
        groups=first_rows(groups),
        hollow=over_seeds(result["twin"])[0][order][:, kept],
        hollow_name="same model, never shown the point",
        references={"inverted ← 0.5 chance": 0.5, "solved": 0.95},
        xlabel=xlabel,
        score_label=f"score above that of {columns[-1]}",
        title=title,
        caption=caption,
    )


def dots_figure(
    result: Any,
    values: Float[np.ndarray, "detectors columns runs"],
    columns: Sequence[str],
    *,
    title: str,
    caption: str,
    xlabel: str,
    references: Mapping[str, float] | None = None,
) -> Figure:
    """Medians and intervals of every detector, grouped as in the summary.

    Args:
        result: with "detectors", "sees" and "bounds".
        values: AUROC; the first column decides the order in each group.
        columns: names for the legend.
        title: of the figure.
        caption: below it.
        xlabel: of the dots.
        references: vertical lines; chance and solved when None.
    """
    middle = over_seeds(values)
    sees, bounds = ([str(one) for one in result[key]] for key in ("sees", "bounds"))
    order = grouped_order(sees, bounds, np.nan_to_num(middle[0, :, 0]))
    groups = [group_of(sees[row], bounds[row]) for row in order]
    return detection_figure(
        [plain(str(result["detectors"][row])) for row in order],
        columns,
        middle[:, order],
        groups=first_rows(groups),
        references=references or {"chance": 0.5, "solved": 0.95},
        xlabel=xlabel,
        title=title,
        caption=caption,
    )


def first_rows(groups: Sequence[str]) -> dict[str, int]:
    """The first row of each group."""
    return {name: groups.index(name) for name in dict.fromkeys(groups)}


def _roc(curves: Float[np.ndarray, "runs points"]) -> Curve:
    middle, low, high = over_seeds(curves.T[None])[:, 0]
    return Curve("", FALSE_POSITIVE_RATES, middle, low, high)
