"""The named polytopes that a trained model's features form, and how many are in them.

Axis letters: `seeds`, `levels` of p, n features, d hidden dimensions.
"""

from collections import Counter

import numpy as np
from jaxtyping import Float

from toymodels.geometry import find_shapes

# Features are joined where |cos| exceeds this. It is the library's default, written out
# because a claim depends on it.
JOINED = 0.3

# Components of the interference graph that are no polytope of two or more dimensions.
PLAIN = ("single", "digon", "unmatched")


def shape_counts(W: Float[np.ndarray, "d n"]) -> dict[str, tuple[int, int]]:
    """How many components have each name, and how many features they hold."""
    components: Counter[str] = Counter()
    features: Counter[str] = Counter()
    for shape in find_shapes(W, threshold=JOINED):
        components[shape.name] += 1
        features[shape.name] += len(shape.members)
    return {name: (components[name], features[name]) for name in components}


def features_in_polytopes(
    W: Float[np.ndarray, "seeds levels d n"],
) -> Float[np.ndarray, "seeds levels"]:
    """Features of each model in components that match a polytope; NaN if diverged."""

    def total(weights: np.ndarray) -> float:
        if not np.isfinite(weights).all():
            return np.nan
        counts = shape_counts(weights)
        return sum(n for name, (_, n) in counts.items() if name not in PLAIN)

    return np.array([[total(level) for level in seed] for seed in W], float)
