"""REP-1: a point that is repeated takes a corner of the pentagon, and a feature goes.

Figure: feature vectors in the plane, with the hidden vector of one data point that
training sees R times per update, after Jermyn's comment on Henighan et al. 2023,
*Superposition, Memorization, and Double Descent*. Besides: the number of features with
D_i > 0.2, and the D_X of the point, over R; and its D_X in more than two dimensions.

Source: n = 10,000, S = 0.999, T = 30,000, d = 2, R = 5. Claims, with thresholds fixed
before the runs and sizes frozen on calibration seed 1, for R ≥ 3 T/n: the
point is in the first 0.1 % by D_X (of T ≤ 1,000, the very first), in the plane and in
all other d; and in the plane exactly one feature with D_i > 0.2 fewer remains than of
the same data set at R = 1. Controls: R = 1; a different point of the same models; for
the count, R = 2, where the source sees no change, and the linear model.
The linear model gives a repeated point a direction of its own as well: the point
becomes a principal component of the data. So D_X in it is drawn, but is no control.

Seen at the verdict seed: the two of nine data sets that keep five features are those
whose point has half of its square in one feature. That feature lies on the point's
corner, with ‖W_i‖ = 0.76 long enough to be counted.

One sample of a claim is one data set, of which the best of some restarts by training
loss counts; nine of them, so that the interval of the median allows for one exception,
as "in four of five" does. Restarts differ by 0.5 % in their loss. Run
time at laptop scale: 45 s on two idle cores; REP-5 reads the same runs.

Axis letters: `sets`, `copies` values of R, `d` hidden dimensions, n features.
"""

import dataclasses
from collections.abc import Callable
from typing import Any, Self

import numpy as np
from jaxtyping import Float, Int
from matplotlib.figure import Figure

import toymodels as tm
from experiments.diverged import unless_diverged
from experiments.finite_models import hidden_points, point_dimensionality
from experiments.rep._copies_sweep import CopiesSweep
from experiments.rep._repeated import (
    SOURCE,
    TOP,
    counts_of,
    is_memorised,
    longest_features,
    point_loss,
    points_above,
)
from toymodels.claims import AtMost, Claim, Within, control, judge
from toymodels.config import from_json, settings, to_json
from toymodels.plotting import (
    Curve,
    curve_figure,
    over_seeds,
    plain_log_ticks,
    vector_panels,
)
from toymodels.result import Result

ID = "REP-1"
TITLE = "A repeated point takes the place of a feature"


@settings
class SinglePoint(CopiesSweep):
    """Settings of REP-1: those of the ensemble, and of its other dimensions.

    Args:
        dimensions: d of the further models.
        dimension_copies: R of these; the first is 1, the last at least 3 T/n.
        drawn: R of the panels.
        features_drawn: longest feature vectors that are drawn.
    """

    dimensions: tuple[int, ...] = (3, 5, 10)
    dimension_copies: tuple[int, int] = (1, 30)
    drawn: tuple[int, ...] = (1, 3, 30)
    features_drawn: int = 100

    @classmethod
    def preset(cls, scale: str) -> Self:
        """The settings of a scale."""
        found = super().preset(scale)
        # Every d is a program of its own to compile.
        return (
            dataclasses.replace(found, dimensions=(3,)) if scale == "smoke" else found
        )

    def many(self) -> np.ndarray:
        """Which R are at least 3 T/n."""
        return np.array(self.copies) >= 3 * self.per_feature


def compute(settings: SinglePoint, train: Callable[[tm.TrainSpec], tm.Run]) -> Result:
    """D_X of the point and the features that remain, for every data set and R."""
    run = train(settings.sweep_spec())
    best = run.best()
    copies, drawn = settings.copies, settings.drawn
    W = best.params["W"]  # members: data sets first, then R
    linear = train(settings.linear_spec(settings.members(copies)))
    arrays = {
        "copies": np.array(copies),
        "vectors": np.stack([picture(settings, W[copies.index(R)]) for R in drawn]),
        **_measures(settings, best),
        **_measures(settings, linear, "linear/"),
    }
    for d in settings.dimensions:
        more = train(
            settings.spec(
                settings.members(settings.dimension_copies),
                model=settings.model(d),
                seeds=1,
            )
        )
        arrays |= _measures(settings, more, f"d{d}/")
    return Result(arrays=arrays, meta={"settings": to_json(settings)})


def picture(
    settings: SinglePoint, W: Float[np.ndarray, "2 n"]
) -> Float[np.ndarray, "2 vectors"]:
    """The longest feature vectors, and last the hidden vector of the repeated point."""
    hidden = hidden_points(W, settings.dataset(settings.points, 0))[:, :1]
    return np.concatenate(
        [longest_features(W, settings.features_drawn), hidden], axis=1
    )


