"""Figures, panels and their bytes: the paper that every plot is drawn on.

Figures are made from `matplotlib.figure.Figure` and never through pyplot, so a plot
leaves no open window, no current axes and no changed setting behind.
"""

import io
import os
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from toymodels.disk import write_atomically
from toymodels.plotting.palette import style

WIDTH = 9.0


@style()
def new_figure(height: float | int = 5.0, *, width: float | int = WIDTH) -> Figure:
    """An empty figure with constrained layout, sizes in inches."""
    return Figure(figsize=(width, height), layout="constrained")


@style()
def panels(
    count: int,
    *,
    columns: int = 4,
    panel_height: float | int = 2.4,
    width: float | int = WIDTH,
    extra_height: float | int = 0.7,
    sharex: bool = False,
    sharey: bool = False,
    projection: str | None = None,
) -> tuple[Figure, list[Axes]]:
    """A figure with `count` axes in rows of at most `columns`.

    Args:
        count: number of axes, at least 1.
        columns: the most axes in a row; rows are filled evenly.
        panel_height: height of a row in inches.
        width: width of the figure in inches.
        extra_height: inches for the title, the caption and the lowest axis labels.
        sharex: one x axis for all.
        sharey: one y axis for all.
        projection: "3d", or None for the plane.

    Returns:
        The figure and its axes in reading order.
    """
    rows = -(-count // columns)
    columns = -(-count // rows)
    figure = new_figure(rows * panel_height + extra_height, width=width)
    grid = figure.subplots(
        rows,
        columns,
        squeeze=False,
        sharex=sharex,
        sharey=sharey,
        subplot_kw={"projection": projection},
    )
    axes = list(grid.ravel())
    for surplus in axes[count:]:
        surplus.remove()
    return figure, axes[:count]


@style()
def png_bytes(figure: Figure) -> bytes:
    """The figure as PNG at its own resolution; equal figures give equal bytes."""
    buffer = io.BytesIO()
    # Without the version of Matplotlib, which says nothing about the figure.
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def save_png(figure: Figure, path: str | os.PathLike) -> Path:
    """Write `png_bytes` to `path`, whole or not at all.

    Raises:
        StoreError: the folder cannot be written or the disk is full.
    """
    path = Path(path)
    write_atomically(path, png_bytes(figure))
    return path
