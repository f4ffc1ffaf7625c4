"""WᵀW as a heat map, with the bias as a column and the lengths ‖W_i‖ as bars.

White is 0 in every map and the colour limits are the same on both sides of it, so equal
colours mean equal strength of either sign. All panels of a figure share one scale.

Axis letters: `panels` models, n features.

References:
    Elhage et al., Toy Models of Superposition (2022), "basic results".
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Num
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from toymodels.plotting.canvas import WIDTH, new_figure
from toymodels.plotting.captions import set_caption, set_color_bars, set_title
from toymodels.plotting.palette import (
    DIVERGING,
    FAINT,
    SEQUENTIAL,
    style,
    symmetric_norm,
)


@style()
def gram_panels(
    gram: Num[np.ndarray, "panels n n"],
    *,
    titles: Sequence[str],
    title: str = "",
    caption: str = "",
    bias: Num[np.ndarray, "panels n"] | None = None,
    norms: Num[np.ndarray, "panels n"] | None = None,
    interference: Num[np.ndarray, "panels n"] | None = None,
    gram_label: str = r"$W^\top W$ and $b$",
    norm_label: str = r"$\|W_i\|$",
    interference_label: str = r"interference $\sum_{j\neq i}(\hat W_i\cdot W_j)^2$",
    limit: float | int | None = None,
    interference_limit: float | int = 1.0,
    columns: int = 4,
) -> Figure:
    """WᵀW of several models, each with its bias and the lengths of its features.

    Args:
        gram: the matrices WᵀW; features from top to bottom.
        titles: one for each panel.
        title: of the figure.
        caption: below the figure.
        bias: drawn as a column at the right of each matrix.
        norms: lengths ‖W_i‖, drawn as horizontal bars in the rows of the matrix.
        interference: Σ_{j≠i}(Ŵ_i·W_j)², the colour of the bars; needs `norms`.
        gram_label: beside the colour bar of the matrices.
        norm_label: below the bars.
        interference_label: beside the colour bar of the bars.
        limit: largest magnitude shown in a matrix; that of `gram` when None.
        interference_limit: where the colour of the bars ends; larger values look equal.
        columns: the most panels in a row.
    """
    columns = min(columns, len(gram))
    rows = -(-len(gram) // columns)
    columns = -(-len(gram) // rows)
    # Widths of a matrix, its bias, its bars and the gap to the next, in one unit.
    ratios = [1.0] + [0.07] * (bias is not None) + [0.5] * (norms is not None)
    ratios += [0.04] * (len(ratios) > 1)
    size = min((WIDTH - 0.3) / columns / (sum(ratios) + 0.08), 4.2)
    width = min(WIDTH, max(columns * size * (sum(ratios) + 0.08) + 0.3, 6.0))
    height = rows * (size + 0.4 + 0.35 * (len(ratios) > 1)) + 1.4
    height += 0.25 * (interference is not None)
    figure = new_figure(height, width=width)
    grid = figure.add_gridspec(
        rows, columns * len(ratios), width_ratios=ratios * columns
    )
    norm = symmetric_norm(gram, limit)
    heat = Normalize(0.0, interference_limit)
    longest = 1.0 if norms is None else 1.08 * float(np.nanmax(norms, initial=1.0))
    for index, name in enumerate(titles):
        row, column = divmod(index, columns)
        # Boxes of one height, so that bars and rows of the matrix stand side by side.
        cells = []
        for k, ratio in enumerate(ratios[:-1] if len(ratios) > 1 else ratios):
            cells.append(figure.add_subplot(grid[row, column * len(ratios) + k]))
            cells[k].set_box_aspect(1.0 / ratio)
        draw_matrix(cells[0], gram[index], norm=norm, aspect="auto")
        cells[0].set_title(name)
        if bias is not None:
            draw_matrix(cells[1], bias[index][:, None], norm=norm, aspect="auto")
            cells[1].set_xlabel("$b$")
        if norms is not None:
            values = None if interference is None else interference[index]
            draw_norms(cells[-1], norms[index], interference=values, norm=heat)
            cells[-1].set_xlim(0, longest)
            cells[-1].set_xlabel(norm_label)
    scales = [(ScalarMappable(norm, DIVERGING), gram_label, "neither")]
    if norms is not None and interference is not None:
        end = (
            "max"
            if np.nanmax(interference, initial=0.0) > interference_limit
            else "neither"
        )
        scales.append((ScalarMappable(heat, SEQUENTIAL), interference_label, end))
    set_color_bars(figure, scales)
    set_title(figure, title)
    set_caption(figure, caption)
    return figure


def draw_matrix(
    axes: Axes,
    matrix: Num[np.ndarray, "rows columns"],
    *,
    norm: Normalize | None = None,
    aspect: str = "equal",
) -> AxesImage:
    """A signed matrix on given axes, red above 0 and blue below, without ticks.

    Args:
        axes: where to draw.
        matrix: first row at the top.
        norm: colour scale; symmetric about 0 over the matrix when None.
        aspect: "equal" for square cells, "auto" to fill the axes.
    """
    image = axes.imshow(
        matrix, cmap=DIVERGING, norm=norm or symmetric_norm(matrix), aspect=aspect
    )
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set(visible=True, color=FAINT)
    return image


def draw_norms(
    axes: Axes,
    norms: Num[np.ndarray, " n"],
    *,
    interference: Num[np.ndarray, " n"] | None = None,
    norm: Normalize | None = None,
) -> None:
    """Lengths as horizontal bars from the first feature at the top.

    Args:
        axes: where to draw.
        norms: ‖W_i‖, at least 0.
        interference: colour of the bars.
        norm: colour scale of the interference, 0 to 1 when None.
    """
    n = len(norms)
    colors = SEQUENTIAL(0.0)
    if interference is not None:
        colors = SEQUENTIAL((norm or Normalize(0.0, 1.0))(interference))
    axes.barh(np.arange(n), norms, height=0.86 if n <= 40 else 1.0, color=colors)
    axes.axvline(1.0, color="#888888", linewidth=0.8, linestyle=(0, (3, 2)))
    axes.set_ylim(n - 0.5, -0.5)
    axes.set_yticks([])
    axes.set_xticks([1])
    axes.spines["left"].set_color(FAINT)
