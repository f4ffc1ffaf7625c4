"""A linear probe that was shown anomalies: what activations can give at best, roughly.

Axis letters: `samples` as columns, d hidden dimensions.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float

from toymodels.anomaly.base import Context, Detector, Observations, detector
from toymodels.config import SettingsError, check_range

# Newton's method doubles its digits each time once it is near.
_STEPS = 20
_STEP_SIZES = (1.0, 0.5, 0.25, 0.1, 0.03, 0.01, 0.0)
State = tuple[Float[Array, " d"], Float[Array, " d"], Float[Array, " weights"]]


@detector
class SupervisedProbe(Detector):
    """Logit of a ridge logistic regression of labels on standardised activations.

    The intercept is not penalised.

    Args:
        ridge: half of it times ‖w‖² is added to the sum of log losses, > 0.
    """

    name = "supervised probe"
    sees = "labels"
    bound = "upper"
    needs = ("labelled",)

    ridge: float = 1.0

    def __post_init__(self):
        check_range("ridge", self.ridge, low=0.0, open_low=True, hint="ridge=1")

    def check(self, reference: Observations, context: Context) -> None:
        """Both labels must occur, one for each sample."""
        seen, labels = context.labelled
        if labels.shape != (seen.samples,):
            raise SettingsError(
                "labels", f"shape {labels.shape}", f"({seen.samples},), one a sample"
            )
        if isinstance(labels, Tracer):
            return
        found = np.unique(np.asarray(labels))
        if not np.array_equal(found, [0, 1]):
            raise SettingsError("labels", found.tolist(), "both 0 and 1")

    def _fit(self, reference: Observations, context: Context) -> State:
        seen, labels = context.labelled
        mean = jnp.mean(seen.h, axis=1)
        deviation = jnp.std(seen.h, axis=1)
        deviation = jnp.where(deviation > 0, deviation, 1.0)
        labels = jnp.asarray(labels).astype(mean.dtype)
        weights = fit_logistic(
            (seen.h - mean[:, None]) / deviation[:, None], labels, self.ridge
        )
        return mean, deviation, weights

    def _score(
        self, state: State, observations: Observations
    ) -> Float[Array, " samples"]:
        mean, deviation, weights = state
        features = (observations.h - mean[:, None]) / deviation[:, None]
        return weights[:-1] @ features + weights[-1]


def fit_logistic(
    features: Float[Array, "d samples"], labels: Float[Array, " samples"], ridge: float
) -> Float[Array, " weights"]:
    """Weights and, last, the intercept of a logistic regression.

    Newton's method; each step is the best of a few sizes, so the loss never rises.
    """
    d = features.shape[0]
    design = jnp.concatenate([features, jnp.ones_like(features[:1])])
    penalty = jnp.full(d + 1, ridge, design.dtype).at[-1].set(0.0)

    def loss(weights: Float[Array, " weights"]) -> Float[Array, ""]:
        logits = weights @ design
        fit = jnp.sum(jax.nn.softplus(logits) - labels * logits)
        return fit + jnp.sum(penalty * weights**2) / 2

    def step(
        weights: Float[Array, " weights"], _: None
    ) -> tuple[Float[Array, " weights"], None]:
        chance = jax.nn.sigmoid(weights @ design)
        curvature = (design * (chance * (1 - chance))[None, :]) @ design.T
        # The intercept has no penalty; the floor keeps the system solvable.
        curvature = curvature + jnp.diag(penalty + 1e-6)
        newton = jnp.linalg.solve(curvature, jax.grad(loss)(weights))
        tried = jnp.stack([weights - size * newton for size in _STEP_SIZES])
        return tried[jnp.argmin(jax.vmap(loss)(tried))], None

    return jax.lax.scan(step, jnp.zeros(d + 1, design.dtype), None, length=_STEPS)[0]
