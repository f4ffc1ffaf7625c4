"""Where perturbations start from: real activations, and Gaussian ones that match them.

A base of kind A is the activation of a sample of the model's own distribution that has
at least one active feature: without any, there is no length to match. A base of kind B
is a draw from N(μ, Σ) of real activations, rescaled to the length of its A, so that it
has the right mean, covariance and norm but lies on no combination of features.

Axis letters: n features, `d_layer` dimensions of the layer, `bases` starting points,
`real` activations that μ, Σ and mean distances are estimated from.

References:
    Heimersheim & Mendel 2024, *Activation plateaus & sensitive directions in GPT2*.
"""

import dataclasses
from typing import NamedTuple

import jax
import jax.core
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from toymodels.config import SettingsError, check_count
from toymodels.features import FeatureDistribution
from toymodels.probes.subject import KnownFeatures, Subject
from toymodels.pytree import register_pytree

# Samples drawn for each base that is wanted, so that empty ones can be left out.
SPARE = 5
# Activations of two samples nearer than this share of the mean length are the same.
SAME = 1e-5


@dataclasses.dataclass(frozen=True)
class Bases:
    """Starting points in a layer, and what is known about the activations there.

    Of one model, or with further axes in front for what is mapped over an ensemble.
    """

    subject: Subject | KnownFeatures
    """The layer; its feature directions are enough for what only draws directions."""
    x: Float[Array, "*runs n bases"]
    """The samples, one a column."""
    active: Bool[Array, "*runs n bases"]
    """Which features are switched on in them."""
    h: Float[Array, "*runs d_layer bases"]
    """Where perturbations start: real activations (A) or Gaussian ones (B)."""
    real: Float[Array, "*runs d_layer real"]
    """Other real activations."""
    real_x: Float[Array, "*runs n real"]
    """The samples that they come from."""

    def whole_subject(self) -> Subject:
        """The layer with its model, which responses and gradients need."""
        if not isinstance(self.subject, Subject):
            raise TypeError("these bases know feature directions, but no model")
        return self.subject


register_pytree(Bases, ("subject", "x", "active", "h", "real", "real_x"))


class Samples(NamedTuple):
    """What starting points and other real activations are the activations of."""

    x: Float[Array, "*runs n bases"]
    """Samples with an active feature."""
    active: Bool[Array, "*runs n bases"]
    """Which features are switched on in them."""
    real_x: Float[Array, "*runs n real"]
    """Others, as they come."""


def draw_samples(
    features: FeatureDistribution,
    key: PRNGKeyArray,
    *,
    bases: int,
    real: int,
    most: int | None = None,
) -> Samples:
    """The samples of `draw_bases`, which no model has seen yet; consumes the key.

    Args:
        features: distribution of one model's samples.
        key: of all draws.
        bases: how many with an active feature.
        real: how many others.
        most: features that may be active in one of the former.
    """
    check_count("bases", bases)
    check_count("real", real, minimum=2)
    first, second = jax.random.split(key)
    drawn = features.sample_labelled(first, SPARE * bases)
    count = drawn.active.sum(axis=0)
    unwanted = (count == 0) | (count > (len(drawn.x) if most is None else most))
    chosen = jnp.argsort(unwanted, stable=True)[:bases]
    return Samples(
        x=drawn.x[:, chosen],
        active=drawn.active[:, chosen],
        real_x=features.sample_labelled(second, real).x,
    )


def draw_bases(
    subject: Subject,
    features: FeatureDistribution,
    key: PRNGKeyArray,
    *,
    bases: int,
    real: int,
    most: int | None = None,
) -> Bases:
    """Real bases and other real activations; consumes the key.

    Pure, and mapped over an ensemble with `jax.vmap` or `jax.lax.map`. Of five times as
    many samples as bases, the first that are wanted are taken; should there be too few,
    the rest are others.

    Args:
        subject: layer of one model.
        features: distribution of one model's samples.
        key: of all draws.
        bases: how many starting points.
        real: how many other activations, 2 or more.
        most: features that may be active in a base; at least one is.
    """
    drawn = draw_samples(features, key, bases=bases, real=real, most=most)
    return Bases(
        subject=subject,
        x=drawn.x,
        active=drawn.active,
        h=subject.activation(drawn.x),
        real=subject.activation(drawn.real_x),
        real_x=drawn.real_x,
    )


