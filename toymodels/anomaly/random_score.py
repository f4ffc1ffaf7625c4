"""Chance: scores that know nothing, to see what a table looks like without knowledge.

Axis letters: `samples` as columns.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from toymodels.anomaly.base import Context, Detector, Observations, detector


@detector
class RandomScore(Detector):
    """Uniform numbers in [0, 1), the same ones whenever the same samples are scored."""

    name = "random"
    sees = "activations"
    bound = "lower"
    needs = ("key",)

    def _fit(self, reference: Observations, context: Context) -> PRNGKeyArray:
        return context.key

    def _score(
        self, state: PRNGKeyArray, observations: Observations
    ) -> Float[Array, " s"]:
        # Two sets of samples must not get the same numbers, or a comparison of them
        # would come out at one half exactly.
        content = jnp.sum(jnp.abs(observations.x)).astype(jnp.float32)
        bits = jax.lax.bitcast_convert_type(content, jnp.uint32)
        key = jax.random.fold_in(state, bits)
        return jax.random.uniform(key, (observations.samples,))
