"""The contour of equal response around a poked activation, and its exponent.

In the plane of the push u and a second direction v, how far must one go before the
output has moved by τ? All four quarters (±u, ±v) are followed, and the superellipse is
fitted to each as `toymodels.probes` does it. τ belongs to the model and the reach, not
to the activation: a share of the plateau height, the median response to random pushes
in the last quarter of the reach, or of the peak along a feature.

An exponent of 2 is an ellipse whose axes are u and v. Any quadratic form gives an
ellipse, but a tilted one has another exponent, so what to compare with is drawn and
measured beside: the linear control in the same plane at the same τ, and other planes
at the same activation, of random directions.

Axis letters: `d` hidden dimensions, `levels` of τ, `planes` the four quarters first,
then random ones, `angles`.

References:
    da Silva & Heimersheim 2026, *Evidence for feature-specific error correction in
    LLMs*, 2606.24964.
"""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from toymodels.explorer.description import plain
from toymodels.explorer.poke import LAYER, SHOWN, Taken
from toymodels.explorer.poke_curve import degrees, number
from toymodels.explorer.poke_directions import (
    Push,
    Second,
    push_direction,
    second_direction,
)
from toymodels.probes import (
    Bases,
    DirectionFamily,
    Level,
    Rays,
    Subject,
    boundary_radii,
    draw_directions,
    exponent_interval,
    fit_superellipse,
    level_responses,
    output_of,
    random_planes,
)

# Those of ISO-4.
LEVELS = tuple(
    Level(kind=kind, value=value)
    for kind, values in (("plateau", (0.5, 0.25, 0.75)), ("peak", (0.1, 0.25, 0.5)))
    for value in values
)
# The reach is 1: directions are as long as the reach, so that it is not compiled in.
RAYS = Rays(reach=1.0, angles=31, coarse=96, halvings=5)
QUARTERS = ((1, 1), (-1, 1), (-1, -1), (1, -1))
RANDOM = 12
PEAK = DirectionFamily(kind="feature", which="any")


def contour(taken: Taken, push: Push, second: Second) -> dict[str, Any]:
    """Boundary radii in the plane of two directions, and the exponents.

    Args:
        taken: the model and its activations.
        push: from where, the direction u, and the reach.
        second: the other direction, of which the part at a right angle to u is taken.

    Returns:
        Plain data, whose lengths are in d̄: angles `phi` of a quarter; for each of the
        `levels` its name, τ (in d̄ of the outputs), the four `quarters` of the model and
        of its `linear` control, and the median exponent of `random` planes.

    Raises:
        SettingsError: one dimension, parallel directions, or one that does not exist.
    """
    base = taken.base(push.base - 1)
    u = push_direction(taken.bases, base, push, taken.key, shown=taken.shown)
    v, cosine = second_direction(base, u, second, taken.key)
    # Where few samples have an active feature, they come again.
    places = np.arange(SHOWN) % taken.shown
    every = taken.bases
    others = dataclasses.replace(
        every,
        x=every.x[:, places],
        active=every.active[:, places],
        h=every.h[:, places],
    )
    plane = jnp.asarray(np.stack([u, v]), jnp.float32)
    scale = jnp.float32(push.reach * taken.units[LAYER])
    found = _contours(taken.subject, base, others, plane, taken.key, scale)
    tau, radii, linear = (np.asarray(array, float) for array in found)
    radii, linear = radii * push.reach, linear * push.reach
    return {
        "phi": plain(RAYS.phi()),
        "angle": degrees(cosine),
        "levels": [
            {
                "name": str(level),
                "tau": number(tau[place] / taken.units["output"]),
                "quarters": _quarters(radii[place, : len(QUARTERS)], intervals=True),
                "linear": _quarters(linear[place], intervals=False),
                "random": _over_planes(radii[place, len(QUARTERS) :]),
            }
            for place, level in enumerate(LEVELS)
        ],
    }


def _quarters(
    radii: Float[np.ndarray, "quarters angles"], *, intervals: bool
) -> list[dict[str, Any]]:
    """Of each quarter the radii, and what a superellipse makes of them."""
    phi = RAYS.phi()
    fits = fit_superellipse(phi, radii)
    found = []
    for place, signs in enumerate(QUARTERS):
        p = number(fits.exponent[place])
        told = intervals and p is not None and not fits.at_bound[place]
        low, high = exponent_interval(phi, radii[place]) if told else (np.nan, np.nan)
        found.append(
            {
                "signs": list(signs),
                "radii": plain(radii[place]),
                "p": p,
                "low": number(low),
                "high": number(high),
                "residual": number(fits.residual[place]),
                "axes": plain(fits.axes[place]),
                "at_bound": bool(fits.at_bound[place]),
                "missing": number(fits.missing[place]),
            }
        )
    return found


def _over_planes(radii: Float[np.ndarray, "planes angles"]) -> dict[str, Any]:
    """Median exponent, where half of the planes or more have one, and how many have."""
    exponent = fit_superellipse(RAYS.phi(), radii).exponent
    told = exponent[np.isfinite(exponent)]
    return {
        "p": number(np.median(told)) if 2 * told.size >= len(exponent) else None,
        "planes": len(exponent),
        "told": int(told.size),
    }


@jax.jit
def _contours(
    subject: Subject,
    base: Bases,
    others: Bases,
    plane: Float[Array, "two d"],
    key: Key[Array, ""],
    scale: Float[Array, ""],
) -> tuple[
    Float[Array, " levels"],
    Float[Array, "levels planes angles"],
    Float[Array, "levels quarters angles"],
]:
    """τ of every level; boundary radii of the model and of its linear control.

    Args:
        subject: the hidden layer.
        base: the activation that the planes lie at.
        others: activations at which τ is measured.
        plane: unit directions u and v.
        key: of random directions.
        scale: the reach as a length in the layer, in which radii come back.
    """
    d = base.h.shape[0]
    random_key, feature_key, plane_key = jax.random.split(key, 3)
    random, _ = random_planes(random_key, d, others.h.shape[1])
    features = draw_directions(PEAK, others, feature_key, 1)[:, 0].T
    response = output_of(subject)
    tau = level_responses(
        response,
        others.h,
        others.x,
        random=scale * random,
        features=scale * features,
        levels=LEVELS,
        rays=RAYS,
    )
    signs = jnp.asarray(QUARTERS, plane.dtype).T
    u, v = plane[0][:, None] * signs[:1], plane[1][:, None] * signs[1:]
    more_u, more_v = random_planes(plane_key, d, RANDOM)

    def radii(f: Any, u: Array, v: Array) -> Array:
        count = u.shape[1]
        h, x = (jnp.repeat(array, count, axis=1) for array in (base.h, base.x))
        wanted = jnp.broadcast_to(tau[:, None], (len(LEVELS), count))
        return boundary_radii(f, h, x, scale * u, scale * v, wanted, RAYS)

    control = dataclasses.replace(subject, model=subject.model.linear_control())
    both_u = jnp.concatenate([u, more_u], axis=1)
    both_v = jnp.concatenate([v, more_v], axis=1)
    return tau, radii(response, both_u, both_v), radii(output_of(control), u, v)
