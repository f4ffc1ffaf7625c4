"""The response of a layer on a small sphere around an activation, and its maxima.

    R(v) = ‖f(h + ρ v) − f(h)‖,   ‖v‖ = 1

The hypothesis: a network that computes in superposition answers only where a readoff
crosses its threshold, so that R has spikes at the directions of features. In two and
three dimensions the whole sphere is laid out as a grid, whose local maxima are those of
the points above all of their neighbours; in more dimensions ascent from many starts
finds them. A linear layer has the maxima of a quadratic form instead: its singular
vectors.

Of a head with probabilities R may also be √KL(clean ‖ perturbed), which grows with the
length of a small change as ‖f − f‖ does; logits go on moving where probabilities have
long stopped, so report both.

Flat ground is no maximum: where R is 0 nothing is found, and `Ascent.responses` tells
how many starts stayed there.

Axis letters: n features, d dimensions of the layer, `bases` real activations, `points`
or `starts` unit vectors, `neighbours` of a point, `radii`.
"""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray

from toymodels.config import SettingsError, check_choice, check_count, check_range
from toymodels.probes.responses import divergence
from toymodels.probes.subject import Subject
from toymodels.pytree import register_pytree

# What R is: the distance of the outputs, or the root of their divergence.
MEASURES = ("l2", "kl")


# --- responses -----------------------------------------------------------------------


def random_directions(
    key: PRNGKeyArray, d: int, points: int
) -> Float[Array, "d points"]:
    """Isotropic unit vectors; consumes the key."""
    drawn = jax.random.normal(key, (d, points))
    return drawn / jnp.linalg.norm(drawn, axis=0, keepdims=True)


def sphere_responses(
    subject: Subject,
    x: Float[Array, "n bases"],
    directions: Float[Array, "d points"],
    radii: Float[Array, " radii"],
    *,
    measure: str = "l2",
) -> Float[Array, "bases radii points"]:
    """R at the output, for every base, radius and direction.

    One base and radius at a time: all together would hold bases × radii × points × n
    numbers.

    Args:
        subject: the layer; of one model.
        x: samples whose activations are the bases.
        directions: unit vectors.
        radii: ρ ≥ 0 in the units of the activation.
        measure: "l2", or "kl" for a head with probabilities.

    Raises:
        SettingsError: "kl" for a linear head.
    """
    _check_measure(subject, measure)
    return _sphere_responses(subject, x, directions, radii, measure)


@jax.jit(static_argnames="measure")
def _sphere_responses(
    subject: Subject,
    x: Float[Array, "n bases"],
    directions: Float[Array, "d points"],
    radii: Float[Array, " radii"],
    measure: str,
) -> Float[Array, "bases radii points"]:
    def of_base(base: Float[Array, " n"]) -> Float[Array, "radii points"]:
        def of_radius(radius: Float[Array, ""]) -> Float[Array, " points"]:
            return jnp.sqrt(_squared(subject, base, directions, radius, measure))

        return jax.lax.map(of_radius, radii)

    return jax.lax.map(of_base, x.T)


def _check_measure(subject: Subject, measure: str) -> None:
    check_choice("measure", measure, MEASURES)
    if measure == "kl" and subject.model.head == "linear":
        raise SettingsError(
            "measure", measure, "l2, as a linear head has no probabilities", "l2"
        )


def _squared(
    subject: Subject,
    x: Float[Array, " n"],
    directions: Float[Array, "d points"],
    radius: Float[Array, ""],
    measure: str,
) -> Float[Array, " points"]:
    """R² around the activation of one sample."""
    h = subject.activation(x[:, None])
    clean = subject.forward(h, x[:, None])["output"]
    around = jnp.broadcast_to(x[:, None], (x.shape[0], directions.shape[1]))
    moved = subject.forward(h + radius * directions, around)["output"]
    if measure == "kl":
        same = jnp.broadcast_to(clean, moved.shape)
        return jnp.maximum(divergence(subject.model.head, same, moved), 0.0)
    return jnp.sum((moved - clean) ** 2, axis=0)


# --- ascent --------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Ascent:
    """Where ascent arrived.

    Attributes:
        directions: (bases, d, starts) unit vectors.
        responses: (bases, starts) R there; 0 for a start that stayed on flat ground.
        angles: (bases, starts) size of the last step in radians; small once arrived.
    """

    directions: Float[Array, "*bases d starts"]
    responses: Float[Array, "*bases starts"]
    angles: Float[Array, "*bases starts"]


register_pytree(Ascent, ("directions", "responses", "angles"))


