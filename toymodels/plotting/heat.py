"""Heat maps: one number over two settings, written into its cell.

Axis letters: `rows` values on the y axis, `columns` on the x axis.
"""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Num
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from toymodels.plotting.canvas import panels
from toymodels.plotting.captions import set_caption, set_color_bars, set_title
from toymodels.plotting.curves import label_panels
from toymodels.plotting.palette import SEQUENTIAL, style


@style()
def heat_maps(
    x: Num[np.ndarray, " columns"],
    y: Num[np.ndarray, " rows"],
    maps: Mapping[str, Num[np.ndarray, "rows columns"]],
    *,
    xlabel: str,
    ylabel: str,
    label: str,
    title: str = "",
    caption: str = "",
    number_format: str = ".2f",
    limits: tuple[float | int, float | int] | None = None,
    columns: int = 2,
) -> Figure:
    """One map a panel, on one scale of colours. Cells are of equal size.

    Args:
        x: settings of the columns, in order.
        y: settings of the rows, from the bottom.
        maps: title of each panel and its numbers; NaN leaves a cell empty.
        xlabel: of the panels below.
        ylabel: of the panels at the left.
        label: below the colour bar.
        title: of the figure.
        caption: below the figure.
        number_format: of the number in a cell; empty for none.
        limits: ends of the scale; those of the finite numbers when None.
        columns: the most panels in a row.
    """
    columns = min(columns, len(maps))
    figure, axes = panels(
        len(maps), columns=columns, panel_height=0.42 * len(y) + 1.2, sharex=True
    )
    values = np.stack(list(maps.values()))
    low, high = limits or (np.nanmin(values), np.nanmax(values))
    scale = ScalarMappable(Normalize(low, high), SEQUENTIAL)
    for panel, (name, cells) in zip(axes, maps.items(), strict=True):
        draw_heat_map(panel, x, y, cells, scale=scale, number_format=number_format)
        panel.set_title(name)
    label_panels(figure, axes, columns=columns, xlabel=xlabel, ylabel=ylabel)
    set_color_bars(figure, [(scale, label, "neither")])
    set_title(figure, title)
    set_caption(figure, caption)
    return figure


def draw_heat_map(
    axes: Axes,
    x: Num[np.ndarray, " columns"],
    y: Num[np.ndarray, " rows"],
    cells: Num[np.ndarray, "rows columns"],
    *,
    scale: ScalarMappable,
    number_format: str = ".2f",
) -> None:
    """One map on given axes; arguments as in `heat_maps`."""
    colors = scale.to_rgba(cells)
    axes.imshow(colors, origin="lower", aspect="auto", interpolation="nearest")
    axes.set_xticks(range(len(x)), [f"{value:,g}" for value in x])
    axes.set_yticks(range(len(y)), [f"{value:,g}" for value in y])
    axes.tick_params(length=0)
    for row, column in np.argwhere(np.isfinite(cells)) if number_format else ():
        bright = colors[row, column, :3] @ (0.299, 0.587, 0.114) > 0.5
        axes.text(
            column,
            row,
            format(cells[row, column], number_format),
            ha="center",
            va="center",
            size=9,
            color="black" if bright else "white",
        )
