"""Features as vectors: the polygons of Toy Models of Superposition.

With two hidden dimensions every feature is the segment from the origin to its column
W_i; with three, a projection. One panel stands for one trained model, usually one
sparsity.

Axis letters: `panels` models, n features; 2 or 3 hidden dimensions.

References:
    Elhage et al., Toy Models of Superposition (2022), introduction and "correlated and
    anticorrelated features".
"""

from collections.abc import Sequence
from typing import cast

import numpy as np
from jaxtyping import Bool, Int, Num
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from mpl_toolkits.mplot3d import Axes3D

from toymodels.plotting.canvas import panels
from toymodels.plotting.captions import set_caption, set_title
from toymodels.plotting.palette import (
    CYCLE,
    FAINT,
    MARKERS,
    SKY,
    dark_sequential,
    style,
    value_norm,
)


@style()
def vector_panels(
    W: Num[np.ndarray, "panels 2 n"],
    *,
    titles: Sequence[str],
    title: str = "",
    caption: str = "",
    importance: Num[np.ndarray, " n"] | None = None,
    importance_label: str = "importance",
    groups: Int[np.ndarray, " n"] | None = None,
    group_names: Sequence[str] = (),
    labels: Sequence[str] = (),
    columns: int = 5,
    limit: float | int | None = None,
    hull: bool = False,
) -> Figure:
    """One panel a model, each feature a segment from the origin, with the unit circle.

    Args:
        W: feature vectors as columns.
        titles: one for each panel.
        title: of the figure.
        caption: below the figure.
        importance: colours the features and adds a colour bar; all equal adds none.
        importance_label: beside that bar.
        groups: group of each feature from 0, shown by colour and marker together.
        group_names: legend for the groups, in order.
        labels: a short name for each feature, written at its tip.
        columns: the most panels in a row.
        limit: half width of every panel; the longest vector decides when None.
        hull: fill the polygon around all features.
    """
    limit = limit or _limit(W)
    colors, markers, mappable = _feature_look(W.shape[-1], importance, groups)
    columns = min(columns, len(W))
    figure, axes = panels(
        len(W), columns=columns, panel_height=8.4 / max(columns, 3) + _room(titles)
    )
    for panel, vectors, name in zip(axes, W, titles, strict=True):
        draw_vectors(
            panel,
            vectors,
            colors=colors,
            markers=markers,
            labels=labels,
            limit=limit,
            hull=hull,
        )
        panel.set_title(name, loc="center")
    _keys(figure, axes, mappable, importance_label, groups, group_names)
    set_title(figure, title)
    set_caption(figure, caption)
    return figure


@style()
def vector_panels_3d(
    W: Num[np.ndarray, "panels 3 n"],
    *,
    titles: Sequence[str],
    title: str = "",
    caption: str = "",
    importance: Num[np.ndarray, " n"] | None = None,
    importance_label: str = "importance",
    groups: Int[np.ndarray, " n"] | None = None,
    group_names: Sequence[str] = (),
    edges: Bool[np.ndarray, "panels n n"] | None = None,
    columns: int = 4,
    limit: float | int | None = None,
    elevation: float | int = 22.0,
    azimuth: float | int = 35.0,
) -> Figure:
    """Features of a model with three hidden dimensions, in a projection.

    Args:
        W: feature vectors as columns.
        titles: one for each panel.
        title: of the figure.
        caption: below the figure.
        importance: colours the features and adds a colour bar.
        importance_label: beside that bar.
        groups: group of each feature from 0, shown by colour and marker together.
        group_names: legend for the groups, in order.
        edges: pairs of features to join by a line, such as the edges of a polytope.
        columns: the most panels in a row.
        limit: half width of every panel; the longest vector decides when None.
        elevation: angle of the eye above the plane, in degrees.
        azimuth: angle of the eye around it, in degrees.
    """
    limit = (limit or _limit(W)) * 0.8
    colors, markers, mappable = _feature_look(W.shape[-1], importance, groups)
    columns = min(columns, len(W))
    figure, axes = panels(
        len(W),
        columns=columns,
        panel_height=8.6 / max(columns, 3) + _room(titles),
        projection="3d",
    )
    for index, (panel, vectors, name) in enumerate(zip(axes, W, titles, strict=True)):
        for corner in np.eye(3):
            ends = np.outer(corner, [-limit, limit])
            panel.plot(*ends, color=FAINT, linewidth=0.8)
        if edges is not None:
            for i, j in zip(*np.nonzero(np.triu(edges[index], 1)), strict=True):
                panel.plot(*vectors[:, [i, j]], color="#999999", linewidth=0.9)
        for vector, color, marker in zip(vectors.T, colors, markers, strict=True):
            panel.plot(*np.outer(vector, [0, 1]), color=color, linewidth=1.6)
            panel.plot(*vector[:, None], color=color, marker=marker, linestyle="")
        panel.set(xlim=(-limit, limit), ylim=(-limit, limit), zlim=(-limit, limit))
        panel.set_box_aspect((1, 1, 1), zoom=1.3)
        cast(Axes3D, panel).view_init(elev=elevation, azim=azimuth)
        panel.set_axis_off()
        panel.set_title(name, loc="center")
    _keys(figure, axes, mappable, importance_label, groups, group_names)
    set_title(figure, title)
    set_caption(figure, caption)
    return figure


