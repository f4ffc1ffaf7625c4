"""Exponents of one model: planes of two features against random planes.

In every plane the same responses τ are asked for, which the model's own random and
feature directions define (`Level`). A quadratic response has p = 2 in every plane, so
what says that features are privileged is p(features) − p(random).

Axis letters: n features, `d` dimensions of the layer, `kinds` of planes, `pairs`
planes of each kind, `thresholds`, `angles`.
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Num, PRNGKeyArray

from toymodels.probes.contours import (
    Level,
    Rays,
    boundary_radii,
    level_responses,
    output_of,
)
from toymodels.probes.planes import feature_planes, pick_pairs, random_planes
from toymodels.probes.subject import Subject
from toymodels.probes.superellipse import fit_superellipse
from toymodels.stats import finite_median

# Places of the first two kinds; the responses τ are taken from these.
FEATURE, RANDOM = 0, 1
# Share of pairs with an exponent, below which their median says nothing of the rest.
FEWEST_PAIRS = 0.5


@dataclass(frozen=True)
class Exponents:
    """What a set of contours of one kind and threshold comes to, over its pairs."""

    exponent: Float[np.ndarray, "*sets"]
    """Median p over the pairs with a boundary on both axes; NaN where less than half
    of the pairs have one, for the others could be anything."""
    unreached: Float[np.ndarray, "*sets"]
    """Share of pairs without a boundary on an axis, so without p."""
    at_bound: Float[np.ndarray, "*sets"]
    """Share of pairs whose p is an end of its range."""
    radius: Float[np.ndarray, "*sets"]
    """Median boundary radius along u."""
    residual: Float[np.ndarray, "*sets"]
    """Median residual of the fits."""


def draw_planes(
    key: PRNGKeyArray,
    directions: Float[Array, "d n"],
    allowed: Bool[Array | np.ndarray, "n pairs"],
) -> tuple[Float[Array, "kinds d pairs"], Float[Array, "kinds d pairs"]]:
    """Directions u and v of feature planes and of random planes; consumes the key.

    Args:
        key: of the pairs and of the random planes.
        directions: unit directions of all features, `Subject.features()`.
        allowed: features that each pair may be taken from, such as inactive ones.
    """
    pair_key, random_key = jax.random.split(key)
    allowed = jnp.asarray(allowed)
    features = feature_planes(directions, pick_pairs(pair_key, directions, allowed))
    random = random_planes(random_key, directions.shape[0], allowed.shape[1])
    u, v = (jnp.stack(both) for both in zip(features, random, strict=True))
    return u, v


def plane_contours(
    subject: Subject,
    x: Float[Array, "n pairs"],
    u: Float[Array, "kinds d pairs"],
    v: Float[Array, "kinds d pairs"],
    *,
    levels: tuple[Level, ...],
    rays: Rays,
    output: str = "output",
    unit: Float[Array, ""] | float = 1.0,
) -> tuple[Float[Array, " thresholds"], Float[Array, "kinds thresholds pairs angles"]]:
    """Responses τ of one model, and boundary radii in all its planes; to be jitted.

    Args:
        subject: layer of one model.
        x: a sample for each pair, the base of its planes of every kind.
        u: unit directions at φ = 0: feature planes first, then random ones, then any.
        v: unit directions at φ = 90°, orthogonal to u.
        levels: which responses to look for.
        rays: where.
        output: the later layer that is compared.
        unit: length in which reach and radii are counted, such as the mean distance
            between real activations.
    """
    u, v = unit * u, unit * v
    response, h = output_of(subject, output), subject.activation(x)
    tau = level_responses(
        response, h, x, random=u[RANDOM], features=u[FEATURE], levels=levels, rays=rays
    )
    wanted = jnp.broadcast_to(tau[:, None], (len(levels), x.shape[1]))
    radii = jax.lax.map(
        lambda plane: boundary_radii(response, h, x, *plane, wanted, rays), (u, v)
    )
    return tau, radii


def summarise(
    phi: Num[np.ndarray, " angles"], radii: Num[np.ndarray, "*sets pairs angles"]
) -> Exponents:
    """Fit every contour, and take medians over pairs."""
    fits = fit_superellipse(phi, np.asarray(radii))
    told = np.isfinite(fits.exponent).mean(axis=-1)
    return Exponents(
        exponent=np.where(told >= FEWEST_PAIRS, finite_median(fits.exponent), np.nan),
        unreached=np.asarray(np.isnan(fits.axes).any(axis=-1).mean(axis=-1)),
        at_bound=np.asarray(fits.at_bound.mean(axis=-1)),
        radius=finite_median(fits.axes[..., 0]),
        residual=finite_median(fits.residual),
    )
