"""A function of two variables as filled contours, with points and paths over it.

Axis letters: `rows` values on the y axis, `columns` on the x axis; `points` marks;
`paths` curves of `steps` places each.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Num
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke

from toymodels.plotting.canvas import panels
from toymodels.plotting.captions import (
    set_caption,
    set_color_bars,
    set_legend,
    set_title,
)
from toymodels.plotting.palette import SEQUENTIAL, VERMILLION, style

# Light on the dark low ground of a surface, each with a rim that shows on light ground.
_LOOKS = (
    {"marker": "o", "markerfacecolor": VERMILLION, "markersize": 7},
    {"marker": "*", "markerfacecolor": "white", "markersize": 13},
    {"marker": "D", "markerfacecolor": "white", "markersize": 7},
)
_PATH = {
    "color": "white",
    "linewidth": 0.8,
    "path_effects": [withStroke(linewidth=1.8, foreground="#444444")],
}


@dataclass(frozen=True)
class Surface:
    """One panel.

    Attributes:
        values: (rows, columns) height.
        points: name in the legend, and places (points, 2) as x and y; the same names
            look the same in every panel.
        paths: (paths, steps, 2), drawn as thin lines below the points; or None.
    """

    values: Num[np.ndarray, "rows columns"]
    points: Mapping[str, Num[np.ndarray, "points 2"]] = field(default_factory=dict)
    paths: Num[np.ndarray, "paths steps 2"] | None = None


@style()
def surface_panels(
    x: Num[np.ndarray, " columns"],
    y: Num[np.ndarray, " rows"],
    surfaces: Mapping[str, Surface],
    *,
    xlabel: str,
    ylabel: str,
    value_label: str,
    limit: float,
    levels: int = 20,
    path_label: str = "",
    title: str = "",
    caption: str = "",
    columns: int = 3,
) -> Figure:
    """Surfaces on shared axes and with one scale of colours.

    Args:
        x: places of the columns, rising.
        y: places of the rows, rising.
        surfaces: title of each panel, and what is in it.
        xlabel: of every panel.
        ylabel: of the leftmost panels.
        value_label: beside the colour bar.
        limit: height at which the colours end; higher ground has the colour of the
            limit. The lowest point of all surfaces is where they begin.
        levels: number of contours.
        path_label: name of the paths in the legend.
        title: of the figure.
        caption: below the figure.
        columns: the most panels in a row.

    Raises:
        ValueError: nothing lies below the limit.
    """
    columns = min(columns, len(surfaces))
    lowest = min(float(np.min(surface.values)) for surface in surfaces.values())
    if limit <= lowest:
        raise ValueError(f"limit: got {limit:.3g}, expected more than {lowest:.3g}")
    heights = np.linspace(lowest, limit, levels + 1)
    figure, axes = panels(
        len(surfaces),
        columns=columns,
        panel_height=7.8 / max(columns, 2),
        # Squares as wide as the figure allows need all of their height for themselves.
        extra_height=2.2,
        sharex=True,
        sharey=True,
    )
    colors = ScalarMappable(Normalize(lowest, limit), SEQUENTIAL)
    handles: dict[str, Line2D] = {}
    for index, (panel, (name, surface)) in enumerate(
        zip(axes, surfaces.items(), strict=True)
    ):
        # Clipped instead of `extend`, which would leave the high ground without lines.
        values = np.minimum(surface.values, limit)
        panel.contourf(x, y, values, heights, cmap=colors.cmap, norm=colors.norm)
        panel.contour(x, y, values, heights, colors="white", linewidths=0.4, alpha=0.6)
        if surface.paths is not None:
            for path in surface.paths:
                panel.plot(*path.T, **_PATH)
            if path_label:
                handles.setdefault(path_label, Line2D([], [], **_PATH))
        for place, (label, points) in enumerate(surface.points.items()):
            look = {"linestyle": "", "markeredgecolor": "black", **_LOOKS[place % 3]}
            panel.plot(*points.T, **look, zorder=4 + place)
            handles.setdefault(label, Line2D([], [], **look))
        panel.set(xlim=(x[0], x[-1]), ylim=(y[0], y[-1]), aspect="equal")
        panel.set_title(name)
        if index + columns >= len(surfaces):
            panel.set_xlabel(xlabel)
        if index % columns == 0:
            panel.set_ylabel(ylabel)
    for label, handle in handles.items():
        handle.set_label(label)
    set_color_bars(figure, [(colors, value_label, "max")])
    if handles:
        set_legend(figure, list(handles.values()))
    set_title(figure, title)
    set_caption(figure, caption)
    return figure
