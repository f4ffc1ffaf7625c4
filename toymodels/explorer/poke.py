"""Pokes: push one real activation of a live model, and see what the output does.

Everything is that of `toymodels.probes`: real activations are those of samples with an
active feature, lengths are in d̄, the mean distance between two of them, and the
response is the L2 distance that the output has moved, in mean distances between two
real outputs. Beside it stands the linear control: the same W without ReLU and bias, in
the same unit, so that what lies between the two curves is what the nonlinearity
absorbs.

Of a ReLU model the readoff of feature i is r_i = w_i · h, and its threshold is −b_i:
below, output i is 0. Along a line the readoff is linear in the length, so that the
lengths at which thresholds are crossed are exact.

Axis letters: n features, d hidden dimensions, `real` activations, `radii` lengths,
`pushes` directions.

References:
    Heimersheim & Mendel 2024, *Activation plateaus & sensitive directions in GPT2*.
"""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from toymodels.config import SettingsError
from toymodels.explorer.controls import Controls
from toymodels.explorer.description import plain
from toymodels.explorer.poke_directions import Push, push_direction
from toymodels.explorer.trainer import Frame
from toymodels.features import FeatureDistribution
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
    unit_lengths,
)
from toymodels.probes.bases import check_spread
from toymodels.probes.real_bases import labelled_bases

LAYER = "hidden"
# Activations that d̄ and Σ are estimated from, and those of them that are shown.
REAL, SHOWN = 512, 60
RADII = 101
# Covariance-matched pushes to compare with; isotropic ones are a weak baseline.
COMPARED = 12
# As in `toymodels probe`: half the mean distance between two real outputs.
BOUNDARY = 0.5
# A response that rises by less than this share of its mean slope stands still; shorter
# stretches than this share of the reach are not worth telling.
STILL, STRETCH = 0.1, 0.05
# Programs that stay compiled; each size of model has its own.
MOST_PROGRAMS = 20


@dataclasses.dataclass(frozen=True)
class Taken:
    """A model at one step and a draw of its real activations: what pokes belong to."""

    step: int
    generation: int
    """Of the training, which other settings begin anew."""
    controls: Controls
    seed: int
    bases: Bases
    """All of `real`, those with an active feature first."""
    units: dict[str, float]
    """d̄ of "hidden" and of "output"."""
    shown: int
    """How many can be poked: the first, each with an active feature."""

    @property
    def key(self) -> Key[Array, ""]:
        """Of every further draw."""
        return jax.random.key(self.seed)

    def base(self, place: int) -> Bases:
        """One starting point, 0 to `shown` − 1, among the same real activations."""
        bases, one = self.bases, slice(place, place + 1)
        return dataclasses.replace(
            bases, x=bases.x[:, one], active=bases.active[:, one], h=bases.h[:, one]
        )


def take(frame: Frame, *, seed: int, generation: int = 0) -> Taken:
    """The real activations of a frame's weights.

    Args:
        frame: whose weights and settings; it may be older than the newest.
        seed: of the draw.
        generation: of the training, to be told.

    Raises:
        SettingsError: weights that are not finite; no sample with an active feature;
            activations, or outputs, that are all the same.
    """
    if not (np.isfinite(frame.W).all() and np.isfinite(frame.b).all()):
        raise SettingsError(
            "weights",
            "numbers that are not finite",
            "weights of a training that has not diverged",
            "an earlier step, or a restart with a lower learning rate",
        )
    params = {"W": jnp.asarray(frame.W), "b": jnp.asarray(frame.b)}
    subject = Subject(frame.controls.model(), params, LAYER)
    features = jax.tree.map(jnp.asarray, frame.controls.features())
    _forget()
    bases, units = _drawn(subject, features, jax.random.key(seed))
    with_feature = int(np.asarray(bases.active).any(axis=0).sum())
    if not with_feature:
        raise SettingsError(
            "sparsity",
            frame.controls.sparsity,
            "a world in which some sample has an active feature",
            "a lower sparsity, or other draws",
        )
    check_spread(bases.real)
    found = {name: float(units[name]) for name in (LAYER, "output")}
    if not found["output"] > 0:
        raise SettingsError(
            "weights",
            "a model that answers all real samples alike",
            "outputs that differ, so that there is a distance to measure by",
            "a later step",
        )
    return Taken(
        step=frame.step,
        generation=generation,
        controls=frame.controls,
        seed=seed,
        bases=bases,
        units=found,
        shown=min(with_feature, SHOWN),
    )


@jax.jit
def _drawn(
    subject: Subject, features: FeatureDistribution, key: Key[Array, ""]
) -> tuple[Bases, dict[str, Array]]:
    drawn = labelled_bases(subject, features, key, bases=REAL)
    bases = Bases(
        subject=subject,
        x=drawn.x,
        active=drawn.active,
        h=drawn.real,
        real=drawn.real,
        real_x=drawn.x,
    )
    return bases, unit_lengths(bases)


