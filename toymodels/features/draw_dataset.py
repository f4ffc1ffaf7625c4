"""Draws finite datasets without a dense array of all points.

Entries that are on are found one after the other: the gap to the next one is geometric
with the largest probability p_max, and a candidate is kept with probability
p_i / p_max, which makes every entry a gate of its own, exactly. A point that may not be
empty is drawn given that, as in `unit_norm`: its first active feature, and independent
gates after it.

Axis letters: `n` features, `points` T data points, `entries` that are on.
"""

from typing import Any

import jax
import numpy as np
from jaxtyping import Float64, Int64

from toymodels.config import SettingsError, check_count
from toymodels.features.base import FeatureDistribution, exact
from toymodels.features.finite_dataset import FiniteDataset, padded_rows
from toymodels.features.independent import IndependentFeatures
from toymodels.features.unit_norm import UnitNorm

# Entries that are drawn at a time, 8 bytes each with some copies.
PIECE = 2**22

Entries = tuple[Int64[np.ndarray, " entries"], Int64[np.ndarray, " entries"]]


def sample_dataset(
    features: FeatureDistribution, *, points: int, seed: int, **settings: Any
) -> FiniteDataset:
    """T independent draws, kept as a finite dataset.

    Args:
        features: what to draw from, a single distribution. Memory and time grow with
            the active features for `IndependentFeatures` and `UnitNorm` (S0.2: no point
            is empty), with n · T in pieces for every other.
        points: T ≥ 1.
        seed: of the draws, ≥ 0.
        **settings: `counts` and `order` of the dataset.

    Raises:
        SettingsError: the features have several members (`stack_datasets` makes an
            ensemble of several datasets), or a value is outside its range.
    """
    check_count("points", points)
    check_count("seed", seed, minimum=0)
    if features.members is not None:
        raise SettingsError(
            "features", f"{features.members} members", "one distribution", "member(0)"
        )
    base = features.base if isinstance(features, UnitNorm) else features
    if isinstance(base, IndependentFeatures):
        rng = np.random.default_rng(seed)
        unit = isinstance(features, UnitNorm)
        point, feature = _gates(rng, exact(base.probability), points, unit)
        value = _values(rng, base.values, len(point))
        if unit:
            square = np.bincount(point, weights=value**2, minlength=points)
            value = value / np.sqrt(square)[point]
    else:
        point, feature, value = _dense_draws(features, points, seed)
    index, padded = padded_rows(points, point, feature, value)
    return FiniteDataset(n=features.n, index=index, value=padded, **settings)


def _gates(
    rng: np.random.Generator,
    probability: Float64[np.ndarray, " n"],
    points: int,
    not_empty: bool,
) -> Entries:
    """Point and feature of every entry that is on, in order."""
    n = len(probability)
    rows = max(1, int(PIECE / (n * probability.max())))
    pieces = []
    for start in range(0, points, rows):
        size = min(rows, points - start)
        point, feature = divmod(_cells(rng, size * n, probability), n)
        if not_empty:
            first = _first_active(rng, probability, size)
            after = feature > first[point]
            point = np.concatenate([np.arange(size), point[after]])
            feature = np.concatenate([first, feature[after]])
            order = np.lexsort((feature, point))
            point, feature = point[order], feature[order]
        pieces.append((point + start, feature))
    point, feature = (np.concatenate(part) for part in zip(*pieces, strict=True))
    return point, feature


def _cells(
    rng: np.random.Generator, cells: int, probability: Float64[np.ndarray, " n"]
) -> Int64[np.ndarray, " entries"]:
    """Those of `cells` places that are on, place j with probability[j mod n]."""
    most = probability.max()
    expected = cells * most
    size = int(expected + 6 * np.sqrt(expected)) + 10
    last, found = -1, []
    while last < cells:
        # A gap beyond the end is as good as the longest, and cannot overflow the sum.
        gaps = np.minimum(rng.geometric(most, size), cells + 1)
        found.append(last + np.cumsum(gaps))
        last = found[-1][-1]
    place = np.concatenate(found)
    place = place[place < cells]
    kept = rng.random(len(place)) * most < probability[place % len(probability)]
    return place[kept]


def _first_active(
    rng: np.random.Generator, probability: Float64[np.ndarray, " n"], points: int
) -> Int64[np.ndarray, " points"]:
    """The first active feature of points that are not empty."""
    with np.errstate(divide="ignore"):
        reach = -np.expm1(np.cumsum(np.log1p(-probability)))
    first = np.searchsorted(reach, rng.random(points) * reach[-1], side="right")
    return np.minimum(first, len(probability) - 1)


def _values(
    rng: np.random.Generator, values: str, entries: int
) -> Float64[np.ndarray, " entries"]:
    """Values of active features, never 0."""
    if values == "boolean":
        return np.ones(entries)
    size = 1 - rng.random(entries)
    return rng.choice([-1.0, 1.0], entries) * size if values == "signed" else size


def _dense_draws(
    features: FeatureDistribution, points: int, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Point, feature and value of every entry that is not 0, drawn piece by piece."""
    columns = min(points, max(1, PIECE // features.n))
    draw = jax.jit(lambda key: features.sample(key, columns))
    parts = []
    for piece, start in enumerate(range(0, points, columns)):
        x = np.asarray(draw(jax.random.fold_in(jax.random.key(seed), piece)))
        x = x[:, : points - start].T
        point, feature = np.nonzero(x)
        parts.append((point + start, feature, x[point, feature]))
    point, feature, value = (np.concatenate(part) for part in zip(*parts, strict=True))
    return point, feature, value
