"""TMS-9: dimensions per feature stick at 1 and at 1/2.

Figure: D* = d/‖W‖²_F against 1/(1−S), after Elhage et al. 2022, *Toy Models of
Superposition*, "The Geometry of Superposition". While a few features have a dimension
each, D* is 1; on the way to many small ones it pauses at 1/2, where features share a
dimension in antipodal pairs.

Claims, with thresholds fixed before the runs: D* is 1 ± 0.05 at p = 1, and within 0.03
of 1/2 at three or more of the 20 levels (condition (i) of the line rule). Controls:
untrained weights; the linear model, whose D* is 1 at every level; and a D* that falls
evenly between the two ends of the measured curve, on logarithmic axes, which passes 1/2
without a stop.

One sample of a claim is one seed. Run time at laptop scale: 150 s on two idle cores,
for the runs that TMS-10 and TMS-19 read as well.

Axis letters: `seeds`, `levels` of p.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

import toymodels as tm
from experiments.diverged import unless_diverged
from experiments.tms._many_features import BAND, X_LABEL, ManyFeatures
from toymodels.claims import AtLeast, Claim, Within, control, judge
from toymodels.config import from_json, settings, to_json
from toymodels.geometry import dimensions_per_feature
from toymodels.geometry.line_rule import ENOUGH_LEVELS, NEAR_HALF
from toymodels.plotting import Curve, curve_figure, over_seeds, plain_log_ticks
from toymodels.result import Result

ID = "TMS-9"
TITLE = "Dimensions per feature, from dense to sparse"
SOURCE = "Elhage et al. 2022, The Geometry of Superposition"


@settings
class DimensionalityStar(ManyFeatures):
    """Settings of TMS-9, all of them those of the ensemble."""


def compute(
    settings: DimensionalityStar, train: Callable[[tm.TrainSpec], tm.Run]
) -> Result:
    """D* of every run, of the initial weights and of the linear control."""
    run, linear = train(settings.spec()), train(settings.linear_spec())

    def d_star(of: tm.Run, W: np.ndarray) -> np.ndarray:
        return of.by_seed(np.asarray(dimensions_per_feature(W)))

    return Result(
        arrays={
            "p": settings.probability(),
            "d_star": d_star(run, run.params["W"]),
            "untrained": d_star(run, run.snapshots.params["W"][0]),
            "linear": d_star(linear, linear.params["W"]),
        },
        meta={"settings": to_json(settings)},
    )


def plot(result: Result) -> dict[str, Figure | bytes]:
    """D* over the sparsity, with the linear control."""
    settings = from_json(result.meta["settings"])
    x, d_star = 1 / result["p"], result["d_star"]
    resting = np.nanmedian(levels_near_half(d_star))
    even = Curve(
        "falling evenly", x, even_fall(np.nanmedian(d_star, axis=0)), dashed=True
    )
    figure = curve_figure(
        [
            over_seeds("ReLU model", x, d_star),
            over_seeds("linear model", x, result["linear"]),
            even,
        ],
        xlabel=X_LABEL,
        ylabel=r"dimensions per feature $D^* = d/\|W\|_F^2$",
        xscale="log",
        ylim=(0.0, 1.12),
        references={"1 own dimension": 1.0, "1/2 digons": 0.5},
        title=f"{TITLE}: {resting:g} of {len(x)} levels rest at 1/2",
        caption=f"{settings.caption()} · {BAND}",
    )
    plain_log_ticks(figure.axes[0].xaxis)
    return {"d_star": figure}


def claims(result: Result) -> list[Claim]:
    """D* = 1 where features are dense, and the plateau at 1/2."""
    settings = from_json(result.meta["settings"])
    d_star, untrained = result["d_star"], result["untrained"]
    common = {"experiment": ID, "source": SOURCE, "scale": settings.scale}
    at_one, at_half = Within(0.95, 1.05), AtLeast(ENOUGH_LEVELS)
    even = np.stack([even_fall(levels) for levels in d_star])
    return [
        judge(
            id="TMS-9.one",
            statement="dense features: each kept one has a dimension to itself",
            statistic="D* at p = 1",
            expected=1.0,
            samples=d_star[:, 0],
            test=at_one,
            # Not the linear model, whose D* is 1 as well.
            controls=(
                control("untrained W", untrained[:, 0], at_one),
                control("sparsest level", d_star[:, -1], at_one),
            ),
            **common,
        ),
        judge(
            id="TMS-9.half",
            statement="D* pauses at 1/2 over a range of sparsities",
            statistic=f"levels of {d_star.shape[1]} with |D* − 1/2| ≤ {NEAR_HALF}",
            expected="4 in a pilot of one seed",
            samples=levels_near_half(d_star),
            test=at_half,
            controls=(
                control("untrained W", levels_near_half(untrained), at_half),
                control("linear model", levels_near_half(result["linear"]), at_half),
                control("D* falling evenly", levels_near_half(even), at_half),
            ),
            **common,
        ),
    ]


def levels_near_half(d_star: Float[np.ndarray, "seeds levels"]) -> np.ndarray:
    """Number of levels of each seed at which D* is close to 1/2."""
    near = (np.abs(d_star - 0.5) <= NEAR_HALF).sum(axis=1)
    return unless_diverged(near, d_star)


def even_fall(d_star: Float[np.ndarray, " levels"]) -> np.ndarray:
    """A D* with the same ends that falls by the same factor from level to level."""
    return np.geomspace(d_star[0], d_star[-1], len(d_star))
