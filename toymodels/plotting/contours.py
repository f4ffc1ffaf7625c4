"""Iso-response contours in one quadrant, and exponents with their intervals.

Axis letters: `pairs` contours of one kind, `angles` from 0° to 90°, `seeds`, `rows`
settings that exponents are compared at.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Num
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from toymodels.plotting.canvas import new_figure, panels
from toymodels.plotting.captions import set_caption, set_legend, set_title
from toymodels.plotting.curves import draw_xlines
from toymodels.plotting.palette import BLACK, CYCLE, FAINT, MARKERS, style
from toymodels.stats import bootstrap_interval


@dataclass(frozen=True)
class ContourSet:
    """Contours of one kind of plane.

    Attributes:
        phi: (angles,) from 0 to π/2.
        radii: (pairs, angles) boundary radii; NaN leaves a gap.
        exponent: p of the superellipse that is drawn over them; NaN for none.
        color: index into the colour cycle.
    """

    phi: Num[np.ndarray, " angles"]
    radii: Num[np.ndarray, "pairs angles"]
    exponent: float | np.floating
    color: int = 0


@style()
def contour_panels(
    sets: Mapping[str, ContourSet],
    *,
    xlabel: str,
    ylabel: str,
    title: str = "",
    caption: str = "",
    columns: int = 3,
    limit: float | int = 1.6,
) -> Figure:
    """Contours over their axis radii, one panel for each kind.

    Thin lines are pairs, broken lines superellipses: an ellipse (p = 2) in every panel,
    and the one with the panel's exponent.

    Args:
        sets: title of each panel and its contours.
        xlabel: below the lowest panels.
        ylabel: beside the leftmost panels.
        title: of the figure.
        caption: below the figure.
        columns: the most panels in a row.
        limit: of both axes, in axis radii.
    """
    columns = min(columns, len(sets))
    figure, axes = panels(
        len(sets),
        columns=columns,
        panel_height=8.4 / max(columns, 2),
        extra_height=1.5,
        sharex=True,
        sharey=True,
    )
    for index, (panel, (name, contours)) in enumerate(
        zip(axes, sets.items(), strict=True)
    ):
        _draw_contours(panel, contours)
        panel.set(xlim=(0, limit), ylim=(0, limit), aspect="equal")
        panel.set_title(name)
        if index + columns >= len(sets):
            panel.set_xlabel(xlabel)
        if index % columns == 0:
            panel.set_ylabel(ylabel)
    look = {"color": BLACK, "linewidth": 1.4}
    set_legend(
        figure,
        [
            Line2D([], [], color=FAINT, linewidth=0.9, label="one pair"),
            Line2D([], [], linestyle="--", label="superellipse, median p", **look),
            Line2D([], [], linestyle=":", label="ellipse, p = 2", **look),
        ],
    )
    set_title(figure, title)
    set_caption(figure, caption)
    return figure


def _draw_contours(axes: Axes, contours: ContourSet) -> None:
    phi, radii = contours.phi, contours.radii
    x = radii * np.cos(phi) / radii[:, :1]
    y = radii * np.sin(phi) / radii[:, -1:]
    color = CYCLE[contours.color % len(CYCLE)]
    axes.plot(x.T, y.T, color=color, linewidth=0.7, alpha=0.3, zorder=2)
    for exponent, line in ((2.0, ":"), (contours.exponent, "--")):
        if np.isfinite(exponent):
            # Rounding may leave the cosine of 90° below 0.
            cos, sin = np.maximum(np.cos(phi), 0.0), np.sin(phi)
            length = (cos**exponent + sin**exponent) ** (-1 / exponent)
            axes.plot(
                length * cos,
                length * sin,
                color=BLACK,
                linestyle=line,
                linewidth=1.4,
                zorder=3,
            )


@style()
def exponent_intervals(
    rows: Sequence[str],
    kinds: Mapping[str, Num[np.ndarray, "seeds rows"]],
    *,
    xlabel: str,
    shares: Mapping[str, Num[np.ndarray, "seeds rows"]] | None = None,
    share_label: str = "",
    references: Mapping[str, float | int] | None = None,
    groups: Sequence[int] = (),
    xscale: str = "linear",
    xlim: tuple[float | int | None, float | int | None] = (None, None),
    title: str = "",
    caption: str = "",
) -> Figure:
    """A dot with its interval over seeds for every row and kind.

    Args:
        rows: names of the settings, from above.
        kinds: name in the legend, and one value a seed and row; NaN for a seed without.
            The dot is the median, the line its 95 % bootstrap interval.
        xlabel: of the dots.
        shares: for the same kinds, shares that are shown beside, their median over
            seeds; kinds without are left out.
        share_label: of the shares.
        references: vertical lines among the dots, named at the top.
        groups: rows that a new group begins with, where a line is drawn.
        xscale: "linear", "log" or "symlog", of the dots.
        xlim: limits of the dots; None for automatic.
        title: of the figure.
        caption: below the figure.
    """
    figure = new_figure(1.9 + (0.12 + 0.085 * len(kinds)) * len(rows))
    widths = (3.4, 1.0) if shares else (1.0,)
    grid = figure.subplots(
        1, len(widths), sharey=True, squeeze=False, width_ratios=widths
    )
    dots = grid[0, 0]
    dots.set_xscale(xscale)
    draw_xlines(dots, references or {})
    step = 0.8 / len(kinds)
    for place, (name, values) in enumerate(kinds.items()):
        y = np.arange(len(rows)) + step * (place - (len(kinds) - 1) / 2)
        middle, low, high = _intervals(values)
        look = {"color": CYCLE[place % len(CYCLE)], "marker": MARKERS[place % 7]}
        dots.hlines(y, low, high, color=look["color"], linewidth=1.6)
        dots.plot(middle, y, linestyle="", markersize=4.5, label=name, **look)
        if shares and name in shares:
            share = _intervals(shares[name])[0]
            grid[0, 1].plot(share, y, linestyle="", markersize=4.5, **look)
    for axes in grid[0]:
        axes.hlines(
            np.arange(1, len(rows)) - 0.5,
            0,
            1,
            transform=axes.get_yaxis_transform(),
            color=FAINT,
            linewidth=0.4,
            zorder=0,
        )
        for row in groups:
            axes.axhline(row - 0.5, color="#777777", linewidth=0.8)
        axes.tick_params(axis="y", length=0)
    dots.set_yticks(range(len(rows)), rows)
    dots.set(xlabel=xlabel, ylim=(len(rows) - 0.5, -0.5), xlim=xlim)
    if shares:
        grid[0, 1].set(xlabel=share_label, xlim=(-0.04, 1.04))
    set_legend(figure, dots.get_legend_handles_labels()[0])
    set_title(figure, title)
    set_caption(figure, caption)
    return figure


def _intervals(values: np.ndarray) -> np.ndarray:
    """Median, lower and upper end of each row over its finite seeds."""
    found = np.full((3, values.shape[1]), np.nan)
    for row, column in enumerate(values.T):
        finite = column[np.isfinite(column)]
        if finite.size:
            found[:, row] = np.median(finite), *bootstrap_interval(finite)
    return found
