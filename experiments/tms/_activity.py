"""The loss of a model by Monte-Carlo, given the number k of active features.

Axis letters: `seeds`, `levels` of p, k = 0 … n active features, n features, d hidden
dimensions, `samples`.
"""

import functools
from math import comb

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, PRNGKeyArray

import toymodels as tm
from toymodels.theory import support_weights

# Numbers of active features that are rarer than this are left out of the sum, which the
# loss at p = 0.001 exceeds by five orders of magnitude.
NEGLIGIBLE = 1e-9


def activity_weights(
    probability: Float[np.ndarray, " levels"], n: int
) -> Float[np.ndarray, "levels k"]:
    """Probability that exactly k = 0 … n of n independent features are active."""
    supports = np.array([comb(n, k) for k in range(n + 1)], float)
    return np.stack([support_weights(p, n) * supports for p in probability])


def split_loss(
    model: tm.Autoencoder,
    W: Float[np.ndarray, "seeds levels d n"],
    b: Float[np.ndarray, "seeds levels n"],
    probability: Float[np.ndarray, " levels"],
    importance: Float[np.ndarray, " n"],
    key: PRNGKeyArray,
    *,
    samples: int,
    direct_samples: int,
) -> dict[str, np.ndarray]:
    """Estimates of the loss given k, and of the loss itself.

    Args:
        model: what W and b are the parameters of.
        W: weights.
        b: biases.
        probability: p of each level.
        importance: I_i.
        key: consumed; every model and every k takes samples of its own.
        samples: for each model and k.
        direct_samples: for each model, for the loss itself.

    Returns:
        "error" (seeds, levels, k, 2): mean error on active and on inactive features
        given k, and "error_se" (seeds, levels, k), the standard error of their sum; NaN
        for a negligible k. "total" and "total_se" (seeds, levels): the loss.
    """
    seeds, levels, _, n = W.shape
    given = np.full((2, seeds, levels, n + 1, 3), np.nan)
    direct = np.full((2, seeds, levels, 3), np.nan)
    weight = activity_weights(probability, n)
    for level, p in enumerate(probability):
        errors = functools.partial(
            _drawn_errors,
            model,
            {"W": W[:, level], "b": b[:, level]},
            jnp.asarray(importance, jnp.float32),
            jax.random.fold_in(key, level),
        )
        features = tm.IndependentFeatures(n=n, probability=p)
        direct[:, :, level] = errors(0, features, direct_samples)
        for k in np.flatnonzero(weight[level] > NEGLIGIBLE).tolist():
            exactly = tm.ExactlyK(n=n, k=k) if k else None
            given[:, :, level, k] = errors(k + 1, exactly, samples)
    return {
        "error": given[0, ..., :2],
        "error_se": given[1, ..., 2],
        "total": direct[0, ..., 2],
        "total_se": direct[1, ..., 2],
    }


def _drawn_errors(
    model: tm.Autoencoder,
    params: dict[str, np.ndarray],
    importance: Float[Array, " n"],
    key: PRNGKeyArray,
    place: int,
    features: tm.FeatureDistribution | None,
    samples: int,
) -> Float[Array, "2 seeds 3"]:
    """Errors on fresh samples of `features`; on x = 0 if there are none."""
    n, total = len(importance), samples * len(params["b"])
    if features is None:
        x = jnp.zeros((n, total))
        return _errors(model, params, x, x > 0, importance)
    drawn = features.sample_labelled(jax.random.fold_in(key, place), total)
    return _errors(model, params, drawn.x, drawn.active, importance)


@functools.partial(jax.jit, static_argnums=0)
def _errors(
    model: tm.Autoencoder,
    params: dict[str, Float[Array, "seeds ..."]],
    x: Float[Array, "n samples"],
    active: Bool[Array, "n samples"],
    importance: Float[Array, " n"],
) -> Float[Array, "2 seeds 3"]:
    """Means, and their standard errors, on active, on inactive and on all features.

    Every model takes an equal part of the samples.
    """
    seeds = params["b"].shape[0]

    def by_model(array: Array) -> Array:
        return jnp.moveaxis(array.reshape(array.shape[0], seeds, -1), 1, 0)

    def one(params: dict[str, Array], x: Array, active: Array) -> Array:
        error = importance[:, None] * (x - model.apply(params, x)) ** 2
        parts = jnp.stack(
            [
                jnp.where(active, error, 0.0).sum(axis=0),
                jnp.where(active, 0.0, error).sum(axis=0),
                error.sum(axis=0),
            ]
        )
        return jnp.stack([parts.mean(axis=1), parts.std(axis=1) / x.shape[1] ** 0.5])

    return jnp.moveaxis(jax.vmap(one)(params, by_model(x), by_model(active)), 1, 0)
