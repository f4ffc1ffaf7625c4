"""`toymodels probe --perturbation iso`: contours of equal response, their exponents.

Axis letters: `runs`, `kinds` of directions, `bases` (a plane at each), `angles`.
"""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, PRNGKeyArray
from matplotlib.figure import Figure

from toymodels.cli.probe_world import (
    ProbeFlags,
    ProbeWorld,
    summary,
)
from toymodels.config import SettingsError
from toymodels.features import FeatureDistribution
from toymodels.models import ModelSettings, Params
from toymodels.plotting import ContourSet, contour_panels
from toymodels.probes import (
    DirectionFamily,
    Rays,
    Subject,
    boundary_radii,
    draw_bases,
    draw_directions,
    fit_superellipse,
    mean_distance,
    output_of,
    plateau_height,
    random_planes,
    ray_responses,
)
from toymodels.probes.bases import check_spread
from toymodels.stats import finite_median

KNOWN, UNKNOWN = ("feature", "isotropic"), ("covariance", "isotropic")
SHARE = 0.5  # of the plateau height
REAL = 400
ANGLES = 31
# Directions drawn for a plane, of which the two that overlap least are taken.
DRAWN = 8


def probe(world: ProbeWorld, flags: ProbeFlags) -> tuple[list[dict[str, Any]], Figure]:
    """A row for each family of directions, and contours of the first model.

    At each of the bases lies a plane of two directions of a family. The boundary is
    where the output has moved by half (`--threshold`) of the plateau height, the median
    response to random directions in the last quarter of the reach. Columns: exponent p
    of the contours (2 is an ellipse, above 2 the axes are privileged), median over
    planes; p minus that of random planes; boundary radius on the first axis, in mean
    distances; shares of planes without a boundary on an axis, which have no p, and of
    fits that end at a bound of p; residual of the fits; share of bases without a plane,
    as no two directions span one there. `--radii` is the coarse grid.

    Raises:
        SettingsError: a layer of one dimension, which has no planes; activations that
            are all the same; a family without a plane at any base.
    """
    d = world.subject(0).activation(jnp.zeros((world.model.n, 1))).shape[0]
    if d < 2:
        raise SettingsError("layer", f"{d} dimension", "two or more: a plane")
    rays = Rays(reach=flags.reach, angles=ANGLES, coarse=max(flags.radii, 8))
    share = SHARE if flags.threshold is None else flags.threshold
    first = world.subject(0)
    truth = first.model.feature_directions(first.params, world.layer) is not None
    names = flags.directions or (KNOWN if truth else UNKNOWN)
    families = flags.families(names)
    names = tuple(families)
    plan = (
        world.model,
        world.layer,
        tuple(families.values()),
        rays,
        flags.bases,
        share,
    )
    params = {name: jnp.asarray(value) for name, value in world.params.items()}
    contours, there, real = _contours(plan, params, world.features, world.keys)
    check_spread(real)
    radii, exists = np.asarray(contours), np.asarray(there)
    for place, name in enumerate(names):
        if not exists[:, place].any():
            raise SettingsError(
                "directions",
                name,
                "directions of which two span a plane, at one base or more",
                "--directions isotropic",
            )
    fits = fit_superellipse(rays.phi(), radii)
    exponent = finite_median(fits.exponent)
    rows = []
    for place, name in enumerate(names):
        row = {"direction": name, "p": summary(exponent[:, place])}
        if "isotropic" in names:
            random = exponent[:, names.index("isotropic")]
            row["p − p(isotropic)"] = summary(exponent[:, place] - random)
        # Of the planes that there are: a direction may not exist at a base.
        missing = np.isnan(fits.axes[:, place]).any(axis=-1) & exists[:, place]
        missing = missing.sum(axis=-1) / np.maximum(exists[:, place].sum(axis=-1), 1)
        rows.append(
            row
            | {
                "radius": summary(finite_median(fits.axes[:, place, :, 0])),
                f"no boundary within {flags.reach:g}": summary(missing),
                "p at bound": summary(fits.at_bound[:, place].mean(axis=-1)),
                "residual": summary(finite_median(fits.residual[:, place])),
                "no plane": summary(1.0 - exists[:, place].mean(axis=-1)),
            }
        )
    sets = {
        f"{name}: p = {exponent[0, place]:.2f}": ContourSet(
            rays.phi(), radii[0, place], float(exponent[0, place]), place
        )
        for place, name in enumerate(names)
    }
    figure = contour_panels(
        sets,
        xlabel="push along u, over its boundary",
        ylabel="push along v, over its boundary",
        title=f"Contours of equal response, layer {world.layer}",
        caption=world.caption(
            planes=flags.bases,
            angle=flags.angle,
            k=flags.k,
            reach=f"{flags.reach:g} mean distances",
            threshold=f"{share:g} of the plateau height",
            drawn="the first model" if world.runs > 1 else None,
        ),
    )
    return rows, figure