def draw_vectors(
    axes: Axes,
    vectors: Num[np.ndarray, "2 n"],
    *,
    colors: Sequence | None = None,
    markers: Sequence[str] | None = None,
    labels: Sequence[str] = (),
    limit: float | int = 1.25,
    circle: bool = True,
    hull: bool = False,
) -> None:
    """The features of one model as segments with a dot at the tip, on given axes.

    Args:
        axes: where to draw; becomes square, without ticks.
        vectors: features as columns.
        colors: one for each feature.
        markers: one for each feature.
        labels: names at the tips; empty for none.
        limit: half width of the axes in data units.
        circle: draw the unit circle and the two axes.
        hull: fill the polygon around all features, and the origin.
    """
    n = vectors.shape[1]
    colors = [CYCLE[0]] * n if colors is None else colors
    shapes = ["o"] * n if markers is None else markers
    if circle:
        angle = np.linspace(0, 2 * np.pi, 181)
        axes.plot(np.cos(angle), np.sin(angle), color=FAINT, linewidth=0.9, zorder=1)
        axes.axhline(0, color=FAINT, linewidth=0.6, zorder=0)
        axes.axvline(0, color=FAINT, linewidth=0.6, zorder=0)
    if hull:
        corners = _hull(vectors)
        axes.fill(*corners, facecolor=SKY, edgecolor="none", alpha=0.22, zorder=0.5)
    # In order of the features, so that the ignored ones lie visibly on the origin.
    for index, ((x, y), color) in enumerate(zip(vectors.T, colors, strict=True)):
        axes.plot([0, x], [0, y], color=color, linewidth=2.0, zorder=2)
        axes.plot(
            [x],
            [y],
            color=color,
            marker=shapes[index],
            markersize=7,
            markeredgecolor="white",
            markeredgewidth=0.7,
            linestyle="",
            zorder=3,
        )
        if labels:
            length = max(float(np.hypot(x, y)), 1e-6)
            push = 1 + 0.13 * limit / length
            axes.text(x * push, y * push, labels[index], ha="center", va="center")
    axes.set(xlim=(-limit, limit), ylim=(-limit, limit), xticks=[], yticks=[])
    axes.set_aspect("equal")
    axes.spines[:].set_visible(False)


def _room(titles: Sequence[str]) -> float:
    """Inches above a panel for its title, with air to the figure's."""
    return 0.3 + 0.25 * max((name.count("\n") for name in titles), default=0)


def _hull(vectors: np.ndarray) -> np.ndarray:
    """Corners of the convex hull of the columns and the origin, (2, corners)."""
    # Monotone chain instead of scipy's Qhull, which refuses points on one line.
    finite = vectors.T[np.isfinite(vectors).all(axis=0)].tolist()
    points = sorted({(0.0, 0.0), *map(tuple, finite)})
    chains = []
    for ordered in (points, points[::-1]):
        chain: list[tuple[float, float]] = []
        for point in ordered:
            while len(chain) > 1 and _turn(*chain[-2:], point) <= 0:
                chain.pop()
            chain.append(point)
        chains += chain[:-1]
    return np.array(chains or points).T


def _turn(a: tuple, b: tuple, c: tuple) -> float:
    """Positive where the path a, b, c turns to the left."""
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


def _limit(W: np.ndarray) -> float:
    """Half width that shows every finite vector, and the unit circle, with a rim."""
    lengths = np.linalg.norm(W, axis=1)
    lengths = lengths[np.isfinite(lengths)]
    return 1.18 * max(1.0, float(lengths.max()) if lengths.size else 1.0)


def _feature_look(
    n: int, importance: np.ndarray | None, groups: np.ndarray | None
) -> tuple[list, list[str], ScalarMappable | None]:
    """Colour and marker of each feature, and the scale of the colours if any."""
    if groups is not None:
        return (
            [CYCLE[group % len(CYCLE)] for group in groups],
            [MARKERS[group % len(MARKERS)] for group in groups],
            None,
        )
    if importance is None or np.ptp(importance) == 0:
        return [CYCLE[0]] * n, ["o"] * n, None
    mappable = ScalarMappable(value_norm(importance), dark_sequential())
    return list(mappable.to_rgba(importance)), ["o"] * n, mappable


def _keys(
    figure: Figure,
    axes: Sequence[Axes],
    mappable: ScalarMappable | None,
    label: str,
    groups: np.ndarray | None,
    group_names: Sequence[str],
) -> None:
    """The colour bar for importance, or the legend of the groups."""
    if mappable is not None:
        figure.colorbar(mappable, ax=axes, label=label, shrink=0.8, aspect=25, pad=0.02)
    if groups is not None and group_names:
        handles = [
            Line2D([], [], color=CYCLE[i % 7], marker=MARKERS[i % 7], label=name)
            for i, name in enumerate(group_names)
        ]
        figure.legend(handles=handles, loc="outside right center")
