"""`toymodels probe --perturbation sphere`: where around an activation is the response?

Axis letters: `runs`, `bases`, `starts` of ascents, `radii`.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.figure import Figure

from toymodels.cli.probe_world import ProbeFlags, ProbeWorld, summary
from toymodels.config import SettingsError
from toymodels.plotting import (
    Curve,
    DirectionMap,
    circle_figure,
    over_seeds,
    small_multiples,
    sphere_figure,
)
from toymodels.probes import (
    SPIKE_CLASSES,
    Ascent,
    Spikes,
    Subject,
    ascend,
    ascent_spikes,
    grid_spikes,
    local_maxima,
    random_directions,
    share_by_chance,
    sphere_grid,
    sphere_responses,
)
from toymodels.probes.bases import check_spread
from toymodels.probes.real_bases import LabelledBases, labelled_bases

# Radii, as shares of the largest one; the last is drawn where a sphere can be.
SHARES = (0.1, 0.3, 1.0)
# Short names of `SPIKE_CLASSES`, for columns.
SHORT = ("+on", "−on", "+off", "−off")
# Ascents from every base, and steps of each, where no grid covers the sphere.
STARTS, STEPS = 100, 80
# An ascent takes time: of many bases only the first are climbed from.
MOST_BASES = 4


def probe(world: ProbeWorld, flags: ProbeFlags) -> tuple[list[dict[str, Any]], Figure]:
    """A row for each radius; the sphere where d ≤ 3, else what the radius does.

    The response is the distance of the outputs (logits, where there are any). Columns:
    maxima a base; the share of them within 18 degrees of a feature of either sign, and
    that of random directions; the median maximum over the mean response of a random
    direction; maxima a base at features, by sign and whether these are active (on).
    With d > 3 maxima are found by ascent, from at most four bases.

    Raises:
        SettingsError: a layer of one dimension, without known features, or with
            activations that are all the same.
    """
    if len(world.subject(0).features()) < 2:
        raise SettingsError("layer", "one dimension", "two or more: a sphere")
    radii = flags.reach * np.asarray(SHARES, np.float32)
    found = [_of_model(world, flags, run, radii) for run in range(world.runs)]
    rows = []
    for place, radius in enumerate(radii):
        row: dict[str, Any] = {
            "ρ, d̄": float(round(float(radius), 6)),
            "maxima": summary([one["count"][place] for one in found]),
            "aligned": summary([one["share"][place] for one in found]),
            "chance": summary([one["chance"] for one in found]),
            "max/rand": summary([one["ratio"][place] for one in found]),
        }
        for kind, name in enumerate(SHORT):
            row[name] = summary([one["classes"][place][kind] for one in found])
        rows.append(row)
    return rows, _draw(world, flags, found, radii)


@jax.jit(static_argnames="bases")
def _grid_responses(
    subject: Subject, features: Any, key: Any, bases: int, directions: Any, radii: Any
) -> tuple[Any, ...]:
    """Responses on a grid and in random directions."""
    draw, turn = jax.random.split(key)
    drawn = labelled_bases(subject, features, draw, bases=bases)
    random = random_directions(turn, len(directions), 500)
    return (
        drawn,
        sphere_responses(subject, drawn.x, directions, radii * drawn.unit),
        sphere_responses(subject, drawn.x, random, radii * drawn.unit),
        random,
    )


@jax.jit(static_argnames="bases")
def _ascents(
    subject: Subject, features: Any, key: Any, bases: int, radii: Any
) -> tuple[Any, ...]:
    """The same by ascent."""
    draw, turn, other = jax.random.split(key, 3)
    drawn = labelled_bases(subject, features, draw, bases=bases)
    x, unit = drawn.x, drawn.unit
    d = len(subject.features())
    first = random_directions(turn, d, STARTS)
    random = random_directions(other, d, 500)
    found = jax.lax.map(
        lambda radius: ascend(subject, x, first, radius * unit, steps=STEPS), radii
    )
    return drawn, found, sphere_responses(subject, x, random, radii * unit), random


def _of_model(
    world: ProbeWorld, flags: ProbeFlags, run: int, radii: np.ndarray
) -> dict[str, Any]:
    """Maxima around the bases of one model, at every radius."""
    subject = world.subject(run)
    subject = jax.tree.map(jnp.asarray, subject)
    features = jax.tree.map(lambda leaf: leaf[run], world.features)
    directions = np.asarray(subject.features())
    d, grid = len(directions), None
    drawn: LabelledBases
    if d <= 3:
        grid = sphere_grid(d, levels=4)
        drawn, values, random, turned = _grid_responses(
            subject,
            features,
            world.keys[run],
            flags.bases,
            jnp.asarray(grid.directions, jnp.float32),
            jnp.asarray(radii),
        )
        check_spread(drawn.real)
        values = np.asarray(values)
        spikes = [
            grid_spikes(grid, values[:, place], directions)
            for place in range(len(radii))
        ]
    else:
        values = None
        drawn, ascents, random, turned = _ascents(
            subject,
            features,
            world.keys[run],
            min(flags.bases, MOST_BASES),
            jnp.asarray(radii),
        )
        check_spread(drawn.real)
        ends: Ascent = jax.tree.map(np.asarray, ascents)
        spikes = [
            ascent_spikes(jax.tree.map(lambda leaf, k=k: leaf[k], ends), directions)
            for k in range(len(radii))
        ]
    active, random = np.asarray(drawn.active), np.asarray(random)
    return _numbers(spikes, active, random) | {
        "chance": share_by_chance(directions, np.asarray(turned)),
        "grid": grid,
        "values": None if values is None else values[0, -1].astype(float),
        "features": directions.astype(float),
        "active": active[:, 0],
    }


def _numbers(
    spikes: list[Spikes], active: np.ndarray, random: np.ndarray
) -> dict[str, list]:
    """Of one model, by radius."""
    return {
        "count": [len(one.base) / active.shape[1] for one in spikes],
        "share": [one.share_aligned() for one in spikes],
        "ratio": [one.ratio(random[:, k]) for k, one in enumerate(spikes)],
        "classes": [one.classes(active) for one in spikes],
    }


def _draw(
    world: ProbeWorld, flags: ProbeFlags, found: list[dict[str, Any]], radii: np.ndarray
) -> Figure:
    title = f"{type(world.model).__name__}: responses around activations of "
    title += world.layer
    caption = world.caption(bases=flags.bases, seed=flags.seed)
    shown = found[:4]
    if shown[0]["grid"] is not None:
        maps = {
            f"model {place + 1}": DirectionMap(
                directions=one["grid"].directions,
                values=one["values"],
                features=one["features"],
                active=one["active"],
                maxima=local_maxima(one["values"], one["grid"]),
            )
            for place, one in enumerate(shown)
        }
        caption += f" · first base, ρ = {radii[-1]:g} d̄"
        if len(shown[0]["features"]) == 2:
            return circle_figure(maps, title=title, caption=caption)
        return sphere_figure(
            maps, label="response over its largest", title=title, caption=caption
        )
    classes = np.array([one["classes"] for one in found])
    count = np.array([one["count"] for one in found])
    ratio = np.array([one["ratio"] for one in found])
    panels: dict[str, list[Curve]] = {
        "maxima a base": [
            over_seeds("all", radii, count),
            *(
                over_seeds(name, radii, classes[:, :, kind])
                for kind, name in enumerate(SPIKE_CLASSES)
            ),
        ],
        "median maximum over random": [over_seeds("ratio", radii, ratio, color=5)],
    }
    return small_multiples(
        panels,
        xlabel="radius ρ, d̄",
        ylabel="",
        sharey=False,
        columns=2,
        title=title,
        caption=caption,
    )
