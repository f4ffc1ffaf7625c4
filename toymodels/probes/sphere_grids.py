"""Grids of directions in two and three dimensions, and local maxima on them.

Axis letters: d dimensions, `points` unit vectors, `neighbours` of a point, `bases`.
"""

import dataclasses

import numpy as np
from jaxtyping import Array, Bool, Float, Int

from toymodels.config import check_count

# Finer grids would hold a million points and more.
MOST_LEVELS = 8
# A float32 response differs by about this share between equal points.
ROUNDING = 2e-6


@dataclasses.dataclass(frozen=True)
class SphereGrid:
    """Points all over a sphere, and who is next to whom.

    Attributes:
        directions: (d, points) unit vectors.
        neighbours: (points, neighbours) their places; one may be named twice.
    """

    directions: Float[np.ndarray, "d points"]
    neighbours: Int[np.ndarray, "points neighbours"]


def circle(points: int = 720) -> SphereGrid:
    """Evenly spaced directions of the plane, from angle 0 on."""
    check_count("points", points, minimum=3)
    angle = 2 * np.pi * np.arange(points) / points
    place = np.arange(points)
    return SphereGrid(
        np.stack([np.cos(angle), np.sin(angle)]),
        np.stack([(place - 1) % points, (place + 1) % points], axis=1),
    )


def icosphere(levels: int = 5) -> SphereGrid:
    """The icosahedron, each face cut into four `levels` times: 10·4^levels + 2 points.

    Not a Fibonacci spiral, whose neighbours would have to be searched for. Five levels
    give 10,242 points at about 2 degrees.
    """
    check_count("levels", levels, minimum=0, maximum=MOST_LEVELS)
    points, faces = _icosahedron()
    for _ in range(levels):
        points, faces = _divided(points, faces)
    pairs = np.concatenate([faces[:, [a, b]] for a, b in ((0, 1), (1, 2), (2, 0))])
    # Each edge is in two faces, once in each direction.
    order = np.argsort(pairs[:, 0], kind="stable")
    first, second = pairs[order].T
    begins = np.searchsorted(first, np.arange(len(points)))
    # Twelve corners have five neighbours, all others six: theirs are padded by one.
    column = np.minimum(np.arange(6), np.bincount(first)[:, None] - 1)
    return SphereGrid(points.T, second[begins[:, None] + column])


def sphere_grid(d: int, *, points: int = 720, levels: int = 5) -> SphereGrid:
    """The circle for d = 2, the icosphere for d = 3.

    Raises:
        SettingsError: no grid covers a sphere of another dimension; use `ascend`.
    """
    check_count("d", d, minimum=2, maximum=3)
    return circle(points) if d == 2 else icosphere(levels)


def local_maxima(
    values: Float[Array | np.ndarray, "*bases points"], grid: SphereGrid
) -> Bool[np.ndarray, "*bases points"]:
    """Which points are above all their neighbours by more than rounding.

    Args:
        values: response at every point of the grid, ≥ 0.
        grid: the points.
    """
    values = np.asarray(values)
    around = values[..., grid.neighbours].max(axis=-1)
    return values > around + ROUNDING * values.max(axis=-1, keepdims=True)


def _icosahedron() -> tuple[np.ndarray, np.ndarray]:
    """Twelve unit points, and twenty faces that turn the same way."""
    long = (1 + 5**0.5) / 2
    pairs = [(a, b * long) for a in (-1, 1) for b in (-1, 1)]
    points = np.array(
        [(0, a, b) for a, b in pairs]
        + [(a, b, 0) for a, b in pairs]
        + [(b, 0, a) for a, b in pairs]
    )
    # Corners are joined where they are nearest, at distance 2.
    near = np.abs(np.linalg.norm(points[:, None] - points[None], axis=-1) - 2) < 1e-9
    triples = np.argwhere(near[:, :, None] & near[None] & near[:, None, :])
    turn = np.linalg.det(points[triples])
    faces = triples[(triples[:, 0] == triples.min(axis=1)) & (turn > 0)]
    return points / np.linalg.norm(points[0]), faces


def _divided(points: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Every face as four, with the middles of its edges on the sphere."""
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    unique, place = np.unique(np.sort(edges, axis=1), axis=0, return_inverse=True)
    middle = points[unique].sum(axis=1)
    middle /= np.linalg.norm(middle, axis=1, keepdims=True)
    ab, bc, ca = len(points) + place.reshape(3, -1)
    a, b, c = faces.T
    cut = np.concatenate(
        [
            np.stack(corners, axis=1)
            for corners in ((a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca))
        ]
    )
    return np.concatenate([points, middle]), cut
