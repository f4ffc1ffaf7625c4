"""The line rule: do feature dimensionalities cluster at simple fractions?

A trained model with many equal features has D_i at fractions such as 1/2 and 2/5
(Elhage et al. 2022, "The Geometry of Superposition"), but most features need not be
near one: a test of the *share* near named fractions fails on the authors' own saved
run, as a pre-registered replication found. So a *line* is judged against its
surroundings: enough features within a narrow window, and at least twice as many as in
the windows beside it.

The numbers below were fixed before any run. Three controls must fail: untrained
weights, dimensionalities with noise added, and uniform ones.

Axes: `seeds`, `levels` (of sparsity), `n` features, `d` hidden dimensions.
"""

import dataclasses
from fractions import Fraction

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Float, Key

HALF = Fraction(1, 2)
OTHER_FRACTIONS = (Fraction(3, 4), Fraction(2, 3), Fraction(2, 5), Fraction(3, 8))

# All of these are conventions of this package; no source gives one.
WINDOW = 0.005  # half-width of the window around a fraction
OFFSET = 0.0125  # distance from the fraction to the centres of the windows beside it
ENOUGH = 10  # features that a line needs
CONTRAST = 2  # how many times as many as in either window beside it
SUPERPOSED = 0.95  # levels with D* below this are pooled
NEAR_HALF = 0.03  # a level sticks to 1/2 if abs(D* − 1/2) is at most this
ENOUGH_LEVELS = 3  # levels that must stick; the rule was written for 20 levels


@dataclasses.dataclass(frozen=True)
class Line:
    """Counts of features at one fraction and beside it."""

    fraction: Fraction
    count: int
    below: int
    above: int

    @property
    def found(self) -> bool:
        """Whether these counts make a line."""
        beside = max(self.below, self.above)
        return self.count >= ENOUGH and self.count >= CONTRAST * beside


@dataclasses.dataclass(frozen=True)
class LineVerdict:
    """The line rule on one pool of features.

    Attributes:
        levels: number of levels.
        levels_near_half: levels whose D* is within 0.03 of 1/2.
        pooled_levels: levels with D* < 0.95, whose features were pooled.
        features: number of pooled features.
        half: the line at 1/2.
        others: the lines at 3/4, 2/3, 2/5 and 3/8.
    """

    levels: int
    levels_near_half: int
    pooled_levels: int
    features: int
    half: Line
    others: tuple[Line, ...]

    @property
    def sticks(self) -> bool:
        """Condition (i): enough levels have D* near 1/2."""
        return self.levels_near_half >= ENOUGH_LEVELS

    @property
    def passed(self) -> bool:
        """Conditions (i), (ii) a line at 1/2, and (iii) a line at another fraction."""
        other = any(line.found for line in self.others)
        return self.sticks and self.half.found and other


@dataclasses.dataclass(frozen=True)
class LineRule:
    """The rule on the pool of all seeds, and on each seed alone."""

    pooled: LineVerdict
    per_seed: tuple[LineVerdict, ...]


def find_lines(
    dimensionality: Float[ArrayLike, "..."],
    fractions: tuple[Fraction, ...] = (HALF, *OTHER_FRACTIONS),
) -> tuple[Line, ...]:
    """Count the features at each fraction and in the two windows beside it."""
    values = np.asarray(dimensionality, dtype=np.float64).ravel()

    def count(centre: float) -> int:
        return int(np.count_nonzero(np.abs(values - centre) <= WINDOW))

    return tuple(
        Line(f, count(float(f)), count(f - OFFSET), count(f + OFFSET))
        for f in fractions
    )


def line_rule(
    dimensionality: Float[ArrayLike, "seeds levels n"],
    dimensions_per_feature: Float[ArrayLike, "seeds levels"],
) -> LineRule:
    """Apply the line rule to every seed and to all of them together.

    Args:
        dimensionality: (seeds, levels, n) D_i, each in [0, 1].
        dimensions_per_feature: (seeds, levels) D* > 0. Runs that diverged may be NaN in
            both; they are never counted, and in the pool their level does not stick.

    Returns:
        A verdict for the pool and one for each seed. The pool holds every level of
        every seed with D* < 0.95; its condition (i) takes the median of D* over the
        seeds at each level, so that more seeds do not make it easier.
    """
    values = np.asarray(dimensionality, dtype=np.float64)
    d_star = np.asarray(dimensions_per_feature, dtype=np.float64)

    def verdict(
        per_level: np.ndarray, d_star_of: np.ndarray, pool: np.ndarray
    ) -> LineVerdict:
        half, *others = find_lines(pool)
        return LineVerdict(
            levels=per_level.size,
            levels_near_half=int(np.sum(np.abs(per_level - 0.5) <= NEAR_HALF)),
            pooled_levels=int(np.sum(d_star_of < SUPERPOSED)),
            features=pool.size,
            half=half,
            others=tuple(others),
        )

    return LineRule(
        pooled=verdict(np.median(d_star, axis=0), d_star, values[d_star < SUPERPOSED]),
        per_seed=tuple(
            verdict(star, star, value[star < SUPERPOSED])
            for value, star in zip(values, d_star, strict=True)
        ),
    )


def jittered_dimensionality(
    key: Key[Array, ""], dimensionality: Float[ArrayLike, "*shape"], size: float = 0.05
) -> Float[Array, "*shape"]:
    """Control: each D_i moved by a uniform amount within ±`size`. Consumes `key`.

    Values may leave [0, 1]; clipping them would pile up a line at the ends.
    """
    values = jnp.asarray(dimensionality)
    return values + jax.random.uniform(
        key, values.shape, values.dtype, minval=-size, maxval=size
    )


def uniform_dimensionality(
    key: Key[Array, ""], shape: tuple[int, ...]
) -> Float[Array, "..."]:
    """Control: D_i drawn from U[0, 1]. Consumes `key`."""
    return jax.random.uniform(key, shape)


def untrained_weights(
    key: Key[Array, ""], shape: tuple[int, ...]
) -> Float[Array, "*runs d n"]:
    """Control: weights as Xavier-normal leaves them, std √(2/(n + d)). Consumes `key`.

    Args:
        key: random key.
        shape: (*runs, d, n).
    """
    return (2.0 / (shape[-2] + shape[-1])) ** 0.5 * jax.random.normal(key, shape)
