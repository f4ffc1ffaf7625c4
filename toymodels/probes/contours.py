"""Iso-response contours: how far a push must go, by direction within a plane.

In the plane of two orthogonal unit directions u and v at an activation h, the boundary
radius r(φ) is where ‖f(h + r(cos φ u + sin φ v)) − f(h)‖₂ first exceeds a threshold τ.
A coarse grid of radii brackets the first crossing, bisection and one secant narrow it.
Where the response stays below τ up to `reach` there is no boundary: NaN, never dropped.

Axis letters: `d` dimensions of the activation, `outputs` of f, `pairs` planes, each at
an activation of its own, `angles` φ, `radii` of the coarse grid, `thresholds` τ.

References:
    da Silva & Heimersheim 2026, *Evidence for feature-specific error correction in
    LLMs*, 2606.24964, who search a grid of radii only.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Num

from toymodels.config import check_choice, check_count, check_range, settings
from toymodels.probes.subject import Subject

# f: from activations (d, batch), and the samples (n, batch) that go around the layer,
# to what is compared (outputs, batch).
Response = Callable[
    [Float[Array, "d batch"], Float[Array, "n batch"]], Float[Array, "outputs batch"]
]

PROBABILITY = "probability"
PLATEAU, PEAK, ABSOLUTE = "plateau", "peak", "absolute"


@settings
class Level:
    """One way to say which response counts as a boundary.

    Args:
        kind: "plateau", a share of the plateau height; "peak", a share of the largest
            response along a feature direction, median over features; or "absolute".
        value: the share, or the response itself, > 0.
    """

    kind: str = PLATEAU
    value: float = 0.5

    def __post_init__(self):
        check_choice("kind", self.kind, (PLATEAU, PEAK, ABSOLUTE))
        check_range("value", self.value, low=0.0, open_low=True, hint="value=0.5")

    def __str__(self) -> str:
        return f"{self.value:g}" + ("" if self.kind == ABSOLUTE else f" of {self.kind}")


@settings
class Rays:
    """Where boundaries are looked for.

    Args:
        reach: α_max, the largest radius.
        angles: number of directions φ from 0° to 90°, both ends among them.
        coarse: radii of the grid that brackets a crossing; a response that exceeds a
            threshold and returns between two of them is missed.
        halvings: of the bracket. The secant after them makes the radius of a smooth
            response far finer than the last bracket, reach/(coarse · 2^halvings).
    """

    reach: float = 8.0
    angles: int = 60
    coarse: int = 64
    halvings: int = 6

    def __post_init__(self):
        check_range("reach", self.reach, low=0.0, open_low=True, hint="reach=8")
        check_count("angles", self.angles, minimum=3)
        check_count("coarse", self.coarse, minimum=2)
        check_count("halvings", self.halvings, minimum=0)

    def radii(self) -> Float[np.ndarray, " radii"]:
        """The coarse grid without 0."""
        return np.linspace(0, self.reach, self.coarse + 1)[1:].astype(np.float32)

    def phi(self) -> Float[np.ndarray, " angles"]:
        """Angles in radians."""
        return np.linspace(0, np.pi / 2, self.angles).astype(np.float32)


def output_of(subject: Subject, output: str = "output") -> Response:
    """One later layer of a subject as a function of its activation.

    Args:
        subject: what is perturbed.
        output: one of `subject.later`, or "probability": what the logits of a logistic
            or softmax head say.

    Raises:
        SettingsError: no such layer comes after the subject's.
    """
    head = subject.model.head
    squash = {"logistic": jax.nn.sigmoid, "softmax": _softmax}
    choices = (*subject.later, *([PROBABILITY] if head in squash else []))
    check_choice("output", output, choices)
    if output == PROBABILITY:
        return lambda h, x: squash[head](subject.forward(h, x)["output"])
    return lambda h, x: subject.forward(h, x)[output]


def _softmax(logits: Float[Array, "outputs batch"]) -> Float[Array, "outputs batch"]:
    return jax.nn.softmax(logits, axis=0)


def changes(
    response: Response,
    h: Float[Array, " d"],
    x: Float[Array, " n"],
    directions: Float[Array, "d rays"],
    radii: Float[Array, "rays radii"],
) -> Float[Array, "rays radii"]:
    """‖f(h + r·direction) − f(h)‖₂ at radii of each ray's own."""
    moved = h[:, None, None] + directions[:, :, None] * radii[None]
    flat = moved.reshape(h.shape[0], -1)
    around = jnp.broadcast_to(x[:, None], (x.shape[0], flat.shape[1]))
    change = response(flat, around) - response(h[:, None], x[:, None])
    return jnp.sqrt((change**2).sum(axis=0)).reshape(radii.shape)


