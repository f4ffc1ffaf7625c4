"""DD-5: double descent over the number of points and over the hidden size.

Figure: a map of the loss on fresh points over T and d, after Henighan et al. 2023,
*Superposition, Memorization, and Double Descent*.

Claim, with its threshold fixed before the runs: along T there is an interior maximum,
at least 0.5 % above both ends, in at least 80 % of the rows with d > 3. Control: the
training loss of the same models, which rises. (The linear model is that of DD-3.)
Calibration on seed 1 gave 1 [0.75, 1] over four rows; d = 5 was added before seed 0.

One sample of a claim is one data set at every T and d. n = 200 and the steps are what a
laptop affords. Run time at laptop scale: 70 s on two cores.

Axis letters: `dims` values of d, `sets` data sets, `levels` of T.
"""

import dataclasses
from collections.abc import Callable
from typing import Any, Self

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

import toymodels as tm
from experiments.dd._grids import PointGrid, bump_height, over_points
from experiments.diverged import unless_diverged
from toymodels.claims import AtLeast, Claim, control, judge
from toymodels.config import check_choice, check_count, from_json, settings, to_json
from toymodels.plotting import heat_maps
from toymodels.result import Result

ID = "DD-5"
TITLE = "Loss on fresh points over T and d"
SOURCE = "Henighan et al. 2023, heat map of double descent"

HEIGHT = 1.005  # least height of a ridge over both ends
SHARE = 0.8  # of the rows with d > LARGE
LARGE = 3


@settings
class HeatMap(PointGrid):
    """Settings of DD-5.

    Args:
        dimensions: d, rising.
    """

    dimensions: tuple[int, ...] = (2, 3, 4, 5, 6, 8, 10)
    sets: int = 5  # the source has 4 models a cell; a verdict needs five

    def __post_init__(self):
        super().__post_init__()
        for d in self.dimensions:
            check_count("dimensions", d)

    @classmethod
    def preset(cls, scale: str) -> Self:
        """The settings of a scale."""
        presets: dict[str, dict[str, Any]] = {
            "smoke": {
                "n": 40, "sparsity": 0.9, "points": (5, 20, 60), "sets": 3,
                "dimensions": (2, 4), "steps": 200,
            },
            "laptop": {},
            "paper": {
                "n": 10_000, "sparsity": 0.999, "steps": 50_000,
                "dimensions": tuple(range(2, 11)),
                "points": tuple(10 * 2**k for k in range(14)),
            },
        }  # fmt: skip
        check_choice("scale", scale, presets)
        return cls(scale=scale, **presets[scale])


def compute(settings: HeatMap, train: Callable[[tm.TrainSpec], tm.Run]) -> Result:
    """Loss on fresh and on training points of every cell."""
    cells = [
        over_points(
            dataclasses.replace(settings, d=d),
            train,
            settings.fresh_loss,
            tm.Run.final_loss,
        )
        for d in settings.dimensions
    ]
    fresh, trained = (np.stack([row[k][0] for row in cells]) for k in range(2))
    return Result(
        arrays={"fresh": fresh, "train": trained}, meta={"settings": to_json(settings)}
    )


def plot(result: Result) -> dict[str, Figure | bytes]:
    """The median loss of each cell."""
    settings = from_json(result.meta["settings"])
    ridges = np.median(ridge_share(result["fresh"], settings.dimensions))
    figure = heat_maps(
        np.array(settings.points),
        np.array(settings.dimensions),
        {"": np.median(result["fresh"], axis=1)},
        xlabel="training points T",
        ylabel="hidden dimensions d",
        label="loss on fresh points",
        title=f"{TITLE}: a ridge along T in {ridges:.0%} of the rows with d > {LARGE}",
        caption=settings.note(cells="median"),
    )
    return {"heat_map": figure}


def claims(result: Result) -> list[Claim]:
    """A ridge along T."""
    settings = from_json(result.meta["settings"])
    most = AtLeast(SHARE)
    return [
        judge(
            id="DD-5.ridge",
            experiment=ID,
            statement="along T the loss on fresh points has an interior maximum",
            statistic=f"share of rows with d > {LARGE} with a maximum ≥ "
            f"{HEIGHT - 1:.1%} above both ends",
            expected="more consistent for d > 3",
            samples=ridge_share(result["fresh"], settings.dimensions),
            test=most,
            controls=(
                control(
                    "training loss",
                    ridge_share(result["train"], settings.dimensions),
                    most,
                ),
            ),
            source=SOURCE,
            scale=settings.scale,
        )
    ]


def ridge_share(
    loss: Float[np.ndarray, "dims sets levels"], dimensions: tuple[int, ...]
) -> Float[np.ndarray, " sets"]:
    """Share of the rows with large d that have an interior maximum along T."""
    large = loss[np.array(dimensions) > LARGE]
    heights = np.stack([bump_height(row) for row in large])
    return unless_diverged((heights >= HEIGHT).mean(axis=0), heights.T)
