"""How many features of a trained model are in polytopes that have a name.

Axis letters: `seeds`, `levels` of p, n features, d hidden dimensions.
"""

from collections import Counter

import numpy as np
from jaxtyping import Float, Int

from toymodels.geometry import find_shapes

# Components of the interference graph that are no polytope of two or more dimensions.
PLAIN = ("single", "digon", "unmatched")


def shape_counts(W: Float[np.ndarray, "d n"]) -> Counter[str]:
    """How many features are in components of each name."""
    counts: Counter[str] = Counter()
    for shape in find_shapes(W):
        counts[shape.name] += len(shape.members)
    return counts


def features_in_polytopes(
    W: Float[np.ndarray, "seeds levels d n"],
) -> Int[np.ndarray, "seeds levels"]:
    """Features of each model in components that match a named polytope."""
    counts = [[shape_counts(level) for level in seed] for seed in W]
    return np.array(
        [[sum(c.values()) - sum(c[name] for name in PLAIN) for c in s] for s in counts]
    )
