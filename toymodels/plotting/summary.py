"""Verdicts of many claims at a glance.

A verdict has a symbol, a colour and a place in the legend, so it can be read in print
and by people who see fewer colours.
"""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from toymodels.plotting.canvas import new_figure
from toymodels.plotting.captions import set_caption, set_title
from toymodels.plotting.palette import style

# Verdict: symbol, colour of the rim and the text, colour of the ground.
VERDICT_LOOKS = {
    "supported": ("✓", "#005A8E", "#D9ECF8"),
    "not supported": ("✗", "#9C3D00", "#FBE3D2"),
    "inconclusive": ("?", "#555555", "#EFEFEF"),
}


@style()
def verdict_strip(
    ids: Sequence[str],
    verdicts: Sequence[str],
    *,
    title: str = "",
    caption: str = "",
    columns: int = 7,
) -> Figure:
    """One labelled tile for each claim, in rows, and a legend that counts them.

    Args:
        ids: name of each claim, short.
        verdicts: "supported", "not supported" or "inconclusive" for each.
        title: of the figure.
        caption: below the figure.
        columns: tiles in a row.

    Raises:
        ValueError: a verdict is none of the three.
    """
    for verdict in verdicts:
        if verdict not in VERDICT_LOOKS:
            known = ", ".join(VERDICT_LOOKS)
            raise ValueError(f"verdicts: got {verdict!r}, expected one of {known}")
    rows = max(1, -(-len(ids) // columns))
    figure = new_figure(0.36 * (rows + 1.3) + 0.9)
    axes = figure.add_subplot()
    axes.set(xlim=(0, columns), ylim=(-rows, 1.1))
    axes.set_axis_off()
    for k, (name, verdict) in enumerate(zip(ids, verdicts, strict=True)):
        _tile(axes, k % columns, -(k // columns) - 1, verdict, name)
    for k, verdict in enumerate(VERDICT_LOOKS):
        count = sum(other == verdict for other in verdicts)
        symbol, color, _ = VERDICT_LOOKS[verdict]
        axes.text(
            0.04 + k * columns * 0.27,
            0.55,
            f"{symbol}  {verdict}: {count}",
            color=color,
            va="center",
            weight="bold",
        )
    set_title(figure, title)
    set_caption(figure, caption)
    return figure


def _tile(axes: Axes, x: int, y: int, verdict: str, name: str) -> None:
    """A rounded tile in the cell whose lower left corner is (x, y)."""
    symbol, color, ground = VERDICT_LOOKS[verdict]
    axes.add_patch(
        FancyBboxPatch(
            (x + 0.04, y + 0.1),
            0.92,
            0.8,
            boxstyle="round,pad=0,rounding_size=0.12",
            mutation_aspect=3.0,
            facecolor=ground,
            edgecolor=color,
            linewidth=0.8,
        )
    )
    size = 10 if len(name) <= 9 else 10 * 9 / len(name)
    axes.text(x + 0.12, y + 0.48, symbol, color=color, va="center", weight="bold")
    axes.text(x + 0.3, y + 0.48, name, color=color, va="center", size=size)