def ray_responses(
    response: Response,
    h: Float[Array, "d pairs"],
    x: Float[Array, "n pairs"],
    directions: Float[Array, "d pairs"],
    rays: Rays,
) -> Float[Array, "pairs radii"]:
    """The response along one direction at each activation, on the coarse grid."""
    radii = jnp.asarray(rays.radii())[None]

    def one(ray: tuple) -> Float[Array, " radii"]:
        base, sample, direction = ray
        return changes(response, base, sample, direction[:, None], radii)[0]

    return jax.lax.map(one, (h.T, x.T, directions.T))


def boundary_radii(
    response: Response,
    h: Float[Array, "d pairs"],
    x: Float[Array, "n pairs"],
    u: Float[Array, "d pairs"],
    v: Float[Array, "d pairs"],
    thresholds: Float[Array, "thresholds pairs"],
    rays: Rays,
) -> Float[Array, "thresholds pairs angles"]:
    """Boundary radii of every plane, for several thresholds at once; to be jitted.

    One plane at a time, so that the memory needed is that of angles × radii.

    Args:
        response: f.
        h: activation of each plane.
        x: the sample it comes from, for what goes around the layer.
        u: unit direction at φ = 0.
        v: unit direction at φ = 90°, orthogonal to u (see `planes.check_planes`).
        thresholds: τ > 0 of each plane.
        rays: angles and radii.

    Returns:
        r(φ); NaN where the response does not exceed τ up to the reach.
    """
    angles, grid = jnp.asarray(rays.phi()), jnp.asarray(rays.radii())
    cos, sin = jnp.cos(angles)[None], jnp.sin(angles)[None]
    everywhere = jnp.broadcast_to(grid, (len(angles), len(grid)))

    def one(pair: tuple) -> Float[Array, "thresholds angles"]:
        base, sample, first, second, levels = pair
        directions = first[:, None] * cos + second[:, None] * sin
        found = changes(response, base, sample, directions, everywhere)

        def halve(_: Array, bracket: tuple) -> tuple:
            low, high, below, above = bracket
            middle = (low + high) / 2
            at = changes(response, base, sample, directions, middle.T).T
            up = at > levels[:, None]
            return (
                jnp.where(up, low, middle),
                jnp.where(up, middle, high),
                jnp.where(up, below, at),
                jnp.where(up, at, above),
            )

        bracket = first_bracket(found, grid, levels)
        low, high, below, above = jax.lax.fori_loop(0, rays.halvings, halve, bracket)
        rise = above - below
        share = (levels[:, None] - below) / jnp.where(rise > 0, rise, 1.0)
        crossing = low + jnp.clip(share, 0.0, 1.0) * (high - low)
        reached = (found[None] > levels[:, None, None]).any(axis=-1)
        return jnp.where(reached, crossing, jnp.nan)

    found = jax.lax.map(one, (h.T, x.T, u.T, v.T, thresholds.T))
    return found.transpose(1, 0, 2)


def first_bracket(
    found: Float[Array, "angles radii"],
    grid: Float[Array, " radii"],
    levels: Float[Array, " thresholds"],
) -> tuple[Float[Array, "thresholds angles"], ...]:
    """Around the first crossing of each level: radii and responses, below and above.

    The response at radius 0 is 0; where a level is never exceeded, the bracket is the
    first cell and means nothing.
    """
    place = (found[None] > levels[:, None, None]).argmax(axis=-1)
    radius = jnp.pad(grid, (1, 0))
    value = jnp.pad(found, ((0, 0), (1, 0)))
    ray = jnp.broadcast_to(jnp.arange(found.shape[0])[None], place.shape)
    return radius[place], radius[place + 1], value[ray, place], value[ray, place + 1]


def level_responses(
    response: Response,
    h: Float[Array, "d pairs"],
    x: Float[Array, "n pairs"],
    *,
    random: Float[Array, "d pairs"],
    features: Float[Array, "d pairs"],
    levels: tuple[Level, ...],
    rays: Rays,
) -> Float[Array, " thresholds"]:
    """The response τ that each level stands for in one model.

    Args:
        response: f.
        h: activations, at each of which a random and a feature direction is tried.
        x: the samples that go around the layer.
        random: unit directions for the plateau height.
        features: unit directions for the peak.
        levels: of which τ is wanted.
        rays: the reach and its radii.
    """
    unit = {ABSOLUTE: jnp.ones(())}
    kinds = {level.kind for level in levels}
    if PLATEAU in kinds:
        unit[PLATEAU] = plateau_height(ray_responses(response, h, x, random, rays))
    if PEAK in kinds:
        along = ray_responses(response, h, x, features, rays)
        unit[PEAK] = jnp.median(along.max(axis=1))
    return jnp.stack([level.value * unit[level.kind] for level in levels])


def plateau_height(responses: Num[Array, "pairs radii"]) -> Float[Array, ""]:
    """Median over directions of the median response in the last quarter of the reach.

    Args:
        responses: along random directions, as from `ray_responses`.
    """
    last = responses.shape[1] - max(responses.shape[1] // 4, 1)
    return jnp.median(jnp.median(responses[:, last:], axis=1))
