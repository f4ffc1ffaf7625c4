"""What `toymodels detect` shows: rows for JSON, tables, and the picture."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from rich import box
from rich.table import Table

from toymodels.anomaly.comparisons import Comparison
from toymodels.anomaly.evaluation import METRICS, Evaluation, over_seeds
from toymodels.anomaly.roc import roc_curve
from toymodels.config import content_hash
from toymodels.plotting import Curve, caption_line, detection_figure
from toymodels.training import TrainSpec

TITLES = {
    "auroc": "AUROC",
    "average_precision": "average precision (0.5 by chance)",
    "tpr": "true positive rate at 1 % false positives",
}
# What a detector sees, in the width that a table has; "+u" for untrusted samples.
SHORT = {
    "activations": "h",
    "inputs and outputs": "x, x̂",
    "weights": "weights",
    "true dictionary": "true W",
    "labels": "labels",
}
KEY = (
    "sees: h activations, x and x̂ inputs and outputs, +u untrusted samples too, which "
    "hold the point.\n▲ upper bound: knows labels or true directions; ▼ lower bound: "
    "knows nothing."
)
MARKS = {"upper": " ▲", "lower": " ▼", "": ""}
GROUPS = (
    "upper bounds",
    "search untrusted samples",
    "know trusted samples",
    "lower bounds",
)
MEANING = {"C": "combinations", "F": "near-misses", "N": "normal samples"}
BASELINE = "mahalanobis"
# Log-spaced, from where 1,000 negatives say something.
FALSE_POSITIVE_RATES = np.geomspace(0.003, 1.0, 60)


def table_order(found: Evaluation) -> list[int]:
    """Upper bounds, detectors with untrusted samples, others, lower bounds.

    Within each group the best at the first comparison comes first.
    """
    headline = np.nan_to_num(over_seeds(found.auroc)[0][:, 0])
    return sorted(
        range(len(headline)), key=lambda row: (_group(found, row), -headline[row])
    )


def as_rows(found: Evaluation, gain: np.ndarray | None) -> list[dict[str, Any]]:
    """A row for each detector and comparison.

    Args:
        found: of the planted models.
        gain: AUROC minus that of the unplanted twins, or None without twins.
    """
    summaries = {metric: over_seeds(getattr(found, metric)) for metric in METRICS}
    if gain is not None:
        summaries["auroc_minus_rate_0"] = over_seeds(gain)
    ends = ("median", "low", "high")
    rows = []
    for row, column in np.ndindex(len(found.detectors), len(found.comparisons)):
        values = {
            name: dict(zip(ends, map(_number, summary[:, row, column]), strict=True))
            for name, summary in summaries.items()
        }
        pair = found.comparisons[column]
        rows.append(
            {
                "detector": found.detectors[row],
                "sees": found.sees[row],
                "bound": found.bounds[row],
                "positive": list(pair.positive),
                "negative": pair.negative,
                "reference": found.reference,
                "models": len(found.finite),
                "microseconds_a_sample": _number(1e6 * found.seconds[row]),
                **values,
            }
        )
    return rows


def _number(value: Any) -> float | None:
    """For JSON, which has no NaN."""
    return round(float(value), 6) if np.isfinite(value) else None


def tables(
    found: Evaluation, order: Sequence[int], gain: np.ndarray | None
) -> list[Table]:
    """One for each metric, and one for the difference to the unplanted twins."""
    made = [_table(found, order, getattr(found, m), TITLES[m]) for m in METRICS]
    if gain is not None:
        title = "AUROC minus that of the same models trained without the point"
        made.append(_table(found, order, gain, title, sign="+"))
    return made


def _table(
    found: Evaluation,
    order: Sequence[int],
    values: np.ndarray,
    title: str,
    *,
    sign: str = "",
) -> Table:
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    table.padding = (0, 1, 0, 0)
    table.add_column("detector", min_width=11)
    table.add_column("sees", no_wrap=True)
    for pair in found.comparisons:
        name = f"vs {pair.negative}" if _is_headline(pair) else pair.name
        table.add_column(name, justify="right", no_wrap=True)
    summary = over_seeds(values)
    for row in order:
        cells = [_cell(interval, sign) for interval in summary[:, row].T]
        table.add_row(_name(found, row), _sees(found, row), *cells)
    return table


def _cell(interval: np.ndarray, sign: str) -> str:
    if not np.isfinite(interval).all():
        return "–"
    # A rounded −0.00 would look like a sign.
    middle, low, high = np.round(interval, 2) + 0.0
    ends = f"[{low:.2f}, {high:.2f}]".replace("0.", ".")  # so that 80 columns hold it
    return f"{middle:{sign}.2f} {ends}"


def _name(found: Evaluation, row: int) -> str:
    return found.detectors[row] + MARKS[found.bounds[row]]


def _sees(found: Evaluation, row: int) -> str:
    what, _, more = found.sees[row].partition(" + ")
    return SHORT.get(what, what) + (" +u" if more else "")


def _group(found: Evaluation, row: int) -> int:
    bound = found.bounds[row]
    if bound:
        return 0 if bound == "upper" else 3
    return 1 if "untrusted" in found.sees[row] else 2


def _is_headline(pair: Comparison) -> bool:
    """Whether it is the backdoor that should be flagged, and not a shift."""
    return "B" in pair.positive


def draw(
    spec: TrainSpec,
    found: Evaluation,
    order: Sequence[int],
    *,
    share: float,
    notes: Mapping[str, str],
    details: Sequence[int] | None = None,
    twins: np.ndarray | None = None,
) -> Figure:
    """The picture: AUROC of all detectors, ROC curves and scores of three.

    Args:
        spec: of the training.
        found: of the planted models.
        order: of the detectors.
        share: of the point in the training samples.
        notes: for the caption.
        details: detectors to show in detail; the most telling ones when None.
        twins: AUROC of unplanted twins, (detectors, comparisons, runs).
    """
    pairs = [pair for pair in found.comparisons if _is_headline(pair)]
    columns = [found.comparisons.index(pair) for pair in pairs]
    shown = _telling(found, order) if details is None else details
    groups = [_group(found, row) for row in order]
    last = pairs[-1].negative
    hidden = getattr(spec.model, "d", None) or getattr(spec.model, "neurons", "?")
    return detection_figure(
        [_name(found, row) for row in order],
        [_legend(pair) for pair in pairs],
        over_seeds(found.auroc)[:, order][:, :, columns],
        roc={
            _name(found, row): [_roc(found, row, pair) for pair in pairs]
            for row in shown
        },
        scores={_name(found, row): _scores(found, row, pairs) for row in shown},
        groups={
            GROUPS[group]: k
            for k, group in enumerate(groups)
            if k == 0 or group != groups[k - 1]
        },
        hollow=None if twins is None else np.median(twins, axis=-1)[order][:, columns],
        hollow_name="trained without the point",
        references={"chance": 0.5, "solved": 0.95},
        xlabel="AUROC of the backdoor (B ∪ B′) against each scenario",
        score_label=f"score above {last}",
        title="Can one tell that the backdoor fired? "
        f"n = {spec.model.n}, d = {hidden}, point shown at rate {share:.3g}",
        caption=caption_line(
            seeds=len(found.finite),
            fingerprint=content_hash(spec),
            others={
                "reference": found.reference,
                **notes,
                "intervals and bands": "95 % over seeds",
                "dotted": "1 % false positives",
                "scores": f"in quartile ranges of {last} above its median",
            },
        ),
    )


def _telling(found: Evaluation, order: Sequence[int]) -> list[int]:
    """The baseline to beat, the best that searches untrusted samples, the best bound.

    What is missing is filled up from above.
    """
    first = {_group(found, row): row for row in reversed(order)}
    chosen = [first[group] for group in (2, 1, 0) if group in first]
    if BASELINE in found.detectors:
        chosen = [found.detectors.index(BASELINE), *chosen[1:]]
    return list(dict.fromkeys([*chosen, *order]))[:3]


def _legend(pair: Comparison) -> str:
    meaning = MEANING.get(pair.negative)
    return f"against {pair.negative}" + (f", {meaning}" if meaning else "")


def _roc(found: Evaluation, row: int, pair: Comparison) -> Curve:
    curves = roc_curve(
        found.scores_of(row, pair.positive),
        found.scores_of(row, (pair.negative,)),
        FALSE_POSITIVE_RATES,
    )
    middle, low, high = over_seeds(curves.T[None])[:, 0]
    return Curve("", FALSE_POSITIVE_RATES, middle, low, high)


def _scores(
    found: Evaluation, row: int, pairs: Sequence[Comparison]
) -> dict[str, np.ndarray]:
    """Scores in quartile ranges of the last scenario above its median, model by model.

    Models differ in the scale of their scores, so they cannot be pooled as they are.
    """
    base = found.scores_of(row, (pairs[-1].negative,))[found.finite]
    low, middle, high = np.quantile(base, (0.25, 0.5, 0.75), axis=-1, keepdims=True)
    width = np.where(high > low, high - low, 1.0)
    kinds = {pair.negative: (pair.negative,) for pair in pairs}
    kinds["B ∪ B′"] = pairs[0].positive
    return {
        name: (found.scores_of(row, scenarios)[found.finite] - middle) / width
        for name, scenarios in kinds.items()
    }
