"""Matching a Gram matrix to an ideal one, whatever the order of the vertices.

The best order is a quadratic assignment problem, hard in general. The components met
here have a dozen vertices at most, and those that matter are close to the ideal, where
two vertices fix the places of all others. So: many starts, each from a guess of where
two vertices go, each improved by swaps. Tests compare it with all permutations.

Axes: `k` vertices.
"""

import numpy as np
from jaxtyping import Float, Int
from scipy.optimize import linear_sum_assignment

# Above this size only the order around the plane is tried, which is exact for polygons
# and costs a sort; the starts grow as k² and the swaps of each as k⁴.
LARGEST_SEARCHED = 12


def gram_distance(
    gram: Float[np.ndarray, "k k"], ideal: Float[np.ndarray, "k k"]
) -> tuple[float, Int[np.ndarray, " k"]]:
    """Relative distance min over π and s ≥ 0 of ‖G − s·P[π, π]‖_F / ‖G‖_F.

    Gram matrices do not see rotations, π takes out the order of the vertices and s the
    common size, so the result depends on the shape alone.

    Args:
        gram: (k, k) Gram matrix G of a set of vectors, not zero.
        ideal: (k, k) Gram matrix P of the ideal shape.

    Returns:
        The distance, in [0, 1], and the order π: vector i is vertex π_i of the ideal.
    """
    best, best_score = np.arange(len(gram)), -np.inf
    for start in _starts(gram, ideal):
        order, score = _improve(gram, ideal, start)
        if score > best_score:
            best, best_score = order, score
    placed = ideal[np.ix_(best, best)]
    scale = max(best_score, 0.0) / np.sum(ideal**2)
    return float(np.linalg.norm(gram - scale * placed) / np.linalg.norm(gram)), best


def _starts(gram: np.ndarray, ideal: np.ndarray) -> list[np.ndarray]:
    """Orders to start from."""
    k = len(gram)
    beside = ideal[~np.eye(k, dtype=bool)]
    if np.ptp(beside) < 1e-9:  # a simplex: every order is the same
        return [np.arange(k)]
    starts = [_around_the_plane(gram, ideal)]
    if k <= LARGEST_SEARCHED:
        mean_gram = gram * (k / np.trace(gram))
        pairs = [(a, b) for a in range(k) for b in range(k) if a != b]
        starts += [_from_two(mean_gram, ideal, a, b) for a, b in pairs]
    return starts


def _around_the_plane(gram: np.ndarray, ideal: np.ndarray) -> np.ndarray:
    """Match the cyclic orders that the two sets have in their leading planes."""
    ranks = []
    for matrix in (gram, ideal):
        first, second = np.linalg.eigh(matrix)[1][:, -2:].T
        ranks.append(np.argsort(np.arctan2(first, second)))
    order = np.empty(len(gram), dtype=int)
    order[ranks[0]] = ranks[1]
    return order


def _from_two(gram: np.ndarray, ideal: np.ndarray, a: int, b: int) -> np.ndarray:
    """Put a at vertex 0, b at vertex 1, and the others by their overlap with both."""
    cost = (gram[:, None, a] - ideal[None, :, 0]) ** 2
    cost += (gram[:, None, b] - ideal[None, :, 1]) ** 2
    return linear_sum_assignment(cost)[1]


def _improve(
    gram: np.ndarray, ideal: np.ndarray, order: np.ndarray
) -> tuple[np.ndarray, float]:
    """Swap the best two vertices while that raises the score Σ_ij G_ij P[π_i, π_j]."""
    score = float(np.sum(gram * ideal[np.ix_(order, order)]))
    k = len(order)
    if k > LARGEST_SEARCHED:
        return order, score
    first, second = np.triu_indices(k, 1)
    which = np.arange(len(first))
    while True:
        trials = np.tile(order, (len(first), 1))
        trials[which, first], trials[which, second] = order[second], order[first]
        scores = np.sum(gram * ideal[trials[:, :, None], trials[:, None, :]], (1, 2))
        top = int(np.argmax(scores))
        if scores[top] <= score + 1e-12 * abs(score):
            return order, score
        order, score = trials[top], float(scores[top])
