"""Neurons as stacked bars: which features each hidden unit serves.

After Elhage et al. 2022, "Superposition in a Privileged Basis": a bar a neuron, a block
a weight, positive ones upwards and negative ones downwards, coloured by how many
features the neuron serves.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Int, Num
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from toymodels.plotting.canvas import panels
from toymodels.plotting.captions import set_caption, set_legend, set_title
from toymodels.plotting.matrices import draw_matrix
from toymodels.plotting.palette import (
    BLUE,
    FAINT,
    ORANGE,
    VERMILLION,
    style,
    symmetric_norm,
)

SERVES = (
    (FAINT, "no feature"),
    (BLUE, "one feature"),
    (ORANGE, "two features"),
    (VERMILLION, "three or more"),
)


@style()
def neuron_stacks(
    W: Num[np.ndarray, "panels neurons n"],
    served: Int[np.ndarray, "panels neurons"],
    *,
    titles: Sequence[str],
    title: str = "",
    caption: str = "",
    ylabel: str = "weights",
    columns: int = 5,
) -> Figure:
    """One panel a model, one bar a neuron, one block a weight.

    Args:
        W: weights of each neuron.
        served: number of features that each neuron serves; its colour.
        titles: one for each panel.
        title: of the figure.
        caption: below the figure.
        ylabel: of the left panels.
        columns: the most panels in a row.
    """
    figure, axes = panels(
        len(W), columns=columns, panel_height=2.7, extra_height=1.1, sharey=True
    )
    for place, weights, counts, name in zip(axes, W, served, titles, strict=True):
        draw_stacks(place, weights, counts)
        place.set_title(name)
    for place in axes[:: -(-len(axes) // -(-len(axes) // columns))]:
        place.set_ylabel(ylabel)
    shown = sorted({min(int(c), 3) for c in np.ravel(served)})
    set_legend(figure, [Patch(color=SERVES[c][0], label=SERVES[c][1]) for c in shown])
    set_title(figure, title)
    set_caption(figure, caption)
    return figure


def draw_stacks(
    axes: Axes, W: Num[np.ndarray, "neurons n"], served: Int[np.ndarray, " neurons"]
) -> None:
    """Stacked weights of each neuron, the largest next to the axis.

    Args:
        axes: where to draw.
        W: weights of each neuron.
        served: number of features of each neuron; its colour.
    """
    colors = [SERVES[min(int(count), 3)][0] for count in served]
    place = np.arange(len(W))
    for sign in (1.0, -1.0):
        blocks = -np.sort(-np.clip(sign * W, 0, None), axis=1)
        base = np.zeros(len(W))
        for block in blocks.T:
            if block.max() <= 0:
                break
            axes.bar(
                place,
                sign * block,
                bottom=sign * base,
                color=colors,
                edgecolor="white",
                linewidth=0.8 if len(W) <= 20 else 0.2,
                width=0.9,
            )
            base = base + block
    axes.axhline(0, color="#555555", linewidth=0.8)
    axes.set_xticks([])
    axes.set_xlabel(f"{len(W)} neurons")


@style()
def pair_panels(
    reads: Num[np.ndarray, "panels 2 2"],
    writes: Num[np.ndarray, "panels 2 2"],
    *,
    titles: Sequence[str],
    title: str = "",
    caption: str = "",
) -> Figure:
    """Two neurons and two features: what each neuron reads and writes, as numbers.

    Args:
        reads: encoder weights; a row a neuron, a column a feature.
        writes: decoder weights, likewise.
        titles: one for each panel.
        title: of the figure.
        caption: below the figure.
    """
    count = max(len(reads), 1)
    figure, axes = panels(count, columns=3, panel_height=2.3, extra_height=1.0)
    if not len(reads):
        axes[0].set_axis_off()
        axes[0].text(0.5, 0.5, "none found", ha="center", transform=axes[0].transAxes)
    for place, read, write, name in zip(axes, reads, writes, titles, strict=False):
        both = np.concatenate([read, write], axis=1)
        draw_matrix(place, both, norm=symmetric_norm(both, 4.0), aspect="auto")
        for (row, column), value in np.ndenumerate(both):
            dark = abs(value) > 2.4
            place.text(
                column,
                row,
                f"{value:+.2f}",
                ha="center",
                va="center",
                color="white" if dark else "black",
            )
        place.axvline(1.5, color="white", linewidth=4)
        place.set_xticks(range(4), ["reads\na", "reads\nb", "writes\na", "writes\nb"])
        place.set_yticks(range(2), ["neuron", "inhibitor"])
        place.set_title(name)
    set_title(figure, title)
    set_caption(figure, caption)
    return figure
