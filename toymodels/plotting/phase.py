"""Phase diagrams: which solution wins, over two settings, with theory laid over.

Axis letters: `rows` values on the y axis, `columns` on the x axis, `classes` solutions.

References:
    Elhage et al., Toy Models of Superposition (2022), "superposition as a phase
    change".
"""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Num
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle
from matplotlib.patheffects import withStroke

from toymodels.plotting.canvas import panels
from toymodels.plotting.captions import set_caption, set_legend, set_title
from toymodels.plotting.curves import label_panels
from toymodels.plotting.marks import cell_edges, plain_log_ticks
from toymodels.plotting.palette import AREAS, style

_LINES = ("-", (0, (5, 2)), (0, (1, 1.5)), (0, (5, 1.5, 1, 1.5)))
_MISSING = "#BBBBBB"


@style()
def phase_diagram(
    x: Num[np.ndarray, " columns"],
    y: Num[np.ndarray, " rows"],
    maps: Mapping[str, Num[np.ndarray, "rows columns *classes"]],
    *,
    class_names: Sequence[str],
    xlabel: str,
    ylabel: str,
    title: str = "",
    caption: str = "",
    boundaries: Mapping[str, tuple[np.ndarray, np.ndarray]] | None = None,
    class_colors: Sequence[str] = AREAS,
    log: bool = True,
    flip_y: bool = False,
    columns: int = 3,
) -> Figure:
    """One map a panel on shared axes: classes as areas, boundaries as lines over them.

    Args:
        x: centres of the cells, rising; positive if `log`.
        y: centres of the cells, rising or falling; positive if `log`.
        maps: for each panel its title and either whole numbers (rows, columns), the
            class of each cell with −1 for no result, or weights (rows, columns,
            classes) that sum to one and mix the colours, with NaN for no result.
        class_names: legend, in the order of the numbers.
        xlabel: of every panel.
        ylabel: of the leftmost panels.
        title: of the figure.
        caption: below the figure.
        boundaries: name, and x and y of each curve that theory predicts.
        class_colors: fill of each class, at least as many as names.
        log: logarithmic axes.
        flip_y: the largest y at the bottom.
        columns: the most panels in a row.
    """
    columns = min(columns, len(maps))
    size = {1: 4.6, 2: 3.6}.get(columns, 2.7)
    figure, axes = panels(
        len(maps), columns=columns, panel_height=size, sharex=True, sharey=True
    )
    for panel, (name, cells) in zip(axes, maps.items(), strict=True):
        draw_phases(panel, x, y, cells, class_colors=class_colors, log=log)
        for line, (at_x, at_y) in enumerate((boundaries or {}).values()):
            panel.plot(at_x, at_y, **_boundary_look(line))
        panel.set_title(name)
    label_panels(figure, axes, columns=columns, xlabel=xlabel, ylabel=ylabel)
    if flip_y:
        axes[0].invert_yaxis()
    handles: list = [
        Patch(facecolor=color, edgecolor="#555555", linewidth=0.6, label=name)
        for name, color in zip(class_names, class_colors, strict=False)
    ]
    if any(_missing(cells).any() for cells in maps.values()):
        handles.append(
            Patch(facecolor=_MISSING, edgecolor="white", hatch="///", label="no result")
        )
    handles += [
        Line2D([], [], label=name, **_boundary_look(line))
        for line, name in enumerate(boundaries or {})
    ]
    if columns == 1:
        figure.legend(handles=handles, loc="outside right center")
    else:
        set_legend(figure, handles)
    set_title(figure, title)
    set_caption(figure, caption)
    return figure


def draw_phases(
    axes: Axes,
    x: Num[np.ndarray, " columns"],
    y: Num[np.ndarray, " rows"],
    cells: Num[np.ndarray, "rows columns *classes"],
    *,
    class_colors: Sequence[str] = AREAS,
    log: bool = True,
) -> None:
    """The areas of one phase diagram on given axes; arguments as in `phase_diagram`."""
    missing = _missing(cells)
    palette = np.array([to_rgb(color) for color in class_colors])
    if cells.ndim == 2:
        rgb = palette[np.where(missing, 0, cells).astype(int)]
    else:
        weights = np.where(missing[..., None], 0.0, cells)
        rgb = np.clip(weights @ palette[: cells.shape[-1]], 0.0, 1.0)
    rgb = np.where(missing[..., None], np.array(to_rgb(_MISSING)), rgb)
    edges_x, edges_y = cell_edges(x, log=log), cell_edges(y, log=log)
    if log:
        axes.set(xscale="log", yscale="log")
    # Rasterised without antialiasing: else the background shows between the cells.
    axes.pcolormesh(edges_x, edges_y, rgb, antialiased=False, rasterized=True)
    if missing.any():
        for row, column in np.argwhere(missing):
            corner = (edges_x[column], edges_y[row])
            far = (edges_x[column + 1], edges_y[row + 1])
            width, height = np.subtract(far, corner)
            axes.add_patch(
                Rectangle(
                    corner,
                    width,
                    height,
                    facecolor="none",
                    edgecolor="white",
                    hatch="////",
                    linewidth=0,
                )
            )
    axes.set_xlim(edges_x.min(), edges_x.max())
    axes.set_ylim(edges_y.min(), edges_y.max())
    if log:
        plain_log_ticks(axes.xaxis)
        plain_log_ticks(axes.yaxis)


def _missing(cells: np.ndarray) -> np.ndarray:
    """Cells without a result, (rows, columns)."""
    return cells < 0 if cells.ndim == 2 else np.isnan(cells).any(axis=-1)


def _boundary_look(index: int) -> dict:
    """Black on a white rim, so that a curve shows on dark and on light areas."""
    return {
        "color": "black",
        "linewidth": 1.8,
        "linestyle": _LINES[index % len(_LINES)],
        "path_effects": [withStroke(linewidth=4.0, foreground="white")],
    }