def _measures(
    settings: SinglePoint, run: tm.Run, prefix: str = ""
) -> dict[str, np.ndarray]:
    """What is asked of a run with one model for each member, as (sets, copies).

    `above` ordinary points have a larger D_X than the repeated one, `above_other` than
    the point after it; `D_point` is its own, `D_most` the largest of all others.
    """
    W, b, sets = run.params["W"], run.params["b"], settings.sets
    data = [settings.dataset(settings.points, which) for which in range(sets)]
    rows: list[dict[str, Any]] = []
    for member, (one, bias) in enumerate(zip(W, b, strict=True)):
        own = data[member * sets // len(W)]
        D = point_dimensionality(one, own)
        rows.append(
            {
                "above": points_above(D, [0], slice(1, None))[0],
                "above_other": points_above(D, [1], slice(2, None))[0],
                "D_point": D[0],
                "D_most": D[1:].max(),
                "point_loss": point_loss(one, bias, own.dense([0])[:, 0]),
            }
        )
    found = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    found["features"] = counts_of(W)
    return {
        prefix + name: unless_diverged(values, W).reshape(sets, -1)
        for name, values in found.items()
    }


def plot(result: Result) -> dict[str, Figure | bytes]:
    """The pentagon with the point in it; features and D_X over R."""
    settings = from_json(result.meta["settings"])
    copies = result["copies"]
    left, features = np.nanmedian(result["features"], axis=0)[[-1, 0]]
    drawn = [settings.copies.index(R) for R in settings.drawn]
    vectors = result["vectors"].shape[-1]
    caption = settings.note()
    panels = vector_panels(
        result["vectors"],
        titles=[
            f"R = {copies[k]}: {result['features'][0, k]:g} features" for k in drawn
        ],
        groups=np.arange(vectors) // (vectors - 1),
        group_names=("features $W_i$", "the repeated\npoint, $h = Wx$"),
        columns=len(drawn),
        title=f"{TITLE}: of {features:g} features {left:g} remain at R = {copies[-1]}",
        caption=f"first data set, the {vectors - 1} longest features · {caption}",
    )
    threshold = {"3 T/n": 3 * settings.per_feature}
    over_copies = {
        "xlabel": "R, copies of the point",
        "xscale": "log",
        "caption": f"{caption} · median over data sets, band from lowest to highest",
    }
    counts = curve_figure(
        [
            over_seeds("ReLU model", copies, result["features"]),
            over_seeds("linear model", copies, result["linear/features"]),
        ],
        ylabel="features with $D_i > 0.2$",
        ylim=(0.0, 6.4),
        xlines=threshold,
        title=f"{TITLE}: {features:g} features at R = 1, {left:g} at R = {copies[-1]}",
        **over_copies,
    )
    first = first_memorised(copies, result["above"], settings.points)
    shares = curve_figure(
        [
            over_seeds("the repeated point", copies, result["D_point"]),
            over_seeds("the highest of all others", copies, result["D_most"]),
            Curve(
                "the repeated point in the linear model",
                copies,
                np.nanmedian(result["linear/D_point"], axis=0),
                dashed=True,
            ),
        ],
        ylabel="data-point dimensionality $D_X$",
        yscale="log",
        xlines=threshold,
        title=f"A repeated point stands out from R = {np.nanmedian(first):g} on",
        **over_copies,
    )
    for figure in (counts, shares):
        plain_log_ticks(figure.axes[0].xaxis)
    return {"vectors": panels, "features": counts, "dimensionality": shares}


def claims(result: Result) -> list[Claim]:
    """The point is first by D_X, in every d; in the plane one feature is gone."""
    settings = from_json(result.meta["settings"])
    many = settings.many()
    top, one = AtMost(TOP), Within(0.75, 1.25)
    others = settings.points - 1

    def share(name: str, chosen: np.ndarray) -> np.ndarray:
        """Share of the other points above the point, at the worst R."""
        above = result[name][:, chosen].max(axis=1)
        return np.where(is_memorised(above, settings.points), 0.0, above / others)

    of_more = np.array([False, True])
    common = {"experiment": ID, "source": SOURCE, "scale": settings.scale}
    features = result["features"]
    return [
        judge(
            id="REP-1.point",
            statement="in the plane, a point in R ≥ 3 T/n copies is first by D_X",
            statistic="share of the other points with a larger D_X, at the worst R",
            expected=0.0,
            samples=share("above", many),
            test=top,
            controls=(
                control("R = 1", share("above", np.array(settings.copies) == 1), top),
                control("a different point", share("above_other", many), top),
            ),
            **common,
        ),
        judge(
            id="REP-1.feature",
            statement="it takes the place of exactly one feature",
            statistic="features with D_i > 0.2 at R = 1 minus those at R ≥ 3 T/n",
            expected=1.0,
            samples=lost(features[:, 0], features[:, many]),
            test=one,
            controls=(
                control(
                    f"R = {settings.copies[1]}",
                    lost(features[:, 0], features[:, 1:2]),
                    one,
                ),
                control(
                    "linear model",
                    lost(
                        result["linear/features"][:, 0],
                        result["linear/features"][:, many],
                    ),
                    one,
                ),
            ),
            **common,
        ),
        *(
            judge(
                id=f"REP-1.point_{d}d",
                statement=f"so it is in {d} hidden dimensions",
                statistic="share of the other points with a larger D_X, at "
                f"R = {settings.dimension_copies[1]}",
                expected=0.0,
                samples=share(f"d{d}/above", of_more),
                test=top,
                controls=(
                    control("R = 1", share(f"d{d}/above", ~of_more), top),
                    control(
                        "a different point", share(f"d{d}/above_other", of_more), top
                    ),
                ),
                **common,
            )
            for d in settings.dimensions
        ),
    ]


def lost(
    before: Float[np.ndarray, " sets"], after: Float[np.ndarray, "sets copies"]
) -> Float[np.ndarray, " sets"]:
    """Features that are gone, the mean over R."""
    return (before[:, None] - after).mean(axis=1)


def first_memorised(
    copies: Int[np.ndarray, " copies"],
    above: Float[np.ndarray, "sets copies"],
    points: int,
) -> Float[np.ndarray, " sets"]:
    """The lowest R from which on a point is memorised at every R; NaN if never."""
    forgotten = ~is_memorised(above, points)
    after = copies.size - np.argmax(forgotten[:, ::-1], axis=1)
    after = np.where(forgotten.any(axis=1), after, 0)
    return np.append(copies.astype(float), np.nan)[after]
