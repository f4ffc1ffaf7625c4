"""Perturbation of an ensemble: runs × families × bases × directions × radii.

Axis letters: `runs` models, `families` kinds of directions, `bases`, `directions` of
each family and base, `radii`.
"""

import dataclasses
import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Key

from toymodels.config import (
    SettingsError,
    check_choice,
    check_count,
    check_range,
    settings,
)
from toymodels.features import FeatureDistribution
from toymodels.models import ModelSettings, Params
from toymodels.probes.bases import (
    Bases,
    Samples,
    check_spread,
    draw_samples,
    gaussian_bases,
    mean_distance,
)
from toymodels.probes.directions import DirectionFamily, draw_directions
from toymodels.probes.responses import Responses, response_curves
from toymodels.probes.subject import KnownFeatures, Subject, all_activations

STARTS = ("real", "gaussian")


@settings
class Perturbation:
    """What is perturbed, how far, and from where.

    Args:
        families: kinds of directions.
        start: "real" activations (A), or "gaussian" ones of their length (B).
        bases: starting points of each model.
        most: features that may be active in one; any number when None.
        directions: of each family, for each base.
        real: activations that d̄, μ and Σ are estimated from.
        reach: largest radius, in d̄ of the perturbed layer.
        radii: number of radii, 0 included.
    """

    families: tuple[DirectionFamily, ...]
    start: str = "real"
    bases: int = 200
    most: int | None = None
    directions: int = 1
    real: int = 512
    reach: float = 1.0
    radii: int = 51

    def __post_init__(self):
        if not self.families:
            raise SettingsError("families", "none", "one or more", "isotropic")
        check_choice("start", self.start, STARTS)
        check_count("bases", self.bases)
        if self.most is not None:
            check_count("most", self.most)
        check_count("directions", self.directions)
        check_count("real", self.real, minimum=2)
        check_count("radii", self.radii, minimum=2)
        check_range("reach", self.reach, low=0.0, open_low=True)

    def lengths(self) -> Float[np.ndarray, " radii"]:
        """The radii, from 0 on."""
        return np.linspace(0.0, self.reach, self.radii)


@dataclasses.dataclass(frozen=True)
class Perturbed:
    """Responses of an ensemble, and the units of length."""

    responses: Responses
    """Each of shape (runs, families, bases, directions, radii)."""
    units: dict[str, Float[np.ndarray, " runs"]]
    """d̄ of the perturbed layer and the later ones."""


def perturb(
    how: Perturbation,
    model: ModelSettings,
    params: Params,
    layer: str,
    features: FeatureDistribution,
    keys: Key[Array, " runs"],
) -> Perturbed:
    """Perturb a layer of every model of an ensemble.

    Four programs do it, since compiling takes longer than running: samples depend on no
    model, directions (but adversarial ones) on neither model nor layer, activations of
    all layers are found together, and the responses are a program for each layer.
    Models are worked on one after the other. Runs with equal keys see the same samples
    and, where a direction does not depend on the model, the same directions; so do
    "real" and "gaussian" starts.

    Args:
        how: families, bases, radii.
        model: settings of the model.
        params: each of shape (runs, …).
        layer: the one to perturb, of `model.layers`.
        features: of the samples; every leaf of shape (runs, …), see `per_member`.
        keys: one for each run.

    Raises:
        SettingsError: the model lacks the layer, or feature directions that a family
            needs; activations of the layer do not vary.
    """
    check_choice("layer", layer, model.layers)
    params = jax.tree.map(jnp.asarray, params)
    known = _known(how.families, model, params, layer)
    samples, turns, points = _samples(how.bases, how.real, how.most, features, keys)
    seen = _seen(model, params, samples)
    check_spread(seen.real[layer])
    bases = Bases(
        subject=known,
        x=samples.x,
        active=samples.active,
        h=seen.h[layer],
        real=seen.real[layer],
        real_x=samples.real_x,
    )
    gaussian = jnp.asarray(how.start == "gaussian")
    h, along = _directed(how.families, how.directions, bases, turns, points, gaussian)
    subject = Subject(model, params, layer)
    bases = dataclasses.replace(bases, subject=subject, h=h)
    units = {name: seen.units[name] for name in (layer, *subject.later)}
    radii = jnp.asarray(how.lengths(), jnp.float32)
    responses = _responses(bases, along, units, radii)
    responses, units = jax.tree.map(np.asarray, (responses, units))
    shape = (how.bases, len(how.families), how.directions, how.radii)
    responses = jax.tree.map(
        lambda array: np.swapaxes(array.reshape(-1, *shape), 1, 2), responses
    )
    return Perturbed(responses, units)


