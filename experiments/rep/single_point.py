"""REP-1: a point that is repeated takes a corner of the pentagon, and a feature goes.

Figure: feature vectors in the plane, with the hidden vector of one data point that
training sees R times per update, after Jermyn's comment on Henighan et al. 2023,
*Superposition, Memorization, and Double Descent*. Besides: the number of features with
D_i > 0.2, and the D_X of the point, over R; and its D_X in more than two dimensions.

Source: n = 10,000, S = 0.999, T = 30,000, d = 2, R = 5. Claims, with thresholds fixed
before the runs and sizes frozen on calibration seed 1, for R ≥ 3 T/n: the
point is in the first 0.1 % by D_X (of T ≤ 1,000, the very first), in the plane and in
all other d; and in the plane, in at least 80 % of the data sets, at every such R
exactly one feature with D_i > 0.2 fewer remains than of the same data set at R = 1.
Controls: R = 1; a different point of the same models; for the count, R = 2, where the
source sees no change, and the linear model.
The linear model gives a repeated point a direction of its own as well: the point
becomes a principal component of the data. So D_X in it is drawn, but is no control.

Seen at the verdict seed: the two of nine data sets that keep five features are those
whose point has half of its square in one feature. That feature lies on the point's
corner, with ‖W_i‖ = 0.76 long enough to be counted. The count was the median of a
mean over R then, to which 0 and 2 features lost were one.

One sample of a claim is one data set, of which in the plane the best of some restarts
by training loss counts; every model of more dimensions has one. Restarts differ by
0.5 % in their loss. Run time at laptop scale: 45 s on two idle cores; REP-5 reads the
same runs.

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
from toymodels.claims import AtMost, Claim, IsTrue, control, judge
from toymodels.config import from_json, settings, to_json
from toymodels.plotting import (
    Curve,
    curve_figure,
    draw_xlines,
    over_seeds,
    plain_log_ticks,
    small_multiples,
    vector_panels,
)
from toymodels.result import Result

ID = "REP-1"
TITLE = "A repeated point among the features of the plane"


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
        title=f"{TITLE}: {features:g} features at R = 1, {left:g} at R = {copies[-1]}",
        caption=f"first data set, the {vectors - 1} longest features; title: medians "
        f"over data sets · {caption}",
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
    plain_log_ticks(counts.axes[0].xaxis)
    return {
        "vectors": panels,
        "features": counts,
        "dimensionality": _dimensionality(result),
    }


def _dimensionality(result: Result) -> Figure:
    """D_X of the point and of the others over R, a panel for each d."""
    settings = from_json(result.meta["settings"])
    names = ("the repeated point", "the highest of all others")
    restarts = f"best of {settings.restarts} by training loss, one at d > {settings.d}"
    panels = {}
    for d, copies, prefix in (
        (settings.d, result["copies"], ""),
        *(
            (d, np.array(settings.dimension_copies), f"d{d}/")
            for d in settings.dimensions
        ),
    ):
        panels[f"d = {d}"] = [
            over_seeds(name, copies, result[prefix + of])
            for name, of in zip(names, ("D_point", "D_most"), strict=True)
        ]
    panels[f"d = {settings.d}"].append(
        Curve(
            "the repeated point in the linear model",
            result["copies"],
            np.nanmedian(result["linear/D_point"], axis=0),
            dashed=True,
        )
    )
    first = first_memorised(result["copies"], result["above"], settings.points)
    middle = np.median(np.nan_to_num(first, nan=np.inf))
    figure = small_multiples(
        panels,
        xlabel="R, copies of the point",
        ylabel="$D_X$ of data points",
        xscale="log",
        yscale="log",
        columns=2,
        title="A repeated point in the plane "
        + (
            f"is memorised from R = {middle:g} on"
            if np.isfinite(middle)
            else f"is not memorised at R = {settings.copies[-1]}"
        ),
        caption=f"{settings.note(restarts=restarts)} · vertical line: R = 3 T/n · "
        "median over data sets, band from lowest to highest",
    )
    for axes in figure.axes[: len(panels)]:
        draw_xlines(axes, {"": 3 * settings.per_feature})
        plain_log_ticks(axes.xaxis)
    return figure


def claims(result: Result) -> list[Claim]:
    """The point is first by D_X, in every d; in the plane one feature is gone."""
    settings = from_json(result.meta["settings"])
    many = settings.many()
    top, one = AtMost(TOP), IsTrue(0.8)
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
            statistic="share of data sets with exactly one feature of D_i > 0.2 fewer "
            "than at R = 1, at every R ≥ 3 T/n",
            expected="in four of five data sets",
            samples=one_lost(features[:, 0], features[:, many]),
            test=one,
            tolerance="in ≥ 80 % of data sets",
            controls=(
                control(
                    f"R = {settings.copies[1]}",
                    one_lost(features[:, 0], features[:, 1:2]),
                    one,
                ),
                control(
                    "linear model",
                    one_lost(
                        result["linear/features"][:, 0],
                        result["linear/features"][:, many],
                    ),
                    one,
                ),
            ),
            note="after seed 0 had been seen: a share of data sets, at the worst R, "
            "instead of the median of a mean over R, to which 0 and 2 lost were one",
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


def one_lost(
    before: Float[np.ndarray, " sets"], after: Float[np.ndarray, "sets copies"]
) -> Float[np.ndarray, " sets"]:
    """1 where exactly one feature is gone at every R, else 0; NaN if diverged."""
    gone = before[:, None] - after
    return np.where(np.isfinite(gone).all(axis=1), (gone == 1).all(axis=1), np.nan)


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
