"""What stands around the panels: title, caption, shared legend and colour bars.

Title at the top left; at the bottom, from below, the caption, the legend and the colour
bars. Each is measured, and the layout leaves the panels the room that remains.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.artist import Artist
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure
from matplotlib.text import Text

from toymodels.plotting.palette import style

_MARGIN = 0.012
_CAPTION = "toymodels-caption"
_LEGEND = "toymodels-legend"
_BAR = "toymodels-bar"


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
    exponent: float | int | None = None,
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