def covariance_factor(
    real: Float[Array, "d_layer real"],
) -> tuple[Float[Array, " d_layer"], Float[Array, "d_layer d_layer"]]:
    """Mean μ and a factor F with F Fᵀ = Σ of real activations.

    Through the eigenvectors of Σ, so that a rank below d_layer does no harm.

    Raises:
        SettingsError: fewer than two activations; or (outside of `jax.jit`) all of them
            are the same.
    """
    if real.shape[1] < 2:
        raise SettingsError("real", f"{real.shape[1]} activations", "2 or more")
    mean = real.mean(axis=1)
    centred = real - mean[:, None]
    values, vectors = jnp.linalg.eigh(centred @ centred.T / (real.shape[1] - 1))
    if not isinstance(real, jax.core.Tracer):
        check_spread(real)
    return mean, vectors * jnp.sqrt(jnp.maximum(values, 0.0))[None, :]


def check_spread(real: Float[Array, "*runs d_layer real"]) -> None:
    """Raise `SettingsError` if activations do not differ, in any of the runs.

    Nothing can be scaled by the distance between real activations then.
    """
    spread = jnp.ptp(real, axis=-1).max(axis=-1)
    size = jnp.abs(real).max(axis=(-2, -1))
    if bool((~(spread > SAME * size)).any()):
        raise SettingsError(
            "real",
            "activations that are all the same, or not finite",
            "a covariance of rank 1 or more",
            "a layer before the model has lost its input",
        )


def gaussian_draws(
    key: PRNGKeyArray, real: Float[Array, "d_layer real"], count: int
) -> Float[Array, "d_layer count"]:
    """Draws from N(μ, Σ) of real activations; consumes the key."""
    mean, factor = covariance_factor(real)
    drawn = jax.random.normal(key, (real.shape[0], count), real.dtype)
    return mean[:, None] + factor @ drawn


def gaussian_bases(bases: Bases, key: PRNGKeyArray) -> Bases:
    """The same bases with Gaussian starting points (B); consumes the key.

    Each has the length of the real activation whose place it takes.
    """
    drawn = gaussian_draws(key, bases.real, bases.h.shape[1])
    length = jnp.linalg.norm(bases.h, axis=0) / jnp.linalg.norm(drawn, axis=0)
    return dataclasses.replace(bases, h=drawn * length[None, :])


def mean_distance(h: Float[Array, "d_layer real"]) -> Float[Array, ""]:
    """d̄, the mean distance between two different columns.

    The unit of every perturbation length in a layer.
    """
    count = h.shape[1]
    if count < 2:
        raise SettingsError("real", f"{count} activations", "2 or more")
    # From the mean, so that a large common part does not eat the digits.
    h = h - h.mean(axis=1, keepdims=True)
    square = (h**2).sum(axis=0)
    apart = square[:, None] + square[None, :] - 2 * h.T @ h
    distance = jnp.sqrt(jnp.maximum(apart, 0.0))
    # The diagonal is zero but for rounding.
    off = 1.0 - jnp.eye(count, dtype=h.dtype)
    return (distance * off).sum() / (count * (count - 1))


def unit_lengths(bases: Bases) -> dict[str, Float[Array, ""]]:
    """d̄ of the perturbed layer and of every later one, "output" included."""
    subject = bases.whole_subject()
    found = subject.forward(bases.real, bases.real_x)
    return {
        name: mean_distance(h)
        for name, h in ({subject.layer: bases.real} | found).items()
    }
