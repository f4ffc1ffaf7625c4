"""Features that come in correlated sets, and which features go together by chance.

The experiments of Elhage et al. 2022, "Organization of features into (anti-)correlated
sets", ask where a model puts the features of one set. Features s·k … s·k + s − 1 are
set k throughout. A control without sets has no reason to prefer one division of its
features into sets to another, so it is measured under all of them, or many.

Axis letters: n = sets · size features, d hidden dimensions.
"""

import itertools
from collections.abc import Callable, Iterator

import numpy as np
from jaxtyping import Float, Int

import toymodels as tm

SOURCE = "Elhage et al. 2022, Organization of features into (anti-)correlated sets"


def correlated_sets(
    sets: int, size: int, probability: float | Float[np.ndarray, " members"]
) -> tm.Concatenated:
    """So many independent sets; all features of a set are on together or off."""
    group = tm.CorrelatedGroup(n=size, probability=probability)
    return tm.Concatenated(parts=(group,) * sets)


def set_of(sets: int, size: int) -> Int[np.ndarray, " n"]:
    """The set of each feature."""
    return np.repeat(np.arange(sets), size)


def covariance(sets: int, size: int, probability: float) -> Float[np.ndarray, "n n"]:
    """Of correlated sets: Var x = p/3 − p²/4, and p/4 − p²/4 for two of one set."""
    same = np.equal.outer(*[set_of(sets, size)] * 2)
    p = probability
    within = np.where(np.eye(sets * size, dtype=bool), p / 3, p / 4) - p**2 / 4
    return np.where(same, within, 0.0)


def assignments(sets: int, size: int) -> Int[np.ndarray, "ways n"]:
    """Every division of the features into sets, as an order of the features.

    The first is the order as it is. There are 3 ways to make two pairs of four
    features, 15 to make three pairs of six, and 10 to make two triples of six.
    """
    return np.array([sum(way, ()) for way in _divisions(range(sets * size), size)])


def _divisions(features: range | tuple, size: int) -> Iterator[tuple[tuple, ...]]:
    if not features:
        yield ()
        return
    first, *rest = features
    for others in itertools.combinations(rest, size - 1):
        left = tuple(f for f in rest if f not in others)
        for further in _divisions(left, size):
            yield ((first, *others), *further)


def over_assignments(
    measure: Callable[[np.ndarray], float | bool],
    W: Float[np.ndarray, "d n"],
    orders: Int[np.ndarray, "ways n"],
) -> float:
    """The mean of a measure of W over divisions of its features into sets."""
    return float(np.mean([measure(W[:, order]) for order in orders]))
