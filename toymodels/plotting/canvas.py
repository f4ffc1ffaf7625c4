"""Figures, panels, titles and captions: the paper that every plot is drawn on.

Figures are made from `matplotlib.figure.Figure` and never through pyplot, so a plot
leaves no open window, no current axes and no changed setting behind.
"""

import io
import os
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import FuncFormatter, NullFormatter

from toymodels.plotting.palette import GREY, style

WIDTH = 9.0
_MARGIN = 0.012
_CAPTION = "toymodels-caption"
_LEGEND = "toymodels-legend"
_BAR = "toymodels-bar"


@style()
def new_figure(height: float = 5.0, *, width: float = WIDTH) -> Figure:
    """An empty figure with constrained layout, sizes in inches."""
    return Figure(figsize=(width, height), layout="constrained")


@style()
def panels(
    count: int,
    *,
    columns: int = 4,
    panel_height: float = 2.4,
    width: float = WIDTH,
    extra_height: float = 0.7,
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
def set_title(figure: Figure, text: str) -> None:
    """The figure's title, at the left, broken into lines that fit."""
    if not text:
        return
    title = figure.suptitle(text, x=_MARGIN, ha="left")
    _wrap(title, figure)


@style()
def set_caption(figure: Figure, text: str) -> None:
    """One small line (or more, where it is long) below everything in the figure.

    The layout leaves room for it, so it covers nothing. A second call replaces the
    first.
    """
    for old in [item for item in figure.texts if item.get_gid() == _CAPTION]:
        old.remove()
    if text:
        caption = figure.text(
            _MARGIN, _MARGIN, text, size=10, color="#444444", ha="left", va="bottom"
        )
        caption.set_gid(_CAPTION)
        # In the layout it would be counted twice, as a margin and by `_settle`.
        caption.set_in_layout(False)
        _wrap(caption, figure)
    _settle(figure)


@style()
def set_legend(figure: Figure, handles: Sequence[Artist]) -> None:
    """One legend for the whole figure, in rows below the panels and above the caption.

    Matplotlib's own "outside" legends share their place with the title or the caption.

    Args:
        figure: whose legend it is; a second call replaces the first.
        handles: artists that carry a label.
    """
    for old in [item for item in figure.legends if item.get_gid() == _LEGEND]:
        old.remove()
    room = figure.bbox.width * (1 - 2 * _MARGIN)
    for ncols in range(len(handles), 0, -1):
        legend = figure.legend(
            # Matplotlib fills column by column; this order then reads row by row.
            handles=[item for k in range(ncols) for item in handles[k::ncols]],
            loc="lower left",
            ncols=ncols,
            borderaxespad=0.0,
            borderpad=0.0,
            columnspacing=1.6,
        )
        if legend.get_window_extent().width <= room or ncols == 1:
            legend.set_gid(_LEGEND)
            legend.set_in_layout(False)
            break
        legend.remove()
    _settle(figure)


@style()
def set_color_bars(
    figure: Figure, bars: Sequence[tuple[ScalarMappable, str, str]]
) -> None:
    """Colour bars side by side below the panels, for scales that all of them share.

    Args:
        figure: whose bars they are.
        bars: scale and colours, label, and "neither" or the end ("min", "max", "both")
            beyond which values exist.
    """
    share = 1.0 / max(len(bars), 2)
    for k, (mappable, label, extend) in enumerate(bars):
        left = (k + 0.1) * share if len(bars) > 1 else 0.25
        cell = figure.add_axes((left, 0.0, 0.8 * share, 0.12 / figure.get_figheight()))
        cell.set_gid(_BAR)
        figure.colorbar(
            mappable, cax=cell, orientation="horizontal", label=label, extend=extend
        )
    _settle(figure)


def caption_line(
    *,
    seeds: int | None = None,
    loss: str | None = None,
    exponent: float | None = None,
    optimiser: str | None = None,
    scale: str | None = None,
    fingerprint: str | None = None,
    others: Mapping[str, Any] | None = None,
) -> str:
    """What a reader needs to make the figure again, as one line; None is left out.

    Args:
        seeds: number of independent seeds.
        loss: the loss convention, such as "sum".
        exponent: the exponent q of the loss.
        optimiser: name of the optimiser preset.
        scale: "smoke", "laptop" or "paper".
        fingerprint: content hash of the settings; its first eight letters are shown.
        others: further names and values, at the end.
    """
    parts = []
    if seeds is not None:
        parts.append(f"{seeds} seed" if seeds == 1 else f"{seeds} seeds")
    if loss is not None:
        parts.append(f"loss: {loss}")
    if exponent is not None:
        parts.append(f"exponent q = {exponent:g}")
    if optimiser is not None:
        parts.append(f"optimiser: {optimiser}")
    if scale is not None:
        parts.append(f"scale: {scale}")
    parts += [f"{name}: {value}" for name, value in (others or {}).items()]
    if fingerprint:
        parts.append(f"settings {fingerprint[:8]}")
    # No-break spaces: a long caption is broken between its parts only.
    return " · ".join(part.replace(" ", "\u00a0") for part in parts)


@style()
def png_bytes(figure: Figure) -> bytes:
    """The figure as PNG at its own resolution; equal figures give equal bytes."""
    buffer = io.BytesIO()
    # Without the version of Matplotlib, which says nothing about the figure.
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def save_png(figure: Figure, path: str | os.PathLike) -> Path:
    """Write `png_bytes` to `path`, whole or not at all."""
    path = Path(path)
    partial = path.with_name(path.name + ".partial")
    partial.write_bytes(png_bytes(figure))
    os.replace(partial, path)
    return path


def margin_labels(
    axes: Axes,
    values: Mapping[str, float],
    *,
    color: str = GREY,
    size: float = 10,
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


def _settle(figure: Figure) -> None:
    """Stack caption, legend and colour bars at the bottom; the panels get the rest."""
    height = 0.0
    down = figure.bbox.height
    for item in figure.texts:
        if item.get_gid() == _CAPTION:
            height = item.get_window_extent().y1 / down + _MARGIN
    for item in figure.legends:
        if item.get_gid() == _LEGEND:
            item.set_bbox_to_anchor((_MARGIN, height + _MARGIN / 2))
            height += item.get_window_extent().height / down + _MARGIN
    bars = [axes for axes in figure.axes if axes.get_gid() == _BAR]
    if bars:
        boxes = [axes.get_tightbbox() for axes in bars]
        low = min(box.y0 for box in boxes) / down
        high = max(box.y1 for box in boxes) / down
        for axes in bars:
            place = axes.get_position()
            axes.set_position(
                (place.x0, place.y0 + height - low, place.width, place.height)
            )
        height += high - low + _MARGIN
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.set(rect=(0.0, height, 1.0, 1.0 - height))


def _wrap(item: Text, figure: Figure) -> None:
    """Break the text into lines within the figure, never inside a $formula$."""
    room = figure.bbox.width * (1 - 2 * _MARGIN)
    words = re.findall(r"(?:\$[^$]*\$|[^ \n])+", item.get_text())
    lines: list[str] = []
    for word in words:
        trial = f"{lines[-1]} {word}" if lines else word
        item.set_text(trial)
        if lines and item.get_window_extent().width <= room:
            lines[-1] = trial
        else:
            lines.append(word)
    item.set_text("\n".join(lines))
