"""`toymodels probe --perturbation plateau` and `adversarial`.

Axis letters: `runs`, `families` of directions, `bases`, `radii`.
"""

from typing import Any

import numpy as np
from jaxtyping import Bool, Float
from matplotlib.figure import Figure

from toymodels.cli.probe_world import (
    ProbeFlags,
    ProbeWorld,
    summary,
)
from toymodels.plotting import Curve, over_seeds, small_multiples
from toymodels.probes import (
    DIRECTIONS,
    DirectionFamily,
    Perturbation,
    Perturbed,
    Responses,
    crossing_radius,
    perturb,
    plateau_radius,
    response_area,
)
from toymodels.stats import finite_median

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
    not get there. Where a base has no such direction, as that of an active feature
    without any, there is no push: "no direction" is the share of these. For JSON alone,
    at the largest length: the shares of pushes that make another output the largest
    (flipped) and of outputs that cross their threshold (crossed).
    """
    chosen = flags.directions or _known(world, FAMILIES[flags.perturbation])
    families = flags.families(chosen)
    names = tuple(families)
    found = {start: _perturbed(world, flags, families, start) for start in STARTS}
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


def _perturbed(
    world: ProbeWorld,
    flags: ProbeFlags,
    families: dict[str, DirectionFamily],
    start: str,
) -> Perturbed:
    how = Perturbation(
        families=tuple(families.values()),
        start=start,
        bases=flags.bases,
        reach=flags.reach,
        radii=flags.radii,
    )
    return perturb(
        how, world.model, world.params, world.layer, world.features, world.keys
    )


def _row(
    name: str,
    place: int,
    found: dict[str, Perturbed],
    radii: Float[np.ndarray, " radii"],
    share: float,
) -> dict[str, Any]:
    row: dict[str, Any] = {"direction": name}
    shown = f"r{100 * share:.3g}"
    real, gaussian = (
        {k: v[:, place] for k, v in _answers(found[s].responses).items()}
        for s in STARTS
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
    absent = _absent(found["real"])[:, place]
    row[f"none within {radii[-1]:g}"] = _share(np.isnan(boundary), ~absent)
    row["no direction"] = _share(absent)
    for name in ("flipped", "crossed"):
        last = np.asarray(getattr(found["real"].responses, name))[:, place, ..., -1]
        row[name] = _share(last, ~absent)
    return row


def _absent(found: Perturbed) -> Bool[np.ndarray, "runs families bases directions"]:
    """Which directions do not exist: these have no answer even to a push of length 0.

    But where real outputs are all the same, nothing has one.
    """
    unit = np.asarray(found.units["output"])[:, None, None, None]
    start = np.asarray(found.responses.distance["output"])[..., 0]
    return np.isnan(start) & (unit > 0)


def _share(values: np.ndarray, among: np.ndarray | None = None) -> float | None:
    """Mean of all models together; None if there is nothing to take it of."""
    values = values if among is None else values[among]
    return round(float(values.mean()), 6) if values.size else None


def _answers(found: Responses) -> dict[str, np.ndarray]:
    """By name, (runs, families, bases, directions, radii); no KL of a linear head."""
    kl = {} if np.isnan(found.kl).all() else {"KL": np.asarray(found.kl)}
    return {"L2": np.asarray(found.distance["output"])} | kl


def _over_bases(values: Float[np.ndarray, "runs bases directions"]) -> np.ndarray:
    """Median of each model over what is finite."""
    return finite_median(values.reshape(len(values), -1))


def _draw(
    world: ProbeWorld,
    flags: ProbeFlags,
    names: tuple[str, ...],
    found: dict[str, Perturbed],
    radii: Float[np.ndarray, " radii"],
) -> Figure:
    panels: dict[str, list[Curve]] = {}
    labels = {"L2": "L2 of the outputs, d̄", "KL": "KL"}
    for start, text in (("real", "real"), ("gaussian", "Gaussian")):
        for answer, curves in _answers(found[start].responses).items():
            panels[f"{labels[answer]}, {text} activations"] = [
                over_seeds(name, radii, median_curves(curves[:, place]))
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
        caption=world.caption(
            bases=flags.bases, angle=flags.angle, k=flags.k, seed=flags.seed
        ),
    )


def median_curves(
    curves: Float[np.ndarray, "runs bases directions radii"],
) -> Float[np.ndarray, "runs radii"]:
    """Of each model, over the directions that exist."""
    flat = curves.reshape(len(curves), -1, curves.shape[-1])
    return finite_median(flat.swapaxes(1, 2))
