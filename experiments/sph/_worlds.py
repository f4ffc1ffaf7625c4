"""The models that SPH-2 to SPH-4 look at, and what is measured around them.

Axis letters: `runs` models, `radii`, `bases`, n features, d dimensions, `kinds` of
directions, `starts` of ascents.
"""

import dataclasses
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

import toymodels as tm
from experiments.readoff_models import over_models
from toymodels.probes import (
    Ascent,
    Spikes,
    Subject,
    ascend,
    ascent_spikes,
    fit_hinge,
    random_directions,
    real_bases,
    sphere_responses,
)

# Responses at exactly these directions: sign, and whether the feature is active.
ALONG = ("+ active", "− active", "+ inactive", "− inactive", "random")
# Points of the response along a feature, whose hinge is the knee of a stack.
CURVE = 41


@dataclasses.dataclass(frozen=True)
class Around:
    """What was found around the bases of every model.

    Attributes:
        maxima: [run][radius] the different maxima.
        random: (runs, bases, radii, starts) responses in random directions.
        along: (runs, kinds, radii) mean responses in the directions of `ALONG`.
        active: (runs, n, bases) which features are on.
        features: (runs, d, n) their unit directions.
        knee: (runs,) in d̄, the distance along an inactive feature at which it answers.
    """

    maxima: list[list[Spikes]]
    random: np.ndarray
    along: np.ndarray
    active: np.ndarray
    features: np.ndarray
    knee: np.ndarray


def look_around(
    run: tm.Run,
    radii: tuple[float, ...],
    *,
    layer: str,
    bases: int,
    starts: int,
    steps: int,
    seed: int,
    measure: str = "l2",
) -> Around:
    """Ascents, random directions and features around real bases of every model."""
    lengths = jnp.asarray(radii, jnp.float32)

    def measured(subject: Subject, key: Array) -> tuple[Ascent, dict[str, Array]]:
        draw, turn, other = jax.random.split(key, 3)
        x, unit = real_bases(subject, run.spec.features, draw, bases=bases)
        features = subject.features()
        first = random_directions(turn, len(features), starts)
        found = jax.lax.map(
            lambda radius: ascend(
                subject, x, first, radius * unit, steps=steps, measure=measure
            ),
            lengths,
        )
        random = random_directions(other, len(features), starts)
        # One program for both: they take longer to compile than to run.
        given = jnp.concatenate([random, features, -features], axis=1)
        answers = sphere_responses(subject, x, given, lengths * unit, measure=measure)
        responses = {
            "random": answers[..., :starts],
            "signs": answers[..., starts:],
            "active": x > 0,
            "features": features,
            "knee": _knee(subject, x, features, unit, measure),
        }
        return found, responses

    ascent, found = over_models(measured, run, seed=seed, layer=layer)
    maxima = [
        [
            ascent_spikes(
                jax.tree.map(lambda value, r=r, k=k: value[r, k], ascent),
                found["features"][r],
            )
            for k in range(len(radii))
        ]
        for r in range(run.runs)
    ]
    return Around(
        maxima=maxima,
        random=found["random"],
        along=np.stack([_along(one, found, r) for r, one in enumerate(found["signs"])]),
        active=found["active"],
        features=found["features"],
        knee=found["knee"],
    )


def _along(
    signs: Float[np.ndarray, "bases radii both"], found: dict[str, np.ndarray], run: int
) -> Float[np.ndarray, "kinds radii"]:
    """Mean responses of one model in the directions of `ALONG`."""
    on = found["active"][run].T
    n = on.shape[1]
    halves = (signs[..., :n], signs[..., n:])
    rows = [
        np.moveaxis(half, 1, 2)[mask].mean(axis=0)
        for mask in (on, ~on)
        for half in halves
    ]
    return np.stack([*rows, found["random"][run].mean(axis=(0, 2))])


def _knee(
    subject: Subject,
    x: Float[Array, "n bases"],
    features: Float[Array, "d n"],
    unit: Float[Array, ""],
    measure: str,
) -> Float[Array, ""]:
    """Median distance at which an inactive feature begins to answer, in d̄.

    Of a tied model exactly, (−b_i − W_i·h)/|W_i|, below 0 where it answers already; of
    others the knee of the best flat-then-linear fit to the response along the feature.
    """
    if "W" in subject.params and "b" in subject.params:
        W, b = subject.params["W"], subject.params["b"]
        margin = -(b[:, None] + W.T @ subject.activation(x))
        distance = margin / jnp.linalg.norm(W, axis=0)[:, None] / unit
    else:
        grid = jnp.linspace(0.0, 1.0, CURVE)
        curves = sphere_responses(subject, x, features, grid * unit, measure=measure)
        distance = fit_hinge(grid, jnp.moveaxis(curves, 1, 2)).knee.T
    return jnp.nanmedian(jnp.where(x > 0, jnp.nan, distance))


def by_radius(
    found: Around, statistic: Callable[[int, int, Spikes], float]
) -> Float[np.ndarray, "runs radii"]:
    """statistic(run, radius, maxima) of every model and radius."""
    return np.array(
        [
            [statistic(r, k, maxima) for k, maxima in enumerate(row)]
            for r, row in enumerate(found.maxima)
        ]
    )