def ascend(
    subject: Subject,
    x: Float[Array, "n bases"],
    starts: Float[Array, "d starts"],
    radius: Float[Array, ""],
    *,
    steps: int = 150,
    measure: str = "l2",
) -> Ascent:
    """Climb R on the sphere from every start, around every base.

    A step goes along the gradient's part in the sphere, by an angle that grows by a
    fifth after a success and halves after a failure; a step that would go down is not
    taken. So R never falls, and no scale of R has to be known.

    Args:
        subject: the layer; of one model.
        x: samples whose activations are the bases.
        starts: unit vectors, the same for every base.
        radius: ρ > 0.
        steps: tried for each start, ≥ 1.
        measure: as in `sphere_responses`.
    """
    check_count("steps", steps)
    _check_measure(subject, measure)
    return _ascend(subject, x, starts, radius, steps, measure)


def _ascend_base(
    subject: Subject,
    x: Float[Array, " n"],
    starts: Float[Array, "d starts"],
    radius: Float[Array, ""],
    steps: int,
    measure: str,
) -> Ascent:
    def climb(v: Float[Array, "d starts"]) -> tuple[Array, Array]:
        """R² and the unit tangent along which it rises fastest, 0 where it is flat."""
        squared, pull = jax.vjp(lambda u: _squared(subject, x, u, radius, measure), v)
        slope = pull(jnp.ones_like(squared))[0]
        slope = slope - v * jnp.sum(slope * v, axis=0, keepdims=True)
        norm = jnp.linalg.norm(slope, axis=0, keepdims=True)
        return squared, slope / jnp.where(norm > 0, norm, 1.0)

    def step(state: tuple, _: None) -> tuple[tuple, None]:
        v, squared, tangent, angle = state
        turned = jnp.cos(angle)[None] * v + jnp.sin(angle)[None] * tangent
        turned = turned / jnp.linalg.norm(turned, axis=0, keepdims=True)
        higher, onward = climb(turned)
        rises = higher > squared
        kept = (
            jnp.where(rises[None], turned, v),
            jnp.where(rises, higher, squared),
            jnp.where(rises[None], onward, tangent),
            jnp.where(rises, jnp.minimum(1.2 * angle, 0.5), 0.5 * angle),
        )
        return kept, None

    first = (starts, *climb(starts), jnp.full(starts.shape[1:], 0.2, starts.dtype))
    (v, squared, _, angle), _ = jax.lax.scan(step, first, length=steps)
    return Ascent(v, jnp.sqrt(squared), angle)


@jax.jit(static_argnames=("steps", "measure"))
def _ascend(
    subject: Subject,
    x: Float[Array, "n bases"],
    starts: Float[Array, "d starts"],
    radius: Float[Array, ""],
    steps: int,
    measure: str,
) -> Ascent:
    return jax.lax.map(
        lambda base: _ascend_base(subject, base, starts, radius, steps, measure), x.T
    )


def distinct_maxima(
    directions: Float[Array | np.ndarray, "d starts"],
    responses: Float[Array | np.ndarray, " starts"],
    *,
    cosine: float = 0.8,
    flat: float = 1e-3,
) -> Int[np.ndarray, " maxima"]:
    """Places of different maxima, from the highest down.

    Args:
        directions: where ascents from many starts arrived.
        responses: R there.
        cosine: two ends closer than this are one maximum, for which the higher stands.
            Two directions within a cosine of 0.95 of a feature are closer than 0.805.
        flat: ends below this share of the highest are on flat ground.
    """
    check_range("cosine", cosine, low=0.0, high=1.0)
    v, height = np.asarray(directions), np.asarray(responses)
    order = np.argsort(-height, kind="stable")
    order = order[height[order] > max(flat * height.max(initial=0.0), 0.0)]
    kept: list[int] = []
    for place in order:
        if not kept or (v[:, kept].T @ v[:, place]).max() < cosine:
            kept.append(int(place))
    return np.array(kept, int)


# --- comparison with features --------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class FeatureMatch:
    """The feature whose direction, of either sign, is nearest to each direction.

    Attributes:
        feature: (points,) its index.
        cosine: (points,) signed: below 0 where −Ŵ_i is the nearest.
    """

    feature: Int[np.ndarray, "*bases points"]
    cosine: Float[np.ndarray, "*bases points"]


def match_features(
    directions: Float[Array | np.ndarray, "*bases d points"],
    features: Float[Array | np.ndarray, "d n"],
) -> FeatureMatch:
    """Match unit directions with ±features.

    Args:
        directions: unit vectors.
        features: unit directions of the features, as columns.
    """
    cosines = np.einsum("dn,...dp->...np", np.asarray(features), np.asarray(directions))
    nearest = np.abs(cosines).argmax(axis=-2)
    signed = np.take_along_axis(cosines, nearest[..., None, :], axis=-2)
    return FeatureMatch(nearest, signed[..., 0, :])
