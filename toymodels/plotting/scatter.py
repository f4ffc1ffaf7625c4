"""Scatter panels: every run as a point, with curves of theory through them.

Axis letters: `points` runs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Num
from matplotlib.figure import Figure

from toymodels.plotting.canvas import panels
from toymodels.plotting.captions import set_caption, set_title
from toymodels.plotting.curves import Curve, draw_curves, draw_xlines, label_panels
from toymodels.plotting.marks import include, margin_labels, plain_log_ticks
from toymodels.plotting.palette import CYCLE, MARKERS, style


@dataclass(frozen=True)
class Points:
    """One kind of points.

    Attributes:
        label: in the legend; kinds of one label in several panels share an entry.
        x: (points,).
        y: (points,); NaN is not drawn.
        color: index of colour and marker; the place in the list when None.
    """

    label: str
    x: Num[np.ndarray, " points"]
    y: Num[np.ndarray, " points"]
    color: int | None = None


@style()
def scatter_panels(
    points: Mapping[str, Sequence[Points]],
    *,
    xlabel: str,
    ylabel: str,
    title: str = "",
    caption: str = "",
    xscale: str = "linear",
    yscale: str = "linear",
    curves: Mapping[str, Sequence[Curve]] | None = None,
    references: Mapping[str, float | int] | None = None,
    xlines: Mapping[str, float | int] | None = None,
    columns: int = 3,
    height: float | int = 3.4,
) -> Figure:
    """Points, one panel for each entry, on shared axes, with one legend for all.

    Args:
        points: title of each panel and what to draw in it; later kinds lie on top.
        xlabel: below the lowest panels.
        ylabel: beside the leftmost panels.
        title: of the figure.
        caption: below the figure.
        xscale: "linear", "log" or "symlog".
        yscale: "linear", "log" or "symlog".
        curves: by panel title, drawn over the points; usually dashed ones.
        references: horizontal lines in every panel, named at the right of the last.
        xlines: vertical lines in every panel, named at their top.
        columns: the most panels in a row.
        height: of a row in inches.
    """
    figure, axes = panels(
        len(points), columns=columns, panel_height=height, sharex=True, sharey=True
    )
    columns = -(-len(points) // -(-len(points) // columns))
    for panel, (name, kinds) in zip(axes, points.items(), strict=True):
        panel.set(xscale=xscale, yscale=yscale)
        for place, kind in enumerate(kinds):
            look = place if kind.color is None else kind.color
            panel.plot(
                kind.x,
                kind.y,
                linestyle="",
                marker=MARKERS[look % len(MARKERS)],
                markersize=4.5,
                alpha=0.55,
                markeredgewidth=0.0,
                color=CYCLE[look % len(CYCLE)],
                label=kind.label,
                zorder=2,
            )
        draw_curves(panel, (curves or {}).get(name, ()))
        draw_xlines(panel, xlines or {})
        include(panel, references or {})
        # Names of vertical lines stand where the title of the panel would be.
        panel.set_title(name, pad=18 if xlines else None)
    label_panels(figure, axes, columns=columns, xlabel=xlabel, ylabel=ylabel)
    set_title(figure, title)
    set_caption(figure, caption)
    for panel in axes[:-1]:
        for value in (references or {}).values():
            panel.axhline(value, color="#777777", lw=0.8, ls=(0, (4, 3)), zorder=1)
    margin_labels(axes[-1], references or {})
    for scale, axis in ((xscale, "xaxis"), (yscale, "yaxis")):
        if scale == "log":
            for panel in axes:
                plain_log_ticks(getattr(panel, axis))
    return figure
