"""Directions to perturb along, as one family with names.

    isotropic            uniform on the sphere
    covariance           difference of two draws from N(μ, Σ) of real activations
    covariance_mixture   a draw from N(μ, Σ) minus the base
    real_other           another real activation minus the base
    feature              a known feature direction, + or −, active or inactive
    mixture              k different features together
    shuffled_feature     a feature with its coordinates in another order (a control)
    pca                  principal components of real activations, + and −
    adversarial          where the output answers most, by ascent at a small radius

Every one can also be rotated by an angle within a random plane. All are unit vectors.
A direction is drawn for each base: (bases, directions, d_layer).

Isotropic directions are a weak baseline: most of them leave the subspace in which
activations vary, so the one to compare with is `covariance` (2410.12555).

Axis letters: n features, `d_layer` dimensions, `bases`, `directions` of each base.

References:
    Heimersheim & Mendel 2024; Lee & Heimersheim 2024, *Investigating Sensitive
    Directions in GPT-2*, 2410.12555 (mixture: the base removed from the direction).
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.core
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from toymodels.config import (
    SettingsError,
    check_choice,
    check_count,
    check_range,
    settings,
)
from toymodels.probes.bases import SAME, Bases, covariance_factor, gaussian_draws

Directions = Float[Array, "bases directions d_layer"]

WHICH = ("inactive", "active", "any")


@settings
class DirectionFamily:
    """What kind of direction.

    Args:
        kind: a name of the list above.
        sign: 1 or −1, of features and mixtures.
        which: features that are "inactive" or "active" in the base, or "any".
        k: features of a mixture.
        radius: of the ascent, in mean distances between real activations.
        steps: of the ascent.
        angle: by which each direction is turned afterwards, in degrees.
    """

    kind: str
    sign: int = 1
    which: str = "inactive"
    k: int = 2
    radius: float = 0.02
    steps: int = 15
    angle: float = 0.0

    def __post_init__(self):
        check_choice("kind", self.kind, KINDS)
        check_choice("which", self.which, WHICH)
        if self.sign not in (1, -1):
            raise SettingsError("sign", self.sign, "1 or -1")
        check_count("k", self.k)
        check_count("steps", self.steps)
        check_range("radius", self.radius, low=0.0, open_low=True)
        check_range("angle", self.angle, low=-180.0, high=180.0)

    @property
    def needs_truth(self) -> bool:
        """Whether the model must have known feature directions."""
        return self.kind in ("feature", "mixture", "shuffled_feature")

    @property
    def needs_model(self) -> bool:
        """Whether the directions depend on what the model makes of activations."""
        return self.kind == "adversarial"


def draw_directions(
    family: DirectionFamily, bases: Bases, key: PRNGKeyArray, count: int
) -> Directions:
    """`count` unit directions of a family for each base; consumes the key.

    Pure: it can be compiled and mapped over an ensemble. A direction that does not
    exist, as that of an active feature where none is active, is NaN.

    Args:
        family: what kind.
        bases: starting points.
        key: of all draws.
        count: directions of each base.

    Raises:
        SettingsError: the family needs feature directions that the model does not have,
            more features than there are, or activations that vary.
    """
    check_count("count", count)
    draw, turn = jax.random.split(key)
    found = KINDS[family.kind](family, bases, draw, count)
    if not family.angle:
        return found
    return rotated(found, jnp.deg2rad(jnp.float32(family.angle)), key=turn)


def unit(vectors: Float[Array, "*batch d_layer"]) -> Float[Array, "*batch d_layer"]:
    """Each vector over its length; NaN for a zero vector, which points nowhere."""
    return vectors / jnp.linalg.norm(vectors, axis=-1, keepdims=True)


def orthogonal_part(
    v: Float[Array, "*batch d_layer"], u: Float[Array, "*batch d_layer"]
) -> Float[Array, "*batch d_layer"]:
    """The unit vector in the plane of u and v that is at a right angle to u.

    Args:
        v: vectors of any length.
        u: unit vectors.

    Raises:
        SettingsError: u and v are parallel, so that they span no plane (outside of
            `jax.jit`; inside, the result is NaN).
    """
    length = jnp.linalg.norm(v, axis=-1, keepdims=True)
    rest = v / length - (v / length * u).sum(axis=-1, keepdims=True) * u
    # Once more: the first pass leaves what rounding has lost.
    rest = rest - (rest * u).sum(axis=-1, keepdims=True) * u
    size = jnp.linalg.norm(rest, axis=-1, keepdims=True)
    parallel = ~(size > 1e-5)
    if not isinstance(size, jax.core.Tracer) and bool(parallel.any()):
        raise SettingsError(
            "directions", "two parallel ones", "two that span a plane", "another pair"
        )
    return jnp.where(parallel, jnp.nan, rest / size)


def rotated(
    directions: Float[Array, "*batch d_layer"],
    angle: Float[Array, ""],
    *,
    key: PRNGKeyArray,
) -> Float[Array, "*batch d_layer"]:
    """Unit directions turned by an angle within a random plane; consumes the key.

    Args:
        directions: unit vectors of two dimensions or more.
        angle: in radians, the same for all; each has a plane of its own.
        key: of the planes.
    """
    if directions.shape[-1] < 2:
        raise SettingsError(
            "angle", "a turn in 1 dimension", "2 dimensions or more", "angle=0"
        )
    other = jax.random.normal(key, directions.shape, directions.dtype)
    return jnp.cos(angle) * directions + jnp.sin(angle) * orthogonal_part(
        other, directions
    )


# --- kinds -------------------------------------------------------------------------


def _isotropic(
    family: DirectionFamily, bases: Bases, key: PRNGKeyArray, count: int
) -> Directions:
    shape = (bases.h.shape[1], count, bases.h.shape[0])
    return unit(jax.random.normal(key, shape, bases.h.dtype))


def _covariance(
    family: DirectionFamily, bases: Bases, key: PRNGKeyArray, count: int
) -> Directions:
    # The difference of two draws is √2 times one draw without the mean.
    _, factor = covariance_factor(bases.real)
    shape = (bases.h.shape[1], count, bases.h.shape[0])
    return unit(jax.random.normal(key, shape, bases.h.dtype) @ factor.T)


def _covariance_mixture(
    family: DirectionFamily, bases: Bases, key: PRNGKeyArray, count: int
) -> Directions:
    d, size = bases.h.shape
    drawn = gaussian_draws(key, bases.real, size * count).T.reshape(size, count, d)
    return unit(drawn - bases.h.T[:, None, :])


def _real_other(
    family: DirectionFamily, bases: Bases, key: PRNGKeyArray, count: int
) -> Directions:
    """Sparse samples repeat, so the same activation again is left out."""
    length = jnp.linalg.norm(bases.real, axis=0).mean()

    def of_base(h: Float[Array, " d_layer"], key: PRNGKeyArray) -> Array:
        apart = jnp.linalg.norm(bases.real - h[:, None], axis=0)
        chosen = _choose(key, apart > SAME * length, count, repeat=True)
        return (bases.real[:, chosen] - h[:, None]).T

    return unit(jax.vmap(of_base)(bases.h.T, jax.random.split(key, bases.h.shape[1])))


def _feature(
    family: DirectionFamily, bases: Bases, key: PRNGKeyArray, count: int
) -> Directions:
    return _of_features(family, bases, key, count, k=1)


def _mixture(
    family: DirectionFamily, bases: Bases, key: PRNGKeyArray, count: int
) -> Directions:
    return _of_features(family, bases, key, count, k=family.k)


def _shuffled_feature(
    family: DirectionFamily, bases: Bases, key: PRNGKeyArray, count: int
) -> Directions:
    choice, order = jax.random.split(key)
    found = _of_features(family, bases, choice, count, k=1)
    return jax.random.permutation(order, found, axis=-1, independent=True)


def _of_features(
    family: DirectionFamily, bases: Bases, key: PRNGKeyArray, count: int, *, k: int
) -> Directions:
    """Sums of k different features among those that the family allows."""
    columns = bases.subject.features()
    n = columns.shape[1]
    if k > n:
        raise SettingsError("k", k, f"at most n = {n} features")
    allowed = {"active": bases.active, "inactive": ~bases.active}.get(
        family.which, jnp.ones_like(bases.active)
    )
    # A feature without direction, as one that the model does not represent, is none.
    allowed = allowed & (columns != 0).any(axis=0)[:, None]

    def of_direction(allowed: Bool[Array, " n"], key: PRNGKeyArray) -> Array:
        chosen = _choose(key, allowed, k)
        total = columns[:, chosen].sum(axis=1)
        return jnp.where(allowed.sum() >= k, total, jnp.nan)

    keys = jax.random.split(key, (bases.h.shape[1], count))
    of_base = jax.vmap(of_direction, in_axes=(None, 0))
    return family.sign * unit(jax.vmap(of_base)(allowed.T, keys))


def _pca(
    family: DirectionFamily, bases: Bases, key: PRNGKeyArray, count: int
) -> Directions:
    """Largest first, + and − in turn, the same for every base."""
    d = bases.h.shape[0]
    if count > 2 * d:
        raise SettingsError(
            "count", count, f"at most 2·d = {2 * d} signed principal components"
        )
    _, factor = covariance_factor(bases.real)
    components = unit(factor.T[::-1])
    both = jnp.stack([components, -components], axis=1).reshape(2 * d, d)[:count]
    return jnp.broadcast_to(both, (bases.h.shape[1], count, d))


def _adversarial(
    family: DirectionFamily, bases: Bases, key: PRNGKeyArray, count: int
) -> Directions:
    """Projected gradient ascent of ‖f(h + r v) − f(h)‖, f the model's output.

    Each step puts v where the gradient points: v ← unit(Jᵀ(f(h + r v) − f(h))). With a
    small radius r this is power iteration on JᵀJ; with r beyond a threshold it finds
    what no derivative at h shows. From `count` random starts.
    """
    subject = bases.whole_subject()
    spread = bases.real - bases.real.mean(axis=1, keepdims=True)
    # √2 times the root mean square distance from the mean is that between two.
    radius = family.radius * jnp.sqrt(2 * (spread**2).sum(axis=0).mean())

    def of_base(base: tuple[Array, Array, Array]) -> Array:
        h, x, v = base
        given = jnp.repeat(x[:, None], count, axis=1)

        def output(shift: Float[Array, "directions d_layer"]) -> Array:
            return subject.forward(h[:, None] + shift.T, given)["output"]

        clean = output(jnp.zeros_like(v))

        def ascend(_: Any, v: Array) -> Array:
            reached, pull = jax.vjp(output, radius * v)
            (gradient,) = pull(reached - clean)
            # Where nothing answers, every direction is as good as the last.
            size = jnp.linalg.norm(gradient, axis=-1, keepdims=True)
            return jnp.where(size > 0, gradient / jnp.where(size > 0, size, 1.0), v)

        return jax.lax.fori_loop(0, family.steps, ascend, v)

    start = _isotropic(family, bases, key, count)
    return jax.lax.map(of_base, (bases.h.T, bases.x.T, start))


def _choose(
    key: PRNGKeyArray, allowed: Bool[Array, " n"], count: int, *, repeat: bool = False
) -> Array:
    """Indices of `count` random allowed entries, different ones unless `repeat`."""
    weight = jnp.where(allowed, 0.0, -jnp.inf)
    if repeat:
        return jax.random.categorical(key, weight, shape=(count,))
    noise = jax.random.gumbel(key, allowed.shape)
    return jax.lax.top_k(weight + noise, count)[1]


KINDS: dict[str, Callable[[DirectionFamily, Bases, PRNGKeyArray, int], Directions]] = {
    "isotropic": _isotropic,
    "covariance": _covariance,
    "covariance_mixture": _covariance_mixture,
    "real_other": _real_other,
    "feature": _feature,
    "mixture": _mixture,
    "shuffled_feature": _shuffled_feature,
    "pca": _pca,
    "adversarial": _adversarial,
}

DIRECTIONS: dict[str, DirectionFamily] = {
    **{name: DirectionFamily(kind=name) for name in KINDS},
    # An added feature is the plain one; these take it away, or change it otherwise.
    "feature_removed": DirectionFamily(kind="feature", which="active", sign=-1),
    "feature_amplified": DirectionFamily(kind="feature", which="active"),
    "feature_negative": DirectionFamily(kind="feature", sign=-1),
}
"""By name, as the command line knows them."""
