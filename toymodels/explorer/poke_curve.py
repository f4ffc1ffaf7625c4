"""The answer to a push of every length: the response, and the readoffs that cross.

The response is the L2 distance that the output has moved, in mean distances between two
real outputs. Beside it stands the linear control: the same W without ReLU and bias, in
the same unit, so that what lies between the two curves is what the nonlinearity
absorbs.

Of a ReLU model the readoff of feature i is r_i = w_i · h, and its threshold is −b_i:
below, output i is 0. Along a line the readoff is linear in the length, so that the
lengths at which thresholds are crossed are exact.

Axis letters: n features, d hidden dimensions, `radii` lengths, `pushes` directions.

References:
    Heimersheim & Mendel 2024, *Activation plateaus & sensitive directions in GPT2*.
"""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from toymodels.explorer.description import plain
from toymodels.explorer.poke import LAYER, Taken, projection
from toymodels.explorer.poke_directions import Push, push_direction
from toymodels.models import Autoencoder
from toymodels.probes import (
    DIRECTIONS,
    Bases,
    Subject,
    crossing_radius,
    draw_directions,
    first_slope,
    plateau_radius,
    readoffs,
    response_curves,
)

RADII = 101
# Covariance-matched pushes to compare with; isotropic ones are a weak baseline.
COMPARED = 12
# As in `toymodels probe`: half the mean distance between two real outputs.
BOUNDARY = 0.5
# A response that rises by less than this share of its mean slope stands still; shorter
# stretches than this share of the reach are not worth telling.
STILL, STRETCH = 0.1, 0.05


def poke(taken: Taken, push: Push) -> dict[str, Any]:
    """The answers to a push of every length up to its reach.

    Args:
        taken: the model and its activations.
        push: from where, in which direction, how far.

    Returns:
        Plain data, whose lengths are in d̄: `lengths`; the response `curve`, that of the
        `linear` control and of covariance-matched pushes (`compared`); where the
        response stands `still`; `outputs` (radii, n); `crossings` of readoffs; numbers
        of the curve as `toymodels.probes.plateaus` defines them; where the direction
        points.

    Raises:
        SettingsError: the direction does not exist.
    """
    base = taken.base(push.base - 1)
    v = push_direction(taken.bases, base, push, taken.key, shown=taken.shown)
    lengths = np.linspace(0.0, push.reach, RADII)
    found = _answers(
        taken.subject,
        base,
        jnp.asarray(v, jnp.float32),
        taken.key,
        jnp.asarray(lengths, jnp.float32),
        {name: jnp.float32(size) for name, size in taken.units.items()},
    )
    curves, linear, outputs = (np.asarray(array, float) for array in found)
    unit = taken.units[LAYER]
    numbers = {
        "r10": plateau_radius(lengths, curves[0]),
        "r10_linear": plateau_radius(lengths, linear),
        "slope": first_slope(lengths, curves[0]),
        "boundary": crossing_radius(lengths, curves[0], BOUNDARY),
        "r10_compared": _median(plateau_radius(lengths, curves[1:])),
    }
    axes = projection(taken)[1]
    return {
        "lengths": plain(lengths),
        "curve": plain(curves[0]),
        "linear": plain(linear),
        "compared": plain(curves[1:]),
        "still": still_stretch(lengths, curves[0]),
        "outputs": plain(outputs.T),
        "crossings": crossings(taken.subject, base, v, unit, push.reach),
        "along": plain(unit * axes @ v),
        **{name: number(value) for name, value in numbers.items()},
        **angles(taken.subject, base, v),
    }


