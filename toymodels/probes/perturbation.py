"""One compiled call: an ensemble × families × bases × directions × radii.

Axis letters: `runs` models, `families` kinds of directions, `bases`, `directions` of
each family and base, `radii`.
"""

import dataclasses
import functools
from typing import Any

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
    check_spread,
    draw_bases,
    gaussian_bases,
    unit_lengths,
)
from toymodels.probes.directions import DirectionFamily, draw_directions
from toymodels.probes.responses import Responses, response_curves
from toymodels.probes.subject import Subject

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

    One program is compiled for a model and a layer; models are worked on one after the
    other. Runs with equal keys see the same samples and, where a direction does not
    depend on the model, the same directions; so do "real" and "gaussian" starts.

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
    # Starts and lengths share a program, which takes longer to compile than to run.
    static = dataclasses.replace(how, start="real", reach=1.0)
    responses, units, real = _perturb(
        static,
        model,
        layer,
        params,
        features,
        keys,
        jnp.asarray(how.start == "gaussian"),
        jnp.asarray(how.lengths(), jnp.float32),
    )
    check_spread(real)
    responses, units = jax.tree.map(np.asarray, (responses, units))
    return Perturbed(responses, units)


@functools.partial(jax.jit, static_argnums=(0, 1, 2))
def _perturb(
    how: Perturbation,
    model: ModelSettings,
    layer: str,
    params: Params,
    features: FeatureDistribution,
    keys: Key[Array, " runs"],
    gaussian: Bool[Array, ""],
    radii: Float[Array, " radii"],
) -> tuple[Responses, dict[str, Array], Array]:
    shape = (how.bases, len(how.families), how.directions, how.radii)

    def of_run(run: tuple[Any, ...]) -> tuple[Responses, dict[str, Array], Array]:
        one, distribution, key = run
        draw, turn, point = jax.random.split(key, 3)
        bases = draw_bases(
            Subject(model, one, layer),
            distribution,
            draw,
            bases=how.bases,
            real=how.real,
            most=how.most,
        )
        matched = gaussian_bases(bases, turn).h
        bases = dataclasses.replace(bases, h=jnp.where(gaussian, matched, bases.h))
        units = unit_lengths(bases)
        # A key for each family, so that a further one changes nothing in the others.
        drawn = [
            draw_directions(
                family, bases, jax.random.fold_in(point, place), how.directions
            )
            for place, family in enumerate(how.families)
        ]
        along = jnp.concatenate(drawn, axis=1)
        found = response_curves(bases, along, radii, units=units)
        ordered = jax.tree.map(
            lambda array: jnp.swapaxes(array.reshape(shape), 0, 1), found
        )
        return ordered, units, bases.real

    return jax.lax.map(of_run, (params, features, keys))
