"""How clear a line of feature dimensionalities is, as one number for each seed.

The line rule counts features at a fraction and beside it, over the pool of all seeds.
Its margin divides the pool again: per seed, the features at the fraction less those
that a line needs. The mean over seeds is ≥ 0 exactly when the pool has a line, and its
interval over seeds says how sure that is.

Axis letters: `seeds`, `levels` of p, n features.
"""

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from jaxtyping import Bool, Float

from toymodels.geometry.line_rule import (
    CONTRAST,
    ENOUGH,
    SUPERPOSED,
    Line,
    find_lines,
)


def superposed_pools(
    dimensionality: Float[np.ndarray, "seeds levels n"],
    d_star: Float[np.ndarray, "seeds levels"],
) -> list[Float[np.ndarray, " pooled"]]:
    """D_i of each seed at its levels with D* < 0.95.

    A control is pooled over the levels of the trained model, not over its own:
    untrained weights and linear models have none, and would fail for want of features.
    """
    # A diverged level stays in, so that its NaN reaches the margin.
    kept: Bool[np.ndarray, "seeds levels"] = ~(d_star >= SUPERPOSED)
    return [
        values[levels].ravel()
        for values, levels in zip(dimensionality, kept, strict=True)
    ]


def line_margin(
    pools: Sequence[Float[np.ndarray, " pooled"]], fraction: Fraction
) -> Float[np.ndarray, " seeds"]:
    """Features of each seed at the fraction, less those that the line rule asks for.

    The rule asks for twice as many as on the fuller side, and for 10 in the pool. A
    seed with a diverged level has no margin, NaN.
    """
    lines = [find_lines(pool, (fraction,))[0] for pool in pools]
    count = np.array([line.count for line in lines], float)
    needed = _needed(lines)
    margin = count - needed[needed.sum(axis=1).argmax()]
    return np.where([np.isnan(pool).any() for pool in pools], np.nan, margin)


def clearest(
    pools: Sequence[Float[np.ndarray, " pooled"]], fractions: Sequence[Fraction]
) -> Fraction:
    """The fraction with the most features in the pool for each that a line needs."""
    ratios = []
    for fraction in fractions:
        lines = [find_lines(pool, (fraction,))[0] for pool in pools]
        ratios.append(sum(line.count for line in lines) / _needed(lines).sum(1).max())
    return fractions[int(np.argmax(ratios))]


def _needed(lines: Sequence[Line]) -> Float[np.ndarray, "conditions seeds"]:
    below = [CONTRAST * line.below for line in lines]
    above = [CONTRAST * line.above for line in lines]
    return np.array([below, above, [ENOUGH / len(lines)] * len(lines)], float)
