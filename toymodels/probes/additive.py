"""How much of a response do given numbers explain, each through a curve of its own?

    y_o ≈ a_o + Σ_k g_ok(p_k)

Every g is piecewise linear, with knots at quantiles of p_k, fitted by ridge regression;
R² is that of samples which the fit did not see, pooled over the outputs of a group.

Additive, not linear: any n ≥ d readoffs of a d-dimensional change are an invertible
linear map of it, so that a linear regression cannot tell the readoffs of a layer from
those of a random overbasis. Curves can, because only the layer's own readoffs are where
its thresholds act one at a time. Not a regression on everything: a large network could
predict the response from the change itself.

Axis letters: `samples`, `predictors`, `groups` of `outputs` (such as bases), `columns`
of the design.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from toymodels.config import SettingsError, check_count, check_range


def additive_r2(
    predictors: Float[Array, "samples predictors"],
    responses: Float[Array, "samples *groups outputs"],
    *,
    knots: int = 5,
    train: float = 0.7,
    ridge: float = 1e-4,
) -> Float[Array, "*groups"]:
    """Held-out R² of an additive regression; 1 is perfect, below 0 worse than a mean.

    Pure. Groups of outputs share the predictors, and so the costly part of the fit.

    Args:
        predictors: samples in rows, in no order.
        responses: of the same samples.
        knots: of each curve, at its quantiles; 0 makes it linear.
        train: share of the samples, from the first, that the curves are fitted to.
        ridge: penalty, as a share of the mean variance of the columns.

    Raises:
        SettingsError: fewer than 2 samples on either side, or an impossible setting.
    """
    check_count("knots", knots, minimum=0)
    check_range("train", train, low=0.0, high=1.0, open_low=True)
    check_range("ridge", ridge, low=0.0, open_low=True)
    samples = len(predictors)
    seen = round(train * samples)
    if not 2 <= seen <= samples - 2:
        raise SettingsError(
            "train", f"{seen} of {samples} samples", "2 or more on either side"
        )
    shape = responses.shape[1:]
    flat = responses.reshape(samples, -1)
    design = _curves(predictors, predictors[:seen], knots)
    mean, spread = design[:seen].mean(axis=0), design[:seen].std(axis=0)
    # A predictor that does not vary has no curve.
    scale = jnp.where(spread > 1e-6 * spread.max(), spread, jnp.inf)
    design = (design - mean[None]) / scale[None]
    centre = flat[:seen].mean(axis=0)
    target = flat - centre[None]
    normal = design[:seen].T @ design[:seen] / seen
    normal = normal + ridge * jnp.eye(len(normal), dtype=normal.dtype)
    moment = design[:seen].T @ target[:seen] / seen
    weights = jax.scipy.linalg.solve(normal, moment, assume_a="pos")
    left = target[seen:] - design[seen:] @ weights
    total = target[seen:] - target[seen:].mean(axis=0, keepdims=True)
    sums = [
        jnp.sum(part**2, axis=0).reshape(shape).sum(axis=-1) for part in (left, total)
    ]
    return 1.0 - sums[0] / sums[1]


def _curves(
    predictors: Float[Array, "samples predictors"],
    seen: Float[Array, "seen predictors"],
    knots: int,
) -> Float[Array, "samples columns"]:
    """Each predictor, and what it exceeds each of its knots by."""
    columns = [predictors]
    if knots:
        levels = jnp.arange(1, knots + 1) / (knots + 1)
        for place in jnp.quantile(seen, levels, axis=0):
            columns.append(jnp.maximum(predictors - place[None], 0.0))
    return jnp.concatenate(columns, axis=1)
