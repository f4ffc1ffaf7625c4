"""Diverged runs, which must not count in silence.

NaN ≥ 1/2 is False, so a diverged model would keep 0 features, and a diverged linear one
would have no interference. A claim makes samples that are NaN inconclusive.

Axis letters: `models`, of which an axis may be seeds or groups.
"""

import numpy as np
from jaxtyping import Float, Shaped


def unless_diverged(
    samples: Shaped[np.ndarray, "*models"], *values: Float[np.ndarray, "..."]
) -> Float[np.ndarray, "*models"]:
    """The samples, NaN for every model with a value that is not finite.

    Args:
        samples: (*models,) counts, shares or booleans.
        values: (*models, …) weights or losses that the samples were made from.
    """
    samples = np.asarray(samples, float)
    for value in values:
        rest = tuple(range(samples.ndim, np.ndim(value)))
        samples = np.where(np.isfinite(value).all(axis=rest), samples, np.nan)
    return samples
