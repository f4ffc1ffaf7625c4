"""`toymodels probe --perturbation plateau` and `adversarial`.

Axis letters: `runs`, `families` of directions, `bases`, `radii`.
"""

from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

from toymodels.cli.probe_world import ProbeFlags, ProbeWorld, summary
from toymodels.plotting import Curve, over_seeds, small_multiples
from toymodels.probes import (
    DIRECTIONS,
    Perturbation,
    Responses,
    crossing_radius,
    perturb,
    plateau_radius,
    response_area,
)

# Which families are shown when none is named; those with truth where there is any.
FAMILIES = {
    "plateau": ("isotropic", "covariance", "real_other", "feature", "mixture"),
    "adversarial": ("adversarial", "isotropic", "covariance", "real_other", "feature"),
}
# A response of half the distance between two real outputs is a boundary.
BOUNDARY = 0.5
# Share of the largest response at which a plateau ends.
SHARE = 0.1


def probe(world: ProbeWorld, flags: ProbeFlags) -> tuple[list[dict[str, Any]], Figure]:
    """A row for each family of directions, and the curves.

    Columns: r10 is the length at which a response reaches a tenth (`--threshold`) of
    its maximum, A/B its ratio between real and Gaussian starting points; area the mean
    response over all lengths; the boundary is where the outputs have moved by half the
    mean distance between those of two samples, and "none" the share of pushes that do
    not get there.
    """
    names = flags.directions or _known(world, FAMILIES[flags.perturbation])
    found = {start: _responses(world, flags, names, start) for start in STARTS}
    radii = np.linspace(0.0, flags.reach, flags.radii)
    share = SHARE if flags.threshold is None else flags.threshold
    rows = [_row(name, place, found, radii, share) for place, name in enumerate(names)]
    return rows, _draw(world, flags, names, found, radii)


STARTS = ("real", "gaussian")


def _known(world: ProbeWorld, names: tuple[str, ...]) -> tuple[str, ...]:
    one = world.subject(0)
    if one.model.feature_directions(one.params, one.layer) is not None:
        return names
    return tuple(name for name in names if not DIRECTIONS[name].needs_truth)


def _responses(
    world: ProbeWorld, flags: ProbeFlags, names: tuple[str, ...], start: str
) -> Responses:
    how = Perturbation(
        families=tuple(DIRECTIONS[name] for name in names),
        start=start,
        bases=flags.bases,
        reach=flags.reach,
        radii=flags.radii,
    )
    return perturb(
        how, world.model, world.params, world.layer, world.features, world.keys
    ).responses


def _row(
    name: str,
    place: int,
    found: dict[str, Responses],
    radii: Float[np.ndarray, " radii"],
    share: float,
) -> dict[str, Any]:
    row: dict[str, Any] = {"direction": name}
    shown = f"r{100 * share:.3g}"
    real, gaussian = (
        {k: v[:, place] for k, v in _answers(found[s]).items()} for s in STARTS
    )
    for answer in real:
        a, b = (
            plateau_radius(radii, of[answer], share=share) for of in (real, gaussian)
        )
        row[f"{answer} {shown}"] = summary(_over_bases(a))
        row[f"{answer} A/B"] = summary(_over_bases(a / b))
    row["L2 area"] = summary(_over_bases(response_area(radii, real["L2"])))
    boundary = crossing_radius(radii, real["L2"], BOUNDARY)
    row["boundary"] = summary(_over_bases(boundary))
    missing = np.isnan(boundary).mean(axis=(1, 2))
    row[f"none within {radii[-1]:g}"] = round(float(missing.mean()), 6)
    return row


def _answers(found: Responses) -> dict[str, np.ndarray]:
    """By name, (runs, families, bases, directions, radii); no KL of a linear head."""
    kl = {} if np.isnan(found.kl).all() else {"KL": np.asarray(found.kl)}
    return {"L2": np.asarray(found.distance["output"])} | kl


def _over_bases(values: Float[np.ndarray, "runs bases directions"]) -> np.ndarray:
    """Median of each model over what is finite."""
    rows = values.reshape(len(values), -1)
    return np.array(
        [
            np.median(row[np.isfinite(row)]) if np.isfinite(row).any() else np.nan
            for row in rows
        ]
    )


def _draw(
    world: ProbeWorld,
    flags: ProbeFlags,
    names: tuple[str, ...],
    found: dict[str, Responses],
    radii: Float[np.ndarray, " radii"],
) -> Figure:
    panels: dict[str, list[Curve]] = {}
    labels = {"L2": "L2 of the outputs, d̄", "KL": "KL"}
    for start, text in (("real", "real"), ("gaussian", "Gaussian")):
        for answer, curves in _answers(found[start]).items():
            panels[f"{labels[answer]}, {text} activations"] = [
                over_seeds(
                    name,
                    radii,
                    np.median(
                        curves[:, place].reshape(len(curves), -1, len(radii)), axis=1
                    ),
                )
                for place, name in enumerate(names)
            ]
    kl = any("KL" in name for name in panels)
    return small_multiples(
        panels,
        xlabel=f"length of the push at {world.layer}, d̄",
        ylabel="median response",
        sharey=not kl,
        columns=2,
        title=f"{type(world.model).__name__}: answers to pushes of {world.layer}",
        caption=world.caption(bases=flags.bases, seed=flags.seed),
    )
