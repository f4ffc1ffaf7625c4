"""DD-1: with endless data, five features form a pentagon and the others are dropped.

Figure: the columns of W of models with two hidden dimensions that see every sample
once, after Henighan et al. 2023, *Superposition, Memorization, and Double Descent*
("infinite data"); the linear model beside them.

Claims, with thresholds fixed before the runs: 5 features have D_i > 0.2; the gaps
between them are 72° ± 5 %. Controls: the linear model, which has no reason to prefer
five directions to others; untrained weights.

One sample of a claim is one seed. Fresh points in every update, 256 at laptop scale
(the source does not state its number). Run time at laptop scale: 25 s on two
cores; DD-3 reads the same runs.

Axis letters: `seeds`, n features, d = 2.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

import toymodels as tm
from experiments.dd._point_sweep import PointSweep
from experiments.dd._vectors import GAP, gap_error, longest
from experiments.diverged import unless_diverged
from experiments.finite_models import feature_count
from toymodels.claims import AtMost, Claim, Within, control, judge
from toymodels.config import from_json, settings, to_json
from toymodels.geometry import feature_dimensionality
from toymodels.plotting import vector_panels
from toymodels.result import Result

ID = "DD-1"
TITLE = "Endless data: a pentagon of features"
SOURCE = "Henighan et al. 2023, infinite data"

SHOWN = 200  # columns of W in a panel


@settings
class InfiniteData(PointSweep):
    """Settings of DD-1, all of them those of the sweep over T."""


def compute(settings: InfiniteData, train: Callable[[tm.TrainSpec], tm.Run]) -> Result:
    """Weights of every seed, trained, linear and untrained."""
    run, linear = train(settings.fresh_spec()), train(settings.fresh_spec(linear=True))
    return Result(
        arrays={
            "W": run.params["W"],
            "linear": linear.params["W"],
            "untrained": run.snapshots.params["W"][0],
        },
        meta={"settings": to_json(settings)},
    )


def plot(result: Result) -> dict[str, Figure | bytes]:
    """Two seeds of each model; the longest columns stand for the others."""
    settings = from_json(result.meta["settings"])
    shown = min(2, settings.sets)
    names = {"ReLU model": "W", "linear model": "linear"}
    panels = {
        f"{name}, seed {seed}": longest(result[key][seed], SHOWN)
        for name, key in names.items()
        for seed in range(shown)
    }
    count = np.median(feature_count(result["W"]))
    return {
        "vectors": vector_panels(
            np.stack(list(panels.values())),
            titles=list(panels),
            columns=4,
            title=f"{TITLE}: {count:g} features with $D_i$ > 0.2",
            caption=f"the {SHOWN} longest of n columns of W · "
            + settings.caption(batch=settings.fresh_batch, seeds=settings.sets),
        )
    }


def claims(result: Result) -> list[Claim]:
    """Five features, evenly spread."""
    settings = from_json(result.meta["settings"])
    common = {"experiment": ID, "source": SOURCE, "scale": settings.scale}
    five, even = Within(5, 5), AtMost(GAP)
    others = {"linear model": result["linear"], "untrained W": result["untrained"]}
    return [
        judge(
            id="DD-1.five",
            statement="with endless data five features have a share of the plane",
            statistic="features with D_i > 0.2",
            expected=5,
            samples=_count(result["W"]),
            test=five,
            controls=[control(name, _count(W), five) for name, W in others.items()],
            **common,
        ),
        judge(
            id="DD-1.pentagon",
            statement="these features form a regular polygon",
            statistic="largest error of a gap between neighbours, relative",
            expected=0.0,
            samples=kept_gap_error(result["W"]),
            test=even,
            controls=[
                control(name, kept_gap_error(W), even) for name, W in others.items()
            ],
            **common,
        ),
    ]


def _count(W: Float[np.ndarray, "seeds d n"]) -> Float[np.ndarray, " seeds"]:
    return unless_diverged(feature_count(W), W)


def kept_gap_error(W: Float[np.ndarray, "seeds d n"]) -> Float[np.ndarray, " seeds"]:
    """`gap_error` of the five features with the largest D_i."""
    order = np.argsort(-np.asarray(feature_dimensionality(W)), axis=-1)[:, :5]
    return gap_error(np.take_along_axis(W, order[:, None], axis=-1))
