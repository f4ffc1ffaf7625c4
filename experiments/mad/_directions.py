"""Directions that labels give back, and how near they are to the true ones.

Axis letters: `runs` models, d hidden dimensions, n features, `samples` as columns,
`labellings` ways to say which samples are of a kind.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from toymodels.anomaly import (
    Context,
    Detector,
    Observations,
    Reference,
    World,
    draw_reference,
    fit_each,
    observe,
    score_each,
)
from toymodels.anomaly.probe import fit_logistic
from toymodels.anomaly.world import dictionary_of


def observed(worlds: World, x: Float[np.ndarray, "runs n samples"]) -> Observations:
    """What every model shows of its samples."""
    return jax.tree.map(
        np.asarray, _observe(worlds.model, worlds.params, jnp.asarray(x))
    )


@functools.partial(jax.jit, static_argnums=0)
def _observe(model, params, x):
    return jax.vmap(lambda params, x: observe(model, params, x))(params, x)


def flagged_directions(
    worlds: World,
    detectors: list[Detector],
    key: PRNGKeyArray,
    *,
    samples: int,
    share: float,
) -> Float[np.ndarray, "detectors runs d"]:
    """Mean of the untrusted samples that a detector flags, minus that of the others.

    It flags as large a share of them as the point has there. Detectors are fitted to
    trusted samples; untrusted ones are those that some of them search, too.

    Args:
        worlds: with a runs axis.
        detectors: that need no labels.
        key: random key; consumed.
        samples: trusted ones, and as many untrusted ones.
        share: of the point among the untrusted samples.
    """
    known, found, own = jax.random.split(key, 3)
    kinds = (
        Reference(samples=samples),
        Reference(kind="contaminated", samples=samples, share=share),
    )
    trusted, untrusted = (
        observed(worlds, draw_reference(kind, worlds, one))
        for kind, one in zip(kinds, (known, found), strict=True)
    )
    point = observed(worlds, np.asarray(worlds.point)[:, :, None]).h
    dictionary = jnp.concatenate([dictionary_of(worlds.params), point], axis=-1)
    context = Context(
        model=worlds.model,
        params=worlds.params,
        dictionary=dictionary,
        untrusted=untrusted,
        key=jax.random.split(own, worlds.runs),
    )
    flagged = max(1, round(share * samples))
    directions = []
    for one in detectors:
        scores = np.asarray(score_each(one, fit_each(one, trusted, context), untrusted))
        directions.append(mean_difference(untrusted.h, highest(scores, flagged)))
    return np.stack(directions)


def highest(
    scores: Float[np.ndarray, "*runs samples"], count: int
) -> Bool[np.ndarray, "*runs samples"]:
    """The samples with the `count` highest scores."""
    order = np.argsort(np.argsort(-scores, axis=-1, kind="stable"), axis=-1)
    return order < count


def mean_difference(
    h: Float[np.ndarray, "*runs d samples"], fired: Bool[np.ndarray, "*runs samples"]
) -> Float[np.ndarray, "*runs d"]:
    """Mean of h where it fired, minus the mean where it did not."""

    def mean(where: np.ndarray) -> np.ndarray:
        weight = where / np.maximum(where.sum(axis=-1, keepdims=True), 1)
        return np.einsum("...ds,...s->...d", h, weight)

    return mean(fired) - mean(~fired)


def logistic_directions(
    h: Float[np.ndarray, "runs d samples"],
    fired: Bool[np.ndarray, "runs labellings samples"],
    *,
    ridge: float = 1.0,
) -> Float[np.ndarray, "runs labellings d"]:
    """Weights of a logistic regression for each labelling, in units of h."""
    return np.asarray(_logistic(jnp.asarray(h), jnp.asarray(fired, jnp.float32), ridge))


@functools.partial(jax.jit, static_argnums=2)
def _logistic(
    h: Float[Array, "runs d samples"],
    fired: Float[Array, "runs labellings samples"],
    ridge: float,
) -> Float[Array, "runs labellings d"]:
    def one_model(h, fired):
        deviation = jnp.std(h, axis=1, keepdims=True) + 1e-6
        scaled = (h - jnp.mean(h, axis=1, keepdims=True)) / deviation
        weights = jax.lax.map(lambda labels: fit_logistic(scaled, labels, ridge), fired)
        return weights[:, :-1] / deviation.T

    return jax.vmap(one_model)(h, fired)


def cosines(
    directions: Float[np.ndarray, "*runs k d"], columns: Float[np.ndarray, "*runs d n"]
) -> Float[np.ndarray, "*runs k n"]:
    """Cosine of every direction with every column; 0 where one of them is 0."""
    lengths = np.linalg.norm(directions, axis=-1, keepdims=True)
    sizes = np.linalg.norm(columns, axis=-2, keepdims=True)
    product = directions @ columns
    scale = lengths * sizes
    return product / np.where(scale > 0, scale, 1.0)
