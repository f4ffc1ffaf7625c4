"""Names of the polytopes in a trained W.

The represented features are the nodes of the interference graph. Each of its connected
components is compared with the exact polytopes that have as many vertices, and takes
the name of the nearest if that is near enough.

Orthogonal factors of a tegum product do not interfere, so they are separate
components: an octahedron shows up as three digons, a triangular bipyramid as a triangle
and a digon. `tegum_name` puts them together again. Where factors are not quite
orthogonal the graph joins them; then the product itself ("octahedron") is the nearest
polytope.

Axes: `d` hidden dimensions, `n` features.
"""

import dataclasses
from collections import Counter
from collections.abc import Iterable

import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Float

from toymodels.geometry import polytopes
from toymodels.geometry.graph import components, interference_graph
from toymodels.geometry.matching import gram_distance

# Polytopes that are products, and the factors they stand for.
FACTORS = {
    "square": ("digon", "digon"),
    "octahedron": ("digon", "digon", "digon"),
    "triangular bipyramid": ("triangle", "digon"),
    "pentagonal bipyramid": ("pentagon", "digon"),
}

_POLYGONS = {4: "square", 5: "pentagon", 6: "hexagon", 7: "heptagon", 8: "octagon"}


@dataclasses.dataclass(frozen=True)
class Shape:
    """One connected component of the interference graph.

    Attributes:
        name: "single" (a feature that overlaps with no other), the polytope's name, or
            "unmatched".
        members: the features, in increasing order.
        distance: relative Frobenius distance of its Gram matrix to the nearest ideal
            one, in [0, 1], also when unmatched; 0 for a single feature.
        dimensionality: mean D_i of the members, measured in the whole W.
    """

    name: str
    members: tuple[int, ...]
    distance: float
    dimensionality: float


def ideals(vertices: int) -> dict[str, Float[np.ndarray, "_ n"]]:
    """The named polytopes with so many vertices (≥ 2): name to (d, n) unit vectors."""
    if vertices == 2:
        return {"digon": polytopes.digon()}
    if vertices == 3:
        return {"triangle": polytopes.triangle()}
    polygon = _POLYGONS.get(vertices, f"{vertices}-gon")
    named = {polygon: polytopes.regular_polygon(vertices)}
    if vertices == 4:
        named["tetrahedron"] = polytopes.tetrahedron()
    elif vertices == 5:
        named["triangular bipyramid"] = polytopes.triangular_bipyramid()
    elif vertices == 6:
        named["octahedron"] = polytopes.octahedron()
    elif vertices == 7:
        named["pentagonal bipyramid"] = polytopes.pentagonal_bipyramid()
    elif vertices == 8:
        named["square antiprism"] = polytopes.square_antiprism()
    if vertices > 4:
        named[f"{vertices - 1}-simplex"] = polytopes.simplex(vertices)
    return named


def find_shapes(
    W: Float[ArrayLike, "d n"],
    *,
    threshold: float = 0.3,
    tolerance: float = 0.1,
    squared_norm: float = 0.5,
) -> list[Shape]:
    """The polytopes in one W, in the order of their first feature.

    The result does not change when the hidden space is rotated; when features are
    permuted only the members do.

    Args:
        W: (d, n) weights.
        threshold: features interfere if abs(Ŵ_i·Ŵ_j) exceeds this.
        tolerance: largest distance to an ideal that still gives its name. At 0.1 a pair
            may be 35° short of antipodal, or one column of it 15 % longer than the
            other; different polytopes of one size are at least 0.5 apart.
        squared_norm: a feature is represented if ‖W_i‖² is at least this.

    Returns:
        One `Shape` for each component; features not represented are in none.
    """
    columns = np.asarray(W, dtype=np.float64)
    gram = columns.T @ columns
    squared = np.diag(gram)
    total = np.sum(gram**2, axis=1)
    # D_i in float64 on the host; `feature_dimensionality` would round to float32 here.
    dimensionality = squared**2 / np.where(total > 0, total, 1.0)
    edges = interference_graph(W, threshold=threshold, squared_norm=squared_norm)
    shapes = []
    for members in components(edges, squared >= squared_norm):
        name, distance = _nearest(gram[np.ix_(members, members)], tolerance)
        mean = float(dimensionality[list(members)].mean())
        shapes.append(Shape(name, members, distance, mean))
    return shapes


def tegum_name(shapes: Iterable[Shape]) -> str:
    """The tegum product that components form together, such as "triangle ⊕ digon".

    Counts stand before a repeated factor ("3 × digon" for an octahedron), factors with
    many vertices come first, and a component named for a product is taken apart. The
    name of no shapes at all is "empty".
    """
    count: Counter[str] = Counter()
    size = {"digon": 2, "triangle": 3, "pentagon": 5}
    for shape in shapes:
        count.update(FACTORS.get(shape.name, (shape.name,)))
        size.setdefault(shape.name, len(shape.members))
    names = sorted(count, key=lambda name: (-size[name], name))
    terms = [name if count[name] == 1 else f"{count[name]} × {name}" for name in names]
    return " ⊕ ".join(terms) or "empty"


def _nearest(gram: np.ndarray, tolerance: float) -> tuple[str, float]:
    """Name and distance for one component's Gram matrix."""
    if len(gram) == 1:
        return "single", 0.0
    distances = {
        name: gram_distance(gram, ideal.T @ ideal)[0]
        for name, ideal in ideals(len(gram)).items()
    }
    name = min(distances, key=distances.__getitem__)
    return (name if distances[name] <= tolerance else "unmatched"), distances[name]
