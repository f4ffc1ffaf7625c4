"""Ensembles over T whose loss or dimensionality is one curve: DD-5, 6, 9, 10 to 12.

Two neighbouring T are trained together, the smaller sets filled up with points that
have no copies, so that fewer compiled programs serve all of them.

Axis letters: `decays` weight decays, `sets` data sets, `levels` of T.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

import toymodels as tm
from experiments.finite_models import FiniteModels
from toymodels.config import settings

# Of two T that are trained together, the larger is less than so many times the smaller,
# which is filled up to it.
SPREAD = 4


@settings
class PointGrid(FiniteModels):
    """Settings of a curve over T.

    Args:
        points: T, rising.
        sets: data sets of each T; one sample of a claim each.
    """

    n: int = 200
    sparsity: float = 0.95
    steps: int = 5_000
    points: tuple[int, ...] = (10, 20, 40, 80, 160, 320, 640)
    sets: int = 5

    def note(self, **others: Any) -> str:
        """Caption of a figure over T."""
        return self.caption(**{"data sets": f"{self.sets} of each T", **others})


def over_points(
    settings: PointGrid,
    train: Callable[[tm.TrainSpec], tm.Run],
    *measures: Callable[[tm.Run], Float[np.ndarray, " runs"]],
    decays: Sequence[float] | None = None,
) -> list[Float[np.ndarray, "decays sets levels"]]:
    """Train at every T, with every weight decay, and measure the best restarts.

    Args:
        settings: n, S, d, T and data sets.
        train: trains a spec.
        *measures: a number for each run of an ensemble.
        decays: weight decays; that of the settings alone when None.

    Returns:
        One array for each measure.
    """
    decays = (settings.weight_decay,) if decays is None else decays
    found: list[list[np.ndarray]] = [[] for _ in measures]
    for group in grouped(settings.points):
        data = [
            settings.dataset(T, k)
            for T in group
            for k in range(settings.sets)
            for _ in decays
        ]
        run = train(
            settings.spec(
                tm.stack_datasets(data),
                weight_decay=np.tile(decays, len(data) // len(decays)),
            )
        )
        best = run.best_indices()
        shape = (len(group), settings.sets, len(decays))
        for values, measure in zip(found, measures, strict=True):
            values.append(measure(run)[best].reshape(shape))
    return [np.concatenate(values).transpose(2, 1, 0) for values in found]


def grouped(points: Sequence[int]) -> list[tuple[int, ...]]:
    """Rising numbers in pairs, from the largest down; far neighbours stay alone."""
    groups: list[tuple[int, ...]] = []
    for T in sorted(points, reverse=True):
        # To fill up a third would take longer than to compile a program for it.
        if groups and len(groups[-1]) == 1 and T * SPREAD > groups[-1][0]:
            groups[-1] = (T, *groups[-1])
        else:
            groups.append((T,))
    return groups[::-1]


def bump_height(values: Float[np.ndarray, "sets levels"]) -> Float[np.ndarray, " sets"]:
    """The largest value between the ends over the larger of the ends."""
    return values[:, 1:-1].max(axis=1) / values[:, [0, -1]].max(axis=1)


def half_rise(
    x: Float[np.ndarray, " levels"], y: Float[np.ndarray, "sets levels"]
) -> Float[np.ndarray, " sets"]:
    """The ln x from which on a curve is above the middle of its range, interpolated.

    With few points some features are long by chance, so the first crossing is not it.

    Returns:
        (sets,) NaN for a curve that is not finite, that ends below its middle or is
        never below it.
    """
    at = np.log(x)
    found = np.full(len(y), np.nan)
    for row, middle in enumerate((y.min(axis=1) + y.max(axis=1)) / 2):
        below = np.flatnonzero(y[row] < middle)
        if not below.size or below[-1] == len(x) - 1:
            continue
        ends = [below[-1], below[-1] + 1]
        found[row] = np.interp(middle, y[row, ends], at[ends])
    return found