class _Seen(NamedTuple):
    """Of every layer and run: starting points, other real activations, and d̄."""

    h: dict[str, Float[Array, "runs d_layer bases"]]
    real: dict[str, Float[Array, "runs d_layer real"]]
    units: dict[str, Float[Array, " runs"]]


@functools.partial(jax.jit, static_argnums=(0, 1, 2))
def _samples(
    bases: int,
    real: int,
    most: int | None,
    features: FeatureDistribution,
    keys: Key[Array, " runs"],
) -> tuple[Samples, Key[Array, " runs"], Key[Array, " runs"]]:
    """Samples of every run, and keys of Gaussian starting points and of directions."""

    def of_run(run: tuple[Any, ...]) -> tuple[Samples, Array, Array]:
        distribution, key = run
        draw, turn, point = jax.random.split(key, 3)
        drawn = draw_samples(distribution, draw, bases=bases, real=real, most=most)
        return drawn, turn, point

    return jax.lax.map(of_run, (features, keys))


@functools.partial(jax.jit, static_argnums=0)
def _seen(model: ModelSettings, params: Params, samples: Samples) -> _Seen:
    def of_run(run: tuple[Params, Samples]) -> _Seen:
        one, drawn = run
        count = drawn.x.shape[1]
        both = jnp.concatenate([drawn.x, drawn.real_x], axis=1)
        found = all_activations(model, one, both)
        real = {name: h[:, count:] for name, h in found.items()}
        return _Seen(
            h={name: h[:, :count] for name, h in found.items()},
            real=real,
            units={name: mean_distance(h) for name, h in real.items()},
        )

    return jax.lax.map(of_run, (params, samples))


def _known(
    families: tuple[DirectionFamily, ...],
    model: ModelSettings,
    params: Params,
    layer: str,
) -> Subject | KnownFeatures:
    """What the directions need of the model: nothing, its features, or all of it."""
    subject = Subject(model, params, layer)
    if any(family.needs_model for family in families):
        return subject
    if any(family.needs_truth for family in families):
        return KnownFeatures(jax.vmap(Subject.features)(subject))
    return KnownFeatures(None)


@functools.partial(jax.jit, static_argnums=(0, 1))
def _directed(
    families: tuple[DirectionFamily, ...],
    directions: int,
    bases: Bases,
    turns: Key[Array, " runs"],
    points: Key[Array, " runs"],
    gaussian: Bool[Array, ""],
) -> tuple[
    Float[Array, "runs d_layer bases"], Float[Array, "runs bases drawn d_layer"]
]:
    """Starting points of the wanted kind, and the directions of all families."""

    def of_run(run: tuple[Bases, Array, Array]) -> tuple[Array, Array]:
        one, turn, point = run
        matched = gaussian_bases(one, turn).h
        one = dataclasses.replace(one, h=jnp.where(gaussian, matched, one.h))
        # A key for each family, so that a further one changes nothing in the others.
        along = [
            draw_directions(family, one, jax.random.fold_in(point, place), directions)
            for place, family in enumerate(families)
        ]
        return one.h, jnp.concatenate(along, axis=1)

    return jax.lax.map(of_run, (bases, turns, points))


@jax.jit
def _responses(
    bases: Bases,
    along: Float[Array, "runs bases drawn d_layer"],
    units: dict[str, Float[Array, " runs"]],
    radii: Float[Array, " radii"],
) -> Responses:
    def of_run(run: tuple[Any, ...]) -> Responses:
        one, along, units = run
        return response_curves(one, along, radii, units=units)

    return jax.lax.map(of_run, (bases, along, units))
