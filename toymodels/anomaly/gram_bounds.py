"""Bounds on products of hidden units, as Beatrix has them.

Axis letters: `samples` as columns, d hidden dimensions, `pairs` = d(d + 1)/2.

References:
    Ma et al. 2023, *The "Beatrix" Resurrections*, section IV. They take Gram matrices
    of powers, (v^p v^pᵀ)^(1/p), over the positions of a feature map. One activation
    vector has one position, for which every odd power gives the same matrix h hᵀ, so
    there is one order here. A deviation is counted in MADs, not relative to the bound,
    because a bound may be near 0.
"""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from toymodels.anomaly.base import Context, Detector, Observations, detector
from toymodels.config import check_range


@detector
class GramBounds(Detector):
    """Σ over pairs i ≤ j of how far h_i h_j is outside median ± width · MAD, in MADs.

    Depends on the basis of the hidden space.

    Args:
        width: of the bounds, ≥ 0; Beatrix has 10. Many scores are 0 if it is large.
    """

    name = "gram bounds"
    sees = "activations"

    width: float = 10.0

    def __post_init__(self):
        check_range("width", self.width, low=0.0)

    def _fit(
        self, reference: Observations, context: Context
    ) -> tuple[Float[Array, " pairs"], Float[Array, " pairs"]]:
        products = _products(reference.h)
        middle = jnp.median(products, axis=1)
        spread = jnp.median(jnp.abs(products - middle[:, None]), axis=1)
        # A product that is the same for most samples, 0 for a ReLU that is mostly off,
        # has no MAD; the typical one stands in.
        return middle, jnp.maximum(spread, 1e-3 * jnp.mean(spread) + 1e-12)

    def _score(
        self,
        state: tuple[Float[Array, " pairs"], Float[Array, " pairs"]],
        observations: Observations,
    ) -> Float[Array, " samples"]:
        middle, spread = state
        deviation = jnp.abs(_products(observations.h) - middle[:, None])
        return jnp.sum(
            jnp.maximum(deviation / spread[:, None] - self.width, 0.0), axis=0
        )


def _products(
    h: Float[Array | np.ndarray, "d samples"],
) -> Float[Array, "pairs samples"]:
    rows, columns = np.triu_indices(h.shape[0])
    return jnp.asarray(h)[rows] * jnp.asarray(h)[columns]
