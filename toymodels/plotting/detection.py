"""Detectors side by side: one number each, ROC curves, and where the scores lie.

Axis letters: `rows` detectors, `columns` comparisons, `ends` of an interval.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from toymodels.plotting.canvas import new_figure
from toymodels.plotting.captions import set_caption, set_legend, set_title
from toymodels.plotting.curves import Curve, draw_curves, draw_xlines
from toymodels.plotting.marks import plain_log_ticks
from toymodels.plotting.palette import BLACK, CYCLE, FAINT, GREY, MARKERS, style

BINS = 60


@style()
def detection_figure(
    rows: Sequence[str],
    columns: Sequence[str],
    intervals: Float[np.ndarray, "3 rows columns"],
    *,
    xlabel: str,
    roc: Mapping[str, Sequence[Curve]] | None = None,
    scores: Mapping[str, Mapping[str, Float[np.ndarray, "..."]]] | None = None,
    score_label: str = "",
    groups: Mapping[str, int] | None = None,
    hollow: Float[np.ndarray, "rows columns"] | None = None,
    hollow_name: str = "",
    references: Mapping[str, float | int] | None = None,
    fpr: float | int = 0.01,
    title: str = "",
    caption: str = "",
) -> Figure:
    """A dot with its interval for every detector; below, some of them in detail.

    Args:
        rows: names of the detectors, from above.
        columns: names of the comparisons, in the legend.
        intervals: median, lower and upper end, in [0, 1]; NaN is not drawn.
        xlabel: of the dots.
        roc: title of each panel in the middle, and its curves, one for each of the
            `columns`, over false positive rates > 0; dots alone when None.
        scores: for the same titles, the samples' scores by kind of sample, each kind on
            a line of its own: those of the `columns` from below the top line down, and
            last the kind that all of them are compared with, on top.
        score_label: of the scores.
        groups: names of groups of rows and the first row of each, 0 for the topmost.
        hollow: values to set beside those of `intervals`, as hollow marks.
        hollow_name: what these are, in the legend.
        references: vertical lines among the dots, named at the top.
        fpr: false positive rate that is marked in the ROC curves.
        title: of the figure.
        caption: below the figure.
    """
    roc, scores = roc or {}, scores or {}
    heights = (0.6 + 0.26 * len(rows), *((2.1, 2.0) if roc else ()))
    figure = new_figure(sum(heights) + 1.1)
    grid = figure.add_gridspec(len(heights), max(len(roc), 1), height_ratios=heights)
    dots = figure.add_subplot(grid[0, :])
    draw_xlines(dots, references or {})  # first, so that it lies below the dots
    _draw_dots(dots, rows, intervals, hollow)
    _draw_groups(dots, groups or {}, intervals)
    dots.set_xlabel(xlabel)
    for place, (name, curves) in enumerate(roc.items()):
        axes = figure.add_subplot(grid[1, place])
        _draw_roc(axes, curves, fpr, labelled=place == 0)
        axes.set_title(name)
        axes = figure.add_subplot(grid[2, place])
        _draw_ridges(axes, scores[name], labelled=place == 0)
        axes.set_xlabel(score_label)
    handles = [_handle(k, name) for k, name in enumerate(columns)]
    if roc:
        chance = Line2D([], [], color=GREY, linestyle=(0, (4, 2)), label="chance")
        handles.append(chance)
    if hollow is not None:
        look = {"color": GREY, "marker": MARKERS[0], "markerfacecolor": "white"}
        handles.append(Line2D([], [], linestyle="", label=hollow_name, **look))
    set_legend(figure, handles)
    set_title(figure, title)
    set_caption(figure, caption)
    return figure


def _handle(index: int, name: str) -> Line2D:
    look = {"color": CYCLE[index % len(CYCLE)], "marker": MARKERS[index % len(MARKERS)]}
    return Line2D([], [], label=name, **look)


def _draw_dots(
    axes: Axes,
    rows: Sequence[str],
    intervals: np.ndarray,
    hollow: np.ndarray | None,
) -> None:
    middle, low, high = intervals
    count = middle.shape[1]
    step = min(0.22, 0.8 / count)
    for column in range(count):
        # Comparisons of a row lie a little apart, so that none hides another.
        y = np.arange(len(rows)) + step * (column - (count - 1) / 2)
        color = CYCLE[column % len(CYCLE)]
        axes.hlines(y, low[:, column], high[:, column], color=color, linewidth=1.6)
        marker = MARKERS[column % len(MARKERS)]
        if hollow is not None:
            axes.plot(
                hollow[:, column],
                y,
                marker,
                color=color,
                markerfacecolor="white",
                markersize=4.5,
                markeredgewidth=0.9,
            )
        axes.plot(middle[:, column], y, marker, color=color, markersize=4.5)
    axes.set_yticks(range(len(rows)), rows)
    axes.tick_params(axis="y", length=0)
    axes.set(xlim=(-0.01, 1.01), ylim=(len(rows) - 0.5, -0.5))
    between = np.arange(1, len(rows)) - 0.5
    axes.hlines(between, 0, 1, color=FAINT, linewidth=0.4, zorder=0)


def _draw_groups(axes: Axes, groups: Mapping[str, int], intervals: np.ndarray) -> None:
    """A line above each group, and its name in its first row, where there is room."""
    for name, row in groups.items():
        if row:
            axes.axhline(row - 0.5, color=GREY, linewidth=0.8)
        drawn = intervals[:, row][np.isfinite(intervals[:, row])]
        # The left is where readers look, unless a low score lies there.
        right = len(drawn) and drawn.min() < min(0.3, 1 - drawn.max())
        x, side = (1.0, "right") if right else (0.0, "left")
        axes.text(x, row, name, va="center", ha=side, size=10, color="#666666")


def _draw_roc(
    axes: Axes, curves: Sequence[Curve], fpr: float | int, *, labelled: bool
) -> None:
    axes.set_xscale("log")
    x = curves[0].x
    axes.plot(x, x, color=GREY, linestyle=(0, (4, 2)), linewidth=1.2)
    axes.axvline(fpr, color=GREY, linewidth=0.8, linestyle=(0, (1, 2)))
    draw_curves(axes, curves)
    axes.set(xlim=(float(x[0]), 1.0), ylim=(-0.02, 1.02))
    axes.set_xlabel("false positive rate")
    if labelled:
        axes.set_ylabel("true positive rate")
    plain_log_ticks(axes.xaxis)


def _draw_ridges(
    axes: Axes, kinds: Mapping[str, np.ndarray], *, labelled: bool
) -> None:
    """Histograms one above the other, each of height 1 at its mode."""
    pooled = np.concatenate([np.ravel(values) for values in kinds.values()])
    pooled = pooled[np.isfinite(pooled)]
    low, high = np.quantile(pooled, (0.002, 0.998)) if len(pooled) else (0.0, 1.0)
    margin = 0.03 * (high - low) or 1.0
    edges = np.linspace(low - margin, high + margin, BINS + 1)
    names = list(kinds)
    order = [*names[-2::-1], names[-1]]
    for place, name in enumerate(order):
        flat = np.ravel(kinds[name])
        inside = np.clip(flat[np.isfinite(flat)], edges[0], edges[-1])
        counts = np.histogram(inside, edges)[0]
        top = place + 0.85 * counts / max(counts.max(), 1)
        color = BLACK if name == order[-1] else CYCLE[names.index(name) % len(CYCLE)]
        axes.stairs(top, edges, baseline=place, fill=True, color=color, alpha=0.75)
        axes.axhline(place, color=FAINT, linewidth=0.6, zorder=0)
    axes.set_yticks(np.arange(len(kinds)) + 0.3, order if labelled else [])
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.set(xlim=(edges[0], edges[-1]), ylim=(0, len(kinds)))