@functools.partial(jax.jit, static_argnums=0)
def _contours(
    plan: tuple, params: Params, features: FeatureDistribution, keys: Array
) -> tuple[
    Float[Array, "runs kinds bases angles"],
    Bool[Array, "runs kinds bases"],
    Float[Array, "runs d real"],
]:
    return jax.lax.map(lambda run: _of_model(plan, *run), (params, features, keys))


def _of_model(
    plan: tuple[ModelSettings, str, tuple[DirectionFamily, ...], Rays, int, float],
    params: Params,
    features: FeatureDistribution,
    key: PRNGKeyArray,
) -> tuple[
    Float[Array, "kinds bases angles"], Bool[Array, "kinds bases"], Float[Array, "d r"]
]:
    model, layer, families, rays, count, share = plan
    subject = Subject(model, params, layer)
    base_key, random_key, *own = jax.random.split(key, 2 + len(families))
    bases = draw_bases(subject, features, base_key, bases=count, real=REAL)
    unit, response = mean_distance(bases.real), output_of(subject)
    random, _ = random_planes(random_key, bases.h.shape[0], count)
    along = ray_responses(response, bases.h, bases.x, unit * random, rays)
    tau = jnp.broadcast_to(share * plateau_height(along), (1, count))
    found = []
    for family, draw in zip(families, own, strict=True):
        # There are but two principal components for each dimension, + and −.
        most = 2 * len(bases.h) if family.kind == "pca" else DRAWN
        u, v = _plane(draw_directions(family, bases, draw, min(DRAWN, most)))
        radii = boundary_radii(
            response, bases.h, bases.x, unit * u, unit * v, tau, rays
        )[0]
        # A direction that does not exist is NaN, and so is its plane.
        there = ~jnp.isnan(u[0] + v[0])
        found.append((jnp.where(there[:, None], radii, jnp.nan), there))
    contours, exists = zip(*found, strict=True)
    return jnp.stack(contours), jnp.stack(exists), bases.real


def _plane(
    drawn: Float[Array, "bases directions d"],
) -> tuple[Float[Array, "d bases"], Float[Array, "d bases"]]:
    """The first direction, and of the others the one that overlaps least with it.

    Two that are parallel span no plane: they are NaN. So is what does not exist.
    """
    u, others = drawn[:, 0], drawn[:, 1:]
    cosine = jnp.abs(jnp.einsum("bd,bkd->bk", u, others))
    # `argmin` alone would prefer a direction that does not exist.
    least = jnp.where(jnp.isnan(cosine), jnp.inf, cosine).argmin(axis=1)
    v = jnp.take_along_axis(others, least[:, None, None], axis=1)[:, 0]
    rest = v - (u * v).sum(axis=1, keepdims=True) * u
    size = jnp.linalg.norm(rest, axis=1, keepdims=True)
    v = jnp.where(size > 1e-3, rest / size, jnp.nan)
    return u.T, v.T
