"""Feature geometry graphs: features as nodes, interference as edges.

Each connected component is laid out on its own, so that distances on the page follow
distances in the graph, and the components are packed side by side, largest first. A
digon becomes a short line, a triangle a triangle, a pentagon five points.

References:
    Elhage et al., Toy Models of Superposition (2022), "the geometry of superposition".
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Num
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from scipy.sparse.csgraph import connected_components, shortest_path

from toymodels.plotting.palette import CYCLE


@dataclass(frozen=True)
class FeatureGraph:
    """A graph to draw below a scatter of feature dimensionalities.

    Attributes:
        adjacency: (n, n) symmetric weights of edges, 0 for none; n features of the
            model.
        title: above the graph.
        level: index of the level in the scatter that it belongs to, or None.
    """

    adjacency: Num[np.ndarray, "n n"]
    title: str = ""
    level: int | None = None


def draw_graph(
    axes: Axes,
    adjacency: Num[np.ndarray, "n n"],
    *,
    color: str = CYCLE[0],
    aspect: float | int = 1.0,
) -> None:
    """Nodes and edges on given axes, which become square and bare.

    Args:
        axes: where to draw.
        adjacency: symmetric weights, 0 for no edge; heavier edges are darker.
        color: of the nodes.
        aspect: width over height of the area to fill.
    """
    positions = graph_layout(adjacency, aspect=aspect)
    i, j = np.nonzero(np.triu(adjacency, 1))
    strength = adjacency[i, j] / max(float(np.max(adjacency)), 1e-12)
    edges = LineCollection(
        list(np.stack([positions[i], positions[j]], axis=1)),
        colors=[(0.25, 0.25, 0.25, 0.25 + 0.6 * float(s)) for s in strength],
        linewidths=0.9,
        zorder=1,
    )
    axes.add_collection(edges)
    size = float(np.clip(900.0 / len(positions), 5.0, 30.0))
    axes.scatter(*positions.T, s=size, color=color, zorder=2, linewidths=0)
    axes.set(xticks=[], yticks=[])
    axes.margins(x=0.14, y=0.06)
    axes.set_aspect("equal")
    axes.spines[:].set_visible(False)


def graph_layout(
    adjacency: Num[np.ndarray, "n n"], *, aspect: float | int = 1.0
) -> Float[np.ndarray, "n 2"]:
    """Positions of the nodes: components laid out by stress, packed in rows."""
    linked = adjacency != 0
    _, component = connected_components(linked, directed=False)
    members = [np.flatnonzero(component == c) for c in np.unique(component)]
    members.sort(key=lambda nodes: (-len(nodes), nodes[0]))
    pieces = [_component_layout(linked[np.ix_(nodes, nodes)]) for nodes in members]
    sizes = [np.ptp(piece, axis=0) + 0.9 for piece in pieces]
    row_width = np.sqrt(aspect * sum(float(w * h) for w, h in sizes)) * 1.05
    row_width = max(row_width, max(float(w) for w, _ in sizes))
    positions = np.zeros((len(adjacency), 2))
    x = y = tallest = 0.0
    for nodes, piece, (width, height) in zip(members, pieces, sizes, strict=True):
        if x > 0 and x + width > row_width:
            x, y, tallest = 0.0, y - tallest, 0.0
        corner = np.array([x + 0.45, y - 0.45])
        positions[nodes] = corner + piece - [piece[:, 0].min(), piece[:, 1].max()]
        x, tallest = x + width, max(tallest, float(height))
    return positions


def _component_layout(linked: np.ndarray) -> np.ndarray:
    """(n, 2) positions whose distances follow path lengths, by stress majorisation."""
    n = len(linked)
    if n == 1:
        return np.zeros((1, 2))
    if n == 2:
        return np.array([[0.0, 0.0], [0.0, 1.0]])
    distance = shortest_path(linked, unweighted=True, directed=False)
    weight = 1.0 / np.where(distance > 0, distance, 1.0) ** 2
    np.fill_diagonal(weight, 0.0)
    laplacian = np.diag(weight.sum(axis=1)) - weight
    inverse = np.linalg.pinv(laplacian)
    # A circle, tilted so that nothing starts symmetric about both axes of the page.
    angle = 2 * np.pi * np.arange(n) / n + np.pi / 2
    points = 0.5 * np.sqrt(n) * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    for _ in range(60):
        gap = points[:, None] - points[None]
        length = np.sqrt((gap**2).sum(axis=-1))
        ratio = np.where(length > 1e-9, weight * distance / (length + 1e-12), 0.0)
        points = inverse @ ((np.diag(ratio.sum(axis=1)) - ratio) @ points)
    return points
