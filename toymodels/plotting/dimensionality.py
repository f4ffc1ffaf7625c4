"""Dimensions per feature against sparsity, and the dimensionality of every feature.

Axis letters: `levels` sparsities, `seeds` independent runs, n features.

References:
    Elhage et al., Toy Models of Superposition (2022), "the geometry of superposition".
"""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Num
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from toymodels.plotting.canvas import new_figure
from toymodels.plotting.captions import set_caption, set_legend, set_title
from toymodels.plotting.curves import seed_quantiles
from toymodels.plotting.graphs import FeatureGraph, draw_graph
from toymodels.plotting.marks import cell_edges, margin_labels, plain_log_ticks
from toymodels.plotting.palette import BLUE, CYCLE, VERMILLION, style

NAMED_FRACTIONS = {
    "1 own dimension": 1.0,
    "3/4 tetrahedron": 3 / 4,
    "2/3 triangle": 2 / 3,
    "1/2 digon": 1 / 2,
    "2/5 pentagon": 2 / 5,
    "3/8 square antiprism": 3 / 8,
}


@style()
def dimensions_per_feature(
    x: Num[np.ndarray, " levels"],
    dimensions: Num[np.ndarray, "seeds levels"],
    *,
    xlabel: str,
    ylabel: str,
    title: str = "",
    caption: str = "",
    guides: Mapping[str, float | int] | None = None,
    curve_names: Sequence[str] = (),
    log_x: bool = True,
) -> Figure:
    """D* = d/‖W‖²_F against 1/(1−S): every seed thin, their median thick.

    Args:
        x: 1/(1−S), rising, at least 1.
        dimensions: D* of each run; NaN for none.
        xlabel: of the axis.
        ylabel: of the axis.
        title: of the figure.
        caption: below the figure.
        guides: name and height of lines across; 1 and 1/2 when None.
        curve_names: legend: what the median and the single runs are called.
        log_x: logarithmic x axis.
    """
    figure = new_figure(4.6)
    axes = figure.add_subplot()
    names = [*curve_names, "", ""]
    axes.plot(x, dimensions.T, color=BLUE, alpha=0.35, linewidth=1.0)
    axes.plot([], [], color=BLUE, alpha=0.35, linewidth=1.0, label=names[1])
    axes.plot(
        x, seed_quantiles(dimensions, [0.5])[0], color=BLUE, marker="o", label=names[0]
    )
    _level_axis(axes, x, log_x)
    axes.set(xlabel=xlabel, ylabel=ylabel)
    axes.set_ylim(0, 1.08 * float(np.nanmax(dimensions, initial=1.0)))
    if curve_names:
        set_legend(figure, axes.get_legend_handles_labels()[0])
    set_title(figure, title)
    set_caption(figure, caption)
    margin_labels(axes, guides if guides is not None else {"1": 1.0, "1/2": 0.5})
    return figure


@style()
def dimensionality_scatter(
    x: Num[np.ndarray, " levels"],
    values: Num[np.ndarray, "levels features"],
    *,
    xlabel: str,
    ylabel: str,
    title: str = "",
    caption: str = "",
    fractions: Mapping[str, float | int] | None = None,
    graphs: Sequence[FeatureGraph] = (),
    dimensions: Num[np.ndarray, " levels"] | None = None,
    dimensions_name: str = "",
    log_x: bool = True,
) -> Figure:
    """Every feature's dimensionality D_i, a column for each level, lines at fractions.

    Within a column the features stand in order of D_i, so that features that share a
    value form a horizontal dash. Graphs of chosen levels stand below, joined by
    letters.

    Args:
        x: 1/(1−S), rising, at least 1.
        values: D_i of each feature, 0 to 1, NaN for none; several seeds may be joined.
        xlabel: of the scatter.
        ylabel: of the scatter.
        title: of the figure.
        caption: below the figure.
        fractions: name and height of lines across; `NAMED_FRACTIONS` when None.
        graphs: feature geometry graphs to draw below, at most five.
        dimensions: D* of each level, drawn as a line.
        dimensions_name: of that line, in a legend.
        log_x: logarithmic x axis.
    """
    figure = new_figure(5.0 + 2.3 * bool(graphs))
    upper, lower = figure, None
    if graphs:
        # Two subfigures, so that the graphs also use the width below the margin labels.
        upper, lower = figure.subfigures(2, 1, height_ratios=[4.6, 2.0])
    axes = upper.add_subplot()
    _level_axis(axes, x, log_x)
    at_x, at_y = _columns(x, values, log_x)
    axes.plot(
        at_x,
        at_y,
        linestyle="",
        marker="o",
        markersize=2.6,
        markeredgewidth=0,
        color=BLUE,
        alpha=0.55,
        rasterized=True,
    )
    if dimensions is not None:
        axes.plot(x, dimensions, color=VERMILLION, label=dimensions_name)
        if dimensions_name:
            set_legend(figure, axes.get_legend_handles_labels()[0])
    axes.set(xlabel=xlabel, ylabel=ylabel, ylim=(-0.02, 1.1))
    for k, graph in enumerate(graphs):
        letter = "abcdefghijkl"[k] if graph.level is not None else ""
        below = lower.add_subplot(1, len(graphs), k + 1)
        draw_graph(below, graph.adjacency, color=CYCLE[0], aspect=1.1)
        below.set_anchor("N")
        below.set_title(f"{letter}  {graph.title}".strip(), size=10, loc="center")
        if graph.level is not None:
            axes.text(x[graph.level], 1.055, letter, ha="center", weight="bold")
    set_title(figure, title)
    set_caption(figure, caption)
    margin_labels(axes, fractions if fractions is not None else NAMED_FRACTIONS)
    return figure


def _level_axis(axes: Axes, x: np.ndarray, log_x: bool) -> None:
    """An x axis over the levels, with plain numbers instead of powers of ten."""
    if log_x:
        axes.set_xscale("log")
        # Half a step beyond both ends, where the columns of the scatter need room.
        edges = cell_edges(x, log=True)
        pad = max(1.1, float(x[0] / edges[0]))
        axes.set_xlim(float(x.min()) / pad, float(x.max()) * pad)
        plain_log_ticks(axes.xaxis)


def _columns(
    x: np.ndarray, values: np.ndarray, log_x: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Points of the scatter, spread over most of the width between two levels."""
    at = np.log(x) if log_x else np.asarray(x, dtype=float)
    half = 0.36 * (np.min(np.diff(at)) if len(at) > 1 else 0.1)
    ordered = np.sort(values, axis=1)[:, ::-1]
    xs = []
    for level, row in zip(at, ordered, strict=True):
        finite = np.isfinite(row)
        place = np.full(len(row), np.nan)
        place[finite] = level + half * np.linspace(-1, 1, int(finite.sum()))
        xs.append(place)
    spread_x = np.stack(xs)
    return (np.exp(spread_x) if log_x else spread_x).ravel(), ordered.ravel()
