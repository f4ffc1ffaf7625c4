"""Marks on axes: lines named at the margin, plain ticks, borders of cells."""

from collections.abc import Callable, Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.ticker import FuncFormatter, NullFormatter

from toymodels.plotting.palette import GREY


def include(axes: Axes, values: Mapping[str, float | int]) -> None:
    """Widen automatic y limits until all the heights are inside."""
    heights = [y for y in values.values() if y > 0 or axes.get_yscale() != "log"]
    if heights:
        x = axes.get_xlim()[0]
        axes.update_datalim([(x, height) for height in heights], updatex=False)
        axes.autoscale_view(scalex=False)


def margin_labels(
    axes: Axes,
    values: Mapping[str, float | int],
    *,
    color: str = GREY,
    size: float | int = 10,
    line: bool = True,
) -> None:
    """Horizontal lines at `values`, each named at the right margin.

    Names that would cover one another are pushed apart and joined to their line by a
    thin stroke. Call it when the limits of the axes are final.

    Args:
        axes: where to draw; lines outside its y range are left out.
        values: name and height of each line, in data units.
        color: of the lines and names.
        size: of the names in points.
        line: whether the lines are drawn across the axes as well.
    """
    low, high = sorted(axes.get_ylim())
    inside = {name: y for name, y in values.items() if low <= y <= high}
    if not inside:
        return
    if line:
        for y in inside.values():
            axes.axhline(y, color=color, linewidth=0.8, linestyle=(0, (4, 3)), zorder=1)
    figure = axes.get_figure(root=True)
    figure.draw_without_rendering()
    height_points = axes.get_window_extent().height * 72 / figure.dpi
    to_fraction = axes.transData + axes.transAxes.inverted()
    x = axes.get_xlim()[1]
    wanted = {name: to_fraction.transform((x, y))[1] for name, y in inside.items()}
    names = sorted(wanted, key=wanted.__getitem__)
    placed = spread([wanted[name] for name in names], gap=1.25 * size / height_points)
    for name, y in zip(names, placed, strict=True):
        moved = abs(y - wanted[name]) > 0.2 * size / height_points
        axes.annotate(
            name,
            xy=(1.0, wanted[name]),
            xytext=(1.035 if moved else 1.012, y),
            xycoords="axes fraction",
            textcoords="axes fraction",
            va="center",
            ha="left",
            size=size,
            color="#333333",
            arrowprops={"arrowstyle": "-", "color": color, "linewidth": 0.7}
            if moved
            else None,
            annotation_clip=False,
        )


def spread(positions: list[float], *, gap: float) -> list[float]:
    """The nearest positions, in the given rising order, at least `gap` apart.

    Least squares under order constraints: with i·gap taken off, this is an isotonic
    regression, solved by pooling neighbours that are out of order.
    """
    pools: list[tuple[float, int]] = []
    for index, position in enumerate(positions):
        mean, count = position - index * gap, 1
        while pools and pools[-1][0] > mean:
            earlier, size = pools.pop()
            mean = (earlier * size + mean * count) / (size + count)
            count += size
        pools.append((mean, count))
    flat = [mean for mean, count in pools for _ in range(count)]
    return [value + index * gap for index, value in enumerate(flat)]


def plain_log_ticks(axis: Axis) -> None:
    """Ticks such as 0.1, 2 and 50 on a logarithmic axis, instead of powers of ten.

    Call it when the limits are final. Beyond four decades only powers of ten are
    labelled, and beyond 0.001 to 10,000 they stay in Matplotlib's notation.
    """
    low, high = sorted(axis.get_view_interval())
    if low < 0.8e-3 or high > 1.3e4:
        return
    decades = np.log10(high / low)
    steps = (1, 2, 5) if decades < 2.2 else (1, 3) if decades < 3 else (1,)
    if decades < 0.7:
        steps = (1, 1.5, 2, 3, 4, 5, 7)
    ticks = [step * 10.0**power for power in range(-4, 5) for step in steps]
    axis.set_ticks([tick for tick in ticks if low <= tick <= high])
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def cell_edges(centres: np.ndarray, *, log: bool) -> np.ndarray:
    """Borders halfway between the centres, in logarithms if `log`, and the two ends."""
    forward: Callable = np.log if log else np.asarray
    points = np.asarray(forward(centres), dtype=float)
    if points.size == 1:
        edges = np.array([points[0] - 0.5, points[0] + 0.5])
    else:
        middle = (points[1:] + points[:-1]) / 2
        first, last = 2 * points[0] - middle[0], 2 * points[-1] - middle[-1]
        edges = np.concatenate([[first], middle, [last]])
    return np.exp(edges) if log else edges
