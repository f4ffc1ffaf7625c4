"""Curves over a setting: a median with its band over seeds, reference lines, panels.

Curves differ in colour and in marker; broken lines are theory and controls.

Axis letters: `seeds` independent runs, `points` values of the setting.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Num
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from toymodels.plotting.canvas import new_figure, panels
from toymodels.plotting.captions import set_caption, set_legend, set_title
from toymodels.plotting.marks import include, margin_labels
from toymodels.plotting.palette import CYCLE, MARKERS, style


@dataclass(frozen=True)
class Curve:
    """One curve and its band.

    Attributes:
        label: in the legend; empty for none.
        x: (points,) values of the setting, rising.
        y: (points,) height; NaN leaves a gap.
        low: (points,) lower end of the band, or None.
        high: (points,) upper end of the band, or None.
        dashed: a broken line without markers, for theory and controls.
        color: index into the colour cycle; the place in the list when None.
    """

    label: str
    x: Num[np.ndarray, " points"]
    y: Num[np.ndarray, " points"]
    low: Num[np.ndarray, " points"] | None = None
    high: Num[np.ndarray, " points"] | None = None
    dashed: bool = False
    color: int | None = None


def over_seeds(
    label: str,
    x: Num[np.ndarray, " points"],
    samples: Num[np.ndarray, "seeds points"],
    *,
    band: tuple[float | int, float | int] = (0.0, 1.0),
    color: int | None = None,
) -> Curve:
    """The median over seeds, with the band between two quantiles of them.

    Args:
        label: in the legend.
        x: values of the setting.
        samples: one row a seed; NaN for a run without a result.
        band: lower and upper quantile, 0 to 1.
        color: index into the colour cycle.
    """
    low, middle, high = seed_quantiles(samples, (band[0], 0.5, band[1]))
    return Curve(label, x, middle, low, high, color=color)


def seed_quantiles(
    samples: Num[np.ndarray, "seeds points"], levels: Sequence[float | int]
) -> Num[np.ndarray, "levels points"]:
    """Quantiles over the finite seeds; NaN where a point has none."""
    result = np.full((len(levels), samples.shape[1]), np.nan)
    for point, column in enumerate(samples.T):
        finite = column[np.isfinite(column)]
        if finite.size:
            result[:, point] = np.quantile(finite, levels)
    return result


@style()
def curve_figure(
    curves: Sequence[Curve],
    *,
    xlabel: str,
    ylabel: str,
    title: str = "",
    caption: str = "",
    xscale: str = "linear",
    yscale: str = "linear",
    references: Mapping[str, float | int] | None = None,
    xlines: Mapping[str, float | int] | None = None,
    ylim: tuple[float | int | None, float | int | None] = (None, None),
    height: float | int = 4.6,
) -> Figure:
    """Curves on one pair of axes.

    Args:
        curves: what to draw, in the order of the legend.
        xlabel: of the axis.
        ylabel: of the axis.
        title: of the figure.
        caption: below the figure.
        xscale: "linear", "log" or "symlog".
        yscale: "linear", "log" or "symlog".
        references: horizontal lines, named at the right margin.
        xlines: vertical lines, named at the top.
        ylim: limits of the y axis; None for automatic.
        height: of the figure in inches.
    """
    figure = new_figure(height)
    axes = figure.add_subplot()
    # Scales come before the data: else a log axis without finite data cannot be drawn.
    axes.set(xlabel=xlabel, ylabel=ylabel, xscale=xscale, yscale=yscale)
    draw_curves(axes, curves)
    draw_xlines(axes, xlines or {})
    if ylim == (None, None):
        include(axes, references or {})
    else:
        axes.set_ylim(ylim)
    if any(curve.label for curve in curves):
        set_legend(figure, axes.get_legend_handles_labels()[0])
    set_title(figure, title)
    set_caption(figure, caption)
    margin_labels(axes, references or {})
    return figure


@style()
def small_multiples(
    curves: Mapping[str, Sequence[Curve]],
    *,
    xlabel: str,
    ylabel: str,
    title: str = "",
    caption: str = "",
    xscale: str = "linear",
    yscale: str = "linear",
    references: Mapping[str, float | int] | None = None,
    columns: int = 3,
    sharey: bool = True,
) -> Figure:
    """One small panel for each entry, on shared axes, with one legend for all.

    Args:
        curves: title of each panel and what to draw in it.
        xlabel: below the lowest panels.
        ylabel: beside the leftmost panels.
        title: of the figure.
        caption: below the figure.
        xscale: "linear", "log" or "symlog".
        yscale: "linear", "log" or "symlog".
        references: horizontal lines in every panel, named in the last of each row.
        columns: the most panels in a row.
        sharey: one y axis for all.
    """
    columns = min(columns, len(curves))
    figure, axes = panels(
        len(curves),
        columns=columns,
        panel_height=2.4,
        extra_height=1.5,
        sharex=True,
        sharey=sharey,
    )
    columns = -(-len(curves) // -(-len(curves) // columns))
    for panel, (name, lines) in zip(axes, curves.items(), strict=True):
        panel.set(xscale=xscale, yscale=yscale)
        draw_curves(panel, lines)
        panel.set_title(name)
        include(panel, references or {})
    label_panels(figure, axes, columns=columns, xlabel=xlabel, ylabel=ylabel)
    set_title(figure, title)
    set_caption(figure, caption)
    for index, panel in enumerate(axes):
        row_end = index % columns == columns - 1 or index == len(axes) - 1
        if row_end:
            margin_labels(panel, references or {})
        else:
            for value in (references or {}).values():
                panel.axhline(value, color="#777777", lw=0.8, ls=(0, (4, 3)), zorder=1)
    return figure


def label_panels(
    figure: Figure, axes: Sequence[Axes], *, columns: int, xlabel: str, ylabel: str
) -> None:
    """Axis labels at the lowest and the leftmost panels, and one legend for all."""
    handles: dict = {}
    for index, panel in enumerate(axes):
        if index + columns >= len(axes):
            panel.set_xlabel(xlabel)
            panel.tick_params(labelbottom=True)
        if index % columns == 0:
            panel.set_ylabel(ylabel)
        for handle, label in zip(*panel.get_legend_handles_labels(), strict=True):
            handles.setdefault(label, handle)
    if handles:
        set_legend(figure, list(handles.values()))


def draw_curves(axes: Axes, curves: Sequence[Curve]) -> None:
    """Curves with bands on given axes, without a legend."""
    for index, curve in enumerate(curves):
        index = index if curve.color is None else curve.color
        color = CYCLE[index % len(CYCLE)]
        # The eighth curve has the first one's colour again, so it gets another marker.
        marker = MARKERS[(index + index // len(CYCLE)) % len(MARKERS)]
        few = len(curve.x) <= 40 and not curve.dashed
        axes.plot(
            curve.x,
            curve.y,
            color=color,
            label=curve.label or None,
            linestyle=(0, (4, 2)) if curve.dashed else "-",
            marker=marker if few else "",
            zorder=3,
        )
        if curve.low is not None and curve.high is not None:
            axes.fill_between(
                curve.x, curve.low, curve.high, color=color, alpha=0.18, linewidth=0
            )


def draw_xlines(axes: Axes, values: Mapping[str, float | int]) -> None:
    """Vertical dashed lines, each named at the top of the axes."""
    for name, value in values.items():
        axes.axvline(value, color="#777777", linewidth=0.8, linestyle=(0, (4, 3)))
        axes.annotate(
            name,
            xy=(value, 1.0),
            xycoords=axes.get_xaxis_transform(),
            xytext=(0, 3),
            textcoords="offset points",
            ha="center",
            va="bottom",
            size=10,
            color="#333333",
        )
