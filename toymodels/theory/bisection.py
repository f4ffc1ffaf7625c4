"""Roots of increasing functions, elementwise."""

from collections.abc import Callable

import numpy as np

from toymodels.theory.numbers import Grid


def increasing_root(
    function: Callable[[Grid], Grid],
    low: Grid,
    high: Grid,
) -> Grid:
    """Where each entry of an increasing function crosses 0, between `low` and `high`.

    Bisection and not Newton's method: sixty halvings reach the last bit from any
    bracket of order one, with no derivative and no safeguard. Without a sign change the
    nearer end of the bracket comes back.
    """
    low, high = np.array(low, dtype=np.float64), np.array(high, dtype=np.float64)
    for _ in range(60):
        middle = (low + high) / 2
        below = function(middle) < 0
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return (low + high) / 2
