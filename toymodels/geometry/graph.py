"""The interference graph: features as nodes, joined where they overlap.

Axes: `d` hidden dimensions, `n` features.
"""

import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Bool, Float
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components


def interference_graph(
    W: Float[ArrayLike, "d n"], *, threshold: float = 0.3, squared_norm: float = 0.5
) -> Bool[np.ndarray, "n n"]:
    """Which pairs of represented features have abs(Ŵ_i·Ŵ_j) > `threshold`.

    Cosines and not inner products, so that the edges of a shape do not depend on its
    size. The default is a convention of this package: a tetrahedron is held together by
    cosines of 1/3 and the other shapes of the paper by 1/2 and more, while different
    shapes in one trained model may overlap by 0.2. Simplices of five or more need less.

    Args:
        W: (d, n) weights.
        threshold: in [0, 1).
        squared_norm: a feature is represented if ‖W_i‖² is at least this.

    Returns:
        (n, n) symmetric, false on the diagonal and for features not represented.
    """
    columns = np.asarray(W, dtype=np.float64)
    norms = np.linalg.norm(columns, axis=0)
    represented = norms**2 >= squared_norm
    unit = columns / np.where(norms > 0, norms, 1.0)
    edges = np.abs(unit.T @ unit) > threshold
    edges &= represented[:, None] & represented[None, :]
    np.fill_diagonal(edges, False)
    return edges


def components(
    edges: Bool[np.ndarray, "n n"], nodes: Bool[np.ndarray, " n"]
) -> list[tuple[int, ...]]:
    """Connected components among `nodes`, sorted, in the order of their first node.

    Args:
        edges: (n, n) symmetric adjacency matrix.
        nodes: (n,) which nodes take part; one without edges is a component of its own.
    """
    chosen = np.flatnonzero(nodes)
    count, label = connected_components(csr_array(edges[np.ix_(chosen, chosen)]), False)
    return [tuple(int(i) for i in chosen[label == c]) for c in range(count)]
