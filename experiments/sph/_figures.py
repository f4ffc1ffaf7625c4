"""Figures of SPH-2 to SPH-4, one panel for each model.

Axis letters: `runs`, `radii`, `cosines`.
"""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

from experiments.sph._worlds import ALONG
from toymodels.plotting import Curve, over_seeds, plain_log_ticks, small_multiples
from toymodels.probes import SPIKE_CLASSES


@dataclasses.dataclass(frozen=True)
class Shown:
    """What is drawn of one model: its name, radii, and arrays by what they measure."""

    name: str
    radii: Float[np.ndarray, " radii"]
    arrays: Mapping[str, np.ndarray]

    def over_radii(self, names: Sequence[str], key: str, axis: int) -> list[Curve]:
        """A curve for each name, along an axis of the array."""
        rows = np.moveaxis(self.arrays[key], axis, 0)
        return [
            over_seeds(name, self.radii, row)
            for name, row in zip(names, rows, strict=True)
        ]


def sphere_summary(
    models: Sequence[Shown],
    cosines: Float[np.ndarray, " cosines"],
    *,
    title: str,
    caption: str,
    radius: float,
) -> dict[str, Figure | bytes]:
    """Agreement of maxima with features, signs, heights and numbers over the radius."""
    agreement = small_multiples(
        {
            one.name: [
                over_seeds(name, cosines, one.arrays[f"above {key}"])
                for name, key in (
                    ("features", "features"),
                    ("random dictionary", "dictionary"),
                )
            ]
            for one in models
        },
        xlabel="|cos| with the nearest, at least",
        ylabel="share of maxima",
        references={"claimed": 0.8},
        columns=2,
        title=f"{title}: maxima and features, ρ = {radius:g} d̄",
        caption=caption,
    )
    signs = small_multiples(
        {one.name: one.over_radii(ALONG, "along", 1) for one in models},
        xlabel="radius ρ, d̄",
        ylabel="response",
        xscale="log",
        yscale="log",
        columns=2,
        sharey=False,
        title=f"{title}: along features of either sign",
        caption=caption,
    )
    ratio = small_multiples(
        {
            f"{one.name}, knee {np.median(one.arrays['knee']):.2f} d̄": [
                over_seeds(
                    "median maximum over random response",
                    one.radii,
                    one.arrays["ratio"],
                )
            ]
            for one in models
        },
        xlabel="radius ρ, d̄",
        ylabel="ratio",
        xscale="log",
        references={"claimed": 2.0},
        columns=2,
        title=f"{title}: height over the radius",
        caption=caption,
    )
    counts = small_multiples(
        {
            one.name: [
                *one.over_radii(SPIKE_CLASSES, "classes", 2),
                over_seeds("all", one.radii, one.arrays["count"], color=6),
            ]
            for one in models
        },
        xlabel="radius ρ, d̄",
        ylabel="maxima a base",
        xscale="log",
        yscale="symlog",
        columns=2,
        sharey=False,
        title=f"{title}: maxima at features over the radius",
        caption=caption,
    )
    for figure in (signs, ratio, counts):
        for axes in figure.axes:
            plain_log_ticks(axes.xaxis)
    return {"agreement": agreement, "signs": signs, "ratio": ratio, "counts": counts}
