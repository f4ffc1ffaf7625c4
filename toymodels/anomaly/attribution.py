"""Unusual attributions: which hidden units the output rests on.

Axis letters: `samples` as columns, d hidden dimensions, n outputs.

References:
    The idea of attributions as features for anomaly detection: Christiano 2022,
    *Mechanistic Anomaly Detection*. The scalar below is ours.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from toymodels.anomaly.base import Context, Detector, Observations, detector
from toymodels.anomaly.moments import Moments, moments

State = tuple[jax.tree_util.Partial, Moments]


@detector
class Attribution(Detector):
    """Mahalanobis distance of gradient × activation.

    The attribution of hidden unit i is h_i ∂/∂h_i ½‖f(h)‖², f being the model from its
    hidden layer on. It depends on the basis of the hidden space.
    """

    name = "attribution"
    sees = "weights"
    needs = ("model", "params")

    def _fit(self, reference: Observations, context: Context) -> State:
        decode = jax.tree_util.Partial(context.model.decode, context.params)
        return decode, moments(attributions(decode, reference.h))

    def _score(
        self, state: State, observations: Observations
    ) -> Float[Array, " samples"]:
        decode, found = state
        features = attributions(decode, observations.h)
        return jnp.sum(found.whiten(features) ** 2, axis=0)


def attributions(
    decode: jax.tree_util.Partial, h: Float[Array | np.ndarray, "d samples"]
) -> Float[Array, "d samples"]:
    """h_i ∂/∂h_i ½‖decode(h)‖² for every sample."""
    h = jnp.asarray(h)
    gradient = jax.grad(lambda h: jnp.sum(decode(h) ** 2) / 2)(h)
    return h * gradient
