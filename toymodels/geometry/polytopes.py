"""Exact polytopes: the arrangements that features settle into, as ideal weights.

Each function returns a (d, n) NumPy array in float64 whose columns are the unit vectors
to the vertices. All are tight: Σ_j v_j v_jᵀ is a multiple of the identity, so every
vertex has D_i = d/n, and Σ_i D_i = d.

A *tegum product* sets several polytopes in orthogonal subspaces around a common centre.
A vertex keeps the D_i that it has in its factor, so the products are not tight in
general and mix fractions: the triangular bipyramid has three vertices with 2/3 and two
with 1/2. (Elhage et al. 2022, "The Geometry of Superposition".)

Axes: `d` hidden dimensions, `n` vertices.
"""

import math

import numpy as np
from jaxtyping import Float
from scipy.linalg import block_diag


def simplex(vertices: int) -> Float[np.ndarray, "d n"]:
    """Regular simplex with n ≥ 2 vertices in n − 1 dimensions, cosines −1/(n − 1)."""
    if vertices < 2:
        raise ValueError(f"vertices: got {vertices}, expected ≥ 2; try simplex(4)")
    # The differences e_1 + … + e_k − k·e_{k+1} (Helmert) are an orthogonal basis of the
    # space orthogonal to (1, …, 1); their rows, normalised, hold the coordinates.
    rows = np.zeros((vertices - 1, vertices))
    for k in range(1, vertices):
        rows[k - 1, :k] = 1.0
        rows[k - 1, k] = -k
        rows[k - 1] /= math.sqrt(k * (k + 1))
    return rows * math.sqrt(vertices / (vertices - 1))


def regular_polygon(vertices: int) -> Float[np.ndarray, "2 n"]:
    """Regular polygon with n ≥ 3 vertices in the plane, in cyclic order; D_i = 2/n."""
    if vertices < 3:
        raise ValueError(
            f"vertices: got {vertices}, expected ≥ 3; try digon() for a pair"
        )
    angle = 2 * np.pi * np.arange(vertices) / vertices
    return np.stack([np.cos(angle), np.sin(angle)])


def digon() -> Float[np.ndarray, "1 2"]:
    """Antipodal pair on a line; D_i = 1/2."""
    return np.array([[1.0, -1.0]])


def triangle() -> Float[np.ndarray, "2 3"]:
    """Regular triangle in the plane; D_i = 2/3."""
    return regular_polygon(3)


def tetrahedron() -> Float[np.ndarray, "3 4"]:
    """Regular tetrahedron, alternate corners of a cube; D_i = 3/4."""
    corners = [[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]
    return np.array(corners, dtype=np.float64).T / math.sqrt(3)


def pentagon() -> Float[np.ndarray, "2 5"]:
    """Regular pentagon in the plane; D_i = 2/5."""
    return regular_polygon(5)


def square_antiprism() -> Float[np.ndarray, "3 8"]:
    """Two squares twisted by 45°, at heights ±1/√3 with radius √(2/3); D_i = 3/8.

    With this height it is tight. It is neither the uniform antiprism nor the solution
    of Thomson's problem for eight charges, whose squares are a little closer together.
    """
    turn = np.pi / 2 * np.arange(4)
    angle = np.concatenate([turn, turn + np.pi / 4])
    height = np.repeat([1.0, -1.0], 4) / math.sqrt(3)
    radius = math.sqrt(2 / 3)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle), height])


def tegum_product(*factors: Float[np.ndarray, "_ _"]) -> Float[np.ndarray, "d n"]:
    """The factors in orthogonal subspaces: block-diagonal weights.

    Args:
        factors: (d_k, n_k) arrays, at least one.

    Returns:
        (Σ d_k, Σ n_k).
    """
    if not factors:
        raise ValueError(
            "factors: got none, expected at least one (d, n) array; try digon()"
        )
    return block_diag(*factors)


def octahedron() -> Float[np.ndarray, "3 6"]:
    """Three orthogonal digons; D_i = 1/2."""
    return tegum_product(digon(), digon(), digon())


def triangular_bipyramid() -> Float[np.ndarray, "3 5"]:
    """Triangle and digon; D_i = 2/3 three times, then 1/2 twice."""
    return tegum_product(triangle(), digon())


def pentagonal_bipyramid() -> Float[np.ndarray, "3 7"]:
    """Pentagon and digon; D_i = 2/5 five times, then 1/2 twice."""
    return tegum_product(pentagon(), digon())