def _forget() -> None:
    """Let compiled programs of other sizes go, when there are many."""
    for program in (_drawn, _answers):
        if program._cache_size() > MOST_PROGRAMS:  # pyright: ignore
            program.clear_cache()  # pyright: ignore


def picture(taken: Taken) -> dict[str, Any]:
    """Where the activations lie: on a line, in the plane, in the two widest directions.

    Returns:
        Plain data: `activations`, each with its active `features` (counted from 1) and
        its place `at`; the places of the `columns` of W and of the `origin`; the share
        of the variance that is `explained`; d̄ of both layers.
    """
    centre, axes, explained = projection(taken)
    bases = taken.bases
    h, active = (np.asarray(a)[:, : taken.shown] for a in (bases.h, bases.active))
    columns = np.asarray(bases.subject.params["W"])
    at = plain(axes @ (h - centre[:, None]))
    return {
        "step": taken.step,
        "generation": taken.generation,
        "seed": taken.seed,
        "n": taken.controls.n,
        "d": taken.controls.d,
        "activation": taken.controls.activation,
        "unit": taken.units[LAYER],
        "unit_output": taken.units["output"],
        "activations": [
            {"features": (np.flatnonzero(on) + 1).tolist(), "at": list(place)}
            for on, place in zip(active.T, zip(*at, strict=True), strict=True)
        ],
        "columns": plain((axes @ (columns - centre[:, None])).T),
        "suggested": suggestion(taken),
        "origin": plain(-axes @ centre),
        "explained": explained,
    }


def suggestion(taken: Taken) -> dict[str, int]:
    """A poke to begin with, in numbers from 1.

    The `base` with fewest active features; of those that are off in it the longest
    column as `feature`; and as `second` the one that overlaps least with it.
    """
    active = np.asarray(taken.bases.active)[:, : taken.shown]
    W = np.asarray(taken.bases.subject.params["W"], float)
    base = int(np.argmin(active.sum(axis=0)))
    sizes = np.linalg.norm(W, axis=0)
    # Off before on, long before short.
    rank = np.where(active[:, base], sizes - sizes.max() - 1, sizes)
    feature = int(np.argmax(rank))
    cosine = np.abs(W[:, feature] @ W) / np.where(sizes > 0, sizes, 1.0)
    cosine[sizes < sizes.max() / 10] = np.inf
    cosine[feature] = np.inf
    second = int(np.argmin(cosine))
    return {"base": base + 1, "feature": feature + 1, "second": second + 1}


def projection(
    taken: Taken,
) -> tuple[Float[np.ndarray, " d"], Float[np.ndarray, "two d"], float]:
    """Centre, axes and share of the variance of the plane that the page draws.

    A line or a plane is drawn as it is; of more dimensions the first two principal
    components of the real activations.
    """
    real = np.asarray(taken.bases.real, float)
    d = len(real)
    if d <= 2:
        return np.zeros(d), np.eye(2)[:, :d], 1.0
    centre = real.mean(axis=1)
    vectors, sizes, _ = np.linalg.svd(real - centre[:, None], full_matrices=False)
    return centre, vectors[:, :2].T, float((sizes[:2] ** 2).sum() / (sizes**2).sum())


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
        "crossings": crossings(base, v, unit, push.reach),
        "along": plain(unit * axes @ v),
        **{name: number(value) for name, value in numbers.items()},
        **angles(base, v),
    }


@jax.jit
def _answers(
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
    subject = base.subject
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
    base: Bases, v: Float[np.ndarray, " d"], unit: float, reach: float | int
) -> list[dict[str, Any]] | None:
    """Where readoffs cross their thresholds −b_i, in order; None without a ReLU.

    Args:
        base: one starting point.
        v: unit direction.
        unit: d̄ of the layer.
        reach: largest length, in d̄.

    Returns:
        `feature` (counted from 1), `length` in d̄, and whether it is `on` afterwards.
    """
    model = base.subject.model
    if not (isinstance(model, Autoencoder) and model.activation == "relu"):
        return None
    W, b = base.subject.params["W"], np.asarray(base.subject.params["b"], float)
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


def angles(base: Bases, v: Float[np.ndarray, " d"]) -> dict[str, Any]:
    """The angle of v with the activation, and the feature that it lies nearest to."""
    h = np.asarray(base.h, float)[:, 0]
    columns = np.asarray(base.subject.params["W"], float)
    sizes = np.linalg.norm(columns, axis=0)
    cosine = v @ columns / np.where(sizes > 0, sizes, np.inf)
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
