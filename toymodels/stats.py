"""Intervals over seeds, and the few tests that claims are judged with.

The bootstrap here is the percentile bootstrap with Hesterberg's correction for few
seeds. The plain one is too narrow there: for the mean of 5 normal values its nominal
95 % cover 83 % (measured), the corrected one's 91 %.

Axis letters: `seeds` independent repetitions, `points` of a curve, `ends` of an
interval.

References:
    Hesterberg 2015, *What Teachers Should Know about the Bootstrap*, section 3.3
    ("expanded percentile interval").
"""

import functools
import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import scipy.stats
from jaxtyping import Float, Num, Shaped

# One value a seed: numbers or booleans.
Samples = Shaped[np.ndarray, " seeds"] | Sequence[Any]
# Of two kinds, of which there may be different numbers.
OtherSamples = Shaped[np.ndarray, " others"] | Sequence[Any]

# Below this many distinct resamples all of them are listed, above they are drawn.
_ENUMERATED = 10_000


def bootstrap_interval(
    samples: Samples,
    statistic: Callable[..., Any] = np.median,
    *,
    level: float = 0.95,
    resamples: int = 10_000,
    seed: int = 0,
) -> tuple[float, float]:
    """Bootstrap interval of a statistic over seeds.

    With up to 8 seeds every resample is listed, so nothing is random. With 3 to 5 seeds
    the interval is the whole range of the samples, whose coverage of a median is
    1 − 2^(1−seeds): 75 %, 88 % and 94 %.

    Args:
        samples: (seeds,) finite values, one or more; one gives an interval of width 0.
        statistic: takes an array and `axis`.
        level: nominal coverage in (0, 1).
        resamples: number drawn where there are too many to list.
        seed: of the draws.

    Returns:
        Lower and upper end.

    Raises:
        ValueError: no samples, or one that is not finite.
    """
    values = _finite(samples)
    indices, weights = _resamples(len(values), resamples, seed)
    draws = np.asarray(statistic(values[indices], axis=-1), float)
    return _percentiles(draws, weights, _tail(len(values), level))


def bootstrap_band(
    samples: Shaped[np.ndarray, "seeds points"],
    statistic: Callable[..., Any] = np.median,
    *,
    level: float = 0.95,
    resamples: int = 10_000,
    seed: int = 0,
) -> Float[np.ndarray, "ends points"]:
    """`bootstrap_interval` at every point of a curve.

    Args:
        samples: (seeds, points).
        statistic: takes an array and `axis`.
        level: nominal coverage at each point, not of the whole curve.
        resamples: number drawn where there are too many to list.
        seed: of the draws.

    Returns:
        Lower and upper curve, (2, points); NaN where a sample is not finite.
    """
    band = np.full((2, samples.shape[1]), np.nan)
    for point, column in enumerate(np.asarray(samples, float).T):
        if np.isfinite(column).all():
            band[:, point] = bootstrap_interval(
                column, statistic, level=level, resamples=resamples, seed=seed
            )
    return band


def mann_whitney(greater: Samples, smaller: OtherSamples) -> tuple[float, float]:
    """Do values of the first kind exceed those of the second?

    Returns:
        The effect size P(greater > smaller) + P(equal)/2 in [0, 1], 0.5 for no effect;
        and the one-sided p-value.
    """
    first, second = _finite(greater), _finite(smaller)
    statistic, p = scipy.stats.mannwhitneyu(first, second, alternative="greater")
    return float(statistic) / (len(first) * len(second)), float(p)


def spearman(x: Samples, y: Samples) -> tuple[float, float]:
    """Rank correlation in [−1, 1] and its two-sided p-value.

    Raises:
        ValueError: fewer than 3 pairs, or one of the two does not vary.
    """
    first, second = _finite(x), _finite(y)
    if len(first) < 3 or np.ptp(first) == 0 or np.ptp(second) == 0:
        raise ValueError(
            f"spearman: got {len(first)} pairs, expected 3 or more in which both vary"
        )
    correlation, p = scipy.stats.spearmanr(first, second)
    return float(correlation), float(p)


def rank_correlation(x: Samples, y: Samples) -> float:
    """Rank correlation in [−1, 1] as a number in every case, to be judged.

    Returns:
        0 where one of the two does not vary: it says nothing about the other. NaN where
        a value is not finite, so that a diverged run does not count as "no relation".
    """
    first, second = np.asarray(x, float), np.asarray(y, float)
    if not (np.isfinite(first).all() and np.isfinite(second).all()):
        return np.nan
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return 0.0
    return spearman(first, second)[0]


def benjamini_hochberg(p: Samples) -> Float[np.ndarray, " tests"]:
    """Adjusted p-values: calling those ≤ q significant keeps false discoveries at q.

    Args:
        p: (tests,) p-values of independent tests, in [0, 1].
    """
    return np.asarray(scipy.stats.false_discovery_control(_finite(p), method="bh"))


def finite_median(
    values: Num[np.ndarray, "..."], axis: int = -1
) -> Float[np.ndarray, "..."]:
    """Median over the finite values of an axis; NaN where there is none."""
    values = np.moveaxis(np.asarray(values, float), axis, -1)
    # NaN comes last when sorted.
    ordered = np.sort(np.where(np.isfinite(values), values, np.nan), axis=-1)
    count = np.isfinite(ordered).sum(axis=-1, keepdims=True)
    low, high = (
        np.take_along_axis(ordered, place, axis=-1)[..., 0]
        for place in (np.maximum(count - 1, 0) // 2, count // 2)
    )
    return (low + high) / 2


def _finite(samples: Samples) -> np.ndarray:
    values = np.asarray(samples, float)
    if values.ndim != 1 or not values.size or not np.isfinite(values).all():
        raise ValueError(
            f"samples: got {samples!r:.80}, expected one finite value for each seed"
        )
    return values


def _tail(seeds: int, level: float) -> float:
    """Probability to cut at each end, Hesterberg's α'."""
    if seeds == 1:
        return 0.0
    t = scipy.stats.t.ppf(0.5 + level / 2, seeds - 1)
    return float(scipy.stats.norm.sf(math.sqrt(seeds / (seeds - 1)) * t))


@functools.lru_cache(maxsize=64)
def _resamples(seeds: int, resamples: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Indices (draws, seeds) of the resamples, and the probability of each."""
    if math.comb(2 * seeds - 1, seeds) > _ENUMERATED:
        generator = np.random.default_rng(seed)
        indices = generator.integers(0, seeds, (resamples, seeds))
        return indices, np.full(resamples, 1 / resamples)
    # Order does not matter: a resample is a multiset, with its multinomial probability.
    indices = np.array(
        list(itertools.combinations_with_replacement(range(seeds), seeds))
    )
    counts = (indices[:, :, None] == np.arange(seeds)).sum(axis=1)
    factorials = np.array([math.factorial(k) for k in range(seeds + 1)], float)
    ways = factorials[seeds] / factorials[counts].prod(axis=1)
    return indices, ways / seeds**seeds


def _percentiles(
    draws: np.ndarray, weights: np.ndarray, tail: float
) -> tuple[float, float]:
    """The outermost values beyond which at most `tail` of the weight lies."""
    order = np.argsort(draws)
    below = np.cumsum(weights[order])
    # The slack keeps rounding of the sums from moving an end by one value.
    low = np.searchsorted(below, tail + 1e-12, side="right")
    high = np.searchsorted(below, 1 - tail - 1e-12, side="left")
    last = len(draws) - 1
    return float(draws[order[min(low, last)]]), float(draws[order[min(high, last)]])
