"""All detectors in one figure, grouped by what they see, bounds first and last.

Axis letters: `detectors`, `columns` comparisons, `runs`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

from experiments.mad._detectors import FALSE_POSITIVE_RATES, plain
from toymodels.anomaly import over_seeds
from toymodels.plotting import Curve, detection_figure

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
TWIN = "same model, never shown the point"

MEANING = {
    "C": "an unusual combination (C)",
    "F": "a near-miss (F)",
    "N": "an ordinary sample (N)",
}


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
        hollow_name=TWIN,
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
    twin: Float[np.ndarray, "detectors columns runs"] | None = None,
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
        twin: the same values for models never shown the point, as hollow marks; NaN is
            not drawn.
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
        hollow=None if twin is None else over_seeds(twin)[0][order],
        hollow_name=TWIN,
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