@jax.jit
def _answers(
    subject: Subject,
    base: Bases,
    v: Float[Array, " d"],
    key: Key[Array, ""],
    lengths: Float[Array, " radii"],
    units: dict[str, Array],
) -> tuple[
    Float[Array, "pushes radii"], Float[Array, " radii"], Float[Array, "n radii"]
]:
    """Responses to v and to pushes to compare with, of the linear control; outputs."""
    compared = draw_directions(DIRECTIONS["covariance"], base, key, COMPARED)
    pushes = jnp.concatenate([v[None, None], compared], axis=1)
    curves = response_curves(base, pushes, lengths, units=units)
    control = dataclasses.replace(subject, model=subject.model.linear_control())
    linear = response_curves(
        dataclasses.replace(base, subject=control),
        v[None, None],
        lengths,
        units=units,
    )
    h = base.h + v[:, None] * (lengths * units[LAYER])[None]
    x = jnp.broadcast_to(base.x, (len(base.x), len(lengths)))
    outputs = subject.forward(h, x)["output"]
    return curves.distance["output"][0], linear.distance["output"][0, 0], outputs


def still_stretch(
    lengths: Float[np.ndarray, " radii"], curve: Float[np.ndarray, " radii"]
) -> list[float] | None:
    """The longest stretch in which a response stands still, wherever it begins.

    r10 sees only what happens first. Here every step counts whose rise or fall is below
    a tenth of the mean rise up to the largest response.

    Returns:
        Where it begins and ends; None where it is shorter than a twentieth of the
        reach, or the curve is not finite.
    """
    steps = len(lengths) - 1
    if not np.isfinite(curve).all():
        return None
    still = np.abs(np.diff(curve)) <= STILL * curve.max() / steps
    best, since = (0, 0), 0
    for place, stands in enumerate([*still, False]):
        if stands:
            continue
        if place - since > best[1] - best[0]:
            best = (since, place)
        since = place + 1
    if best[1] - best[0] < STRETCH * steps:
        return None
    return plain(lengths[list(best)])


def crossings(
    subject: Subject,
    base: Bases,
    v: Float[np.ndarray, " d"],
    unit: float,
    reach: float | int,
) -> list[dict[str, Any]] | None:
    """Where readoffs cross their thresholds −b_i, in order; None without a ReLU.

    Args:
        subject: the hidden layer.
        base: one starting point.
        v: unit direction.
        unit: d̄ of the layer.
        reach: largest length, in d̄.

    Returns:
        `feature` (counted from 1), `length` in d̄, and whether it is `on` afterwards.
    """
    model = subject.model
    if not (isinstance(model, Autoencoder) and model.activation == "relu"):
        return None
    W, b = subject.params["W"], np.asarray(subject.params["b"], float)
    start = np.asarray(readoffs(W, base.h), float)[:, 0] + b
    along = jnp.asarray(v[:, None], jnp.float32)
    slope = unit * np.asarray(readoffs(W, along), float)[:, 0]
    with np.errstate(divide="ignore", invalid="ignore"):
        length = np.where((start > 0) == (slope < 0), -start / slope, np.inf)
    order = np.argsort(length, kind="stable")
    inside = np.isfinite(length) & (length <= reach)
    return [
        {
            "feature": int(i) + 1,
            "length": number(length[i]),
            "on": bool(slope[i] > 0),
        }
        for i in order
        if inside[i]
    ]


def angles(subject: Subject, base: Bases, v: Float[np.ndarray, " d"]) -> dict[str, Any]:
    """The angle of v with the activation, and the feature that it lies nearest to."""
    h = np.asarray(base.h, float)[:, 0]
    cosine = v @ np.asarray(subject.features(), float)
    nearest = int(np.argmax(np.abs(cosine)))
    size = np.linalg.norm(h)
    return {
        "to_base": degrees(v @ h / size) if size > 0 else None,
        "nearest": nearest + 1,
        "nearest_sign": 1 if cosine[nearest] > 0 else -1,
        "to_nearest": degrees(abs(cosine[nearest])),
    }


def degrees(cosine: float) -> float:
    """The angle of a cosine, to a tenth of a degree."""
    return round(float(np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0)))), 1)


def number(value: Any) -> float | None:
    """A rounded number for JSON; None for what is not finite."""
    return plain(np.asarray(value, float).reshape(1))[0]


def _median(values: Float[np.ndarray, " pushes"]) -> float:
    finite = values[np.isfinite(values)]
    return float(np.median(finite)) if finite.size else np.nan
