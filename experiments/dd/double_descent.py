"""DD-3, 4, 7, 8: from memorised points to features, by way of double descent.

Figures, all over the number of training points T, after Henighan et al. 2023,
*Superposition, Memorization, and Double Descent*, and the replication that follows it:
loss on fresh points; the largest D_i of the features and the median D_X of the points;
the lengths of W and b; hidden points and features of some of the models.

Claims, with thresholds fixed before the runs:

- DD-3: the median point has d/T of a dimension while T ≤ 10 (± 10 %); at the largest T
  there are 5 ± 1 features with D_i > 0.2; the loss on fresh points is highest at an
  intermediate T, at least 1 % above both ends.
- DD-4: ‖W‖ is largest at an intermediate T; ‖b‖ is below ‖W‖ at the fewest points,
  exceeds it at some T, and is below it again at the most.
- DD-7, the replication of DD-3: the three regimes come in order, that is, the loss
  peaks at a T above all that are memorised (D_X = d/T ± 10 %) and below all with four
  features or more.
- DD-8, the replication of DD-4: ‖b‖ first exceeds ‖W‖ within a factor of 1.5 of the T
  that the T-gon says.

Heights and absolute places of the peaks are no claims: authors and replication differ
by factors. Controls: the features of W permuted; the linear model, up to T = 500; the
training loss, which has no bump; models at the fewest points, which have no features;
the values of T in random order.

One sample of a claim is one data set at every T. Run time at laptop scale:
90 s on two cores.

Axis letters: `sets` data sets, `levels` of T, n features, d = 2.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

import toymodels as tm
from experiments.dd._grids import bump_height
from experiments.dd._point_sweep import PointSweep, sweep_arrays
from experiments.dd._vectors import longest, padded
from experiments.diverged import unless_diverged
from experiments.finite_models import feature_count
from toymodels.claims import AtLeast, AtMost, Claim, IsTrue, Within, control, judge
from toymodels.config import from_json, settings, to_json
from toymodels.plotting import (
    Curve,
    curve_figure,
    over_seeds,
    plain_log_ticks,
    vector_panels,
)
from toymodels.result import Result
from toymodels.theory import first_bias_above_weights, tgon

IDS = ("DD-3", "DD-4", "DD-7", "DD-8")
TITLE = "From memorised points to features"
SOURCE = "Henighan et al. 2023, and its replication"

X_LABEL = "training points T"
FEWEST = 10  # T up to which D_X is to be d/T
FEATURES = 4  # at least so many with D_i > 0.2 are the last regime
MOST_POINTS = 200  # in a panel
SHOWN = 200  # columns of W in a panel
PANELS = (5, 15, 50, 200, 1000)


@settings
class DoubleDescent(PointSweep):
    """Settings of DD-3, most of them those of the sweep over T.

    Args:
        linear_most: largest T of the linear control.
    """

    linear_most: int = 500

    def linear(self) -> "DoubleDescent":
        """The sweep of the linear control, of one restart."""
        points = tuple(T for T in self.points if T <= self.linear_most)
        return dataclasses.replace(self, points=points, restarts=1, large_restarts=1)


def compute(settings: DoubleDescent, train: Callable[[tm.TrainSpec], tm.Run]) -> Result:
    """The sweep, its linear control, and the models of endless data."""
    arrays = sweep_arrays(settings, train)
    linear = sweep_arrays(settings.linear(), train, linear=True)
    fresh = train(settings.fresh_spec())
    arrays |= {
        "fresh_loss": fresh.final_loss(),
        "linear_points": linear["points"],
        "linear_test_loss": linear["test_loss"],
        "linear_features": linear["features"],
        "linear_W_norm": linear["W_norm"],
        "fresh_features": feature_count(fresh.params["W"]),
    }
    return Result(arrays=arrays, meta={"settings": to_json(settings)})


def plot(result: Result) -> dict[str, Figure | bytes]:
    """Loss, dimensionalities and lengths over T, and some models as vectors."""
    settings = from_json(result.meta["settings"])
    T = result["points"]
    common = {"xlabel": X_LABEL, "xscale": "log", "caption": settings.note()}
    bump = np.median(bump_height(result["test_loss"]))
    loss = curve_figure(
        [
            over_seeds("fresh points", T, result["test_loss"]),
            over_seeds("training points", T, result["train_loss"]),
            over_seeds(
                "fresh points, linear model",
                result["linear_points"],
                result["linear_test_loss"],
            ),
        ],
        ylabel="loss, 1 for predicting zero",
        references={"endless data": float(np.median(result["fresh_loss"]))},
        title=f"Double descent: the loss on fresh points peaks {bump - 1:.1%} above "
        "the higher end",
        **common,
    )
    shares = curve_figure(
        [
            over_seeds("largest $D_i$ of a feature", T, result["largest"]),
            over_seeds("median $D_X$ of a point", T, result["point_share"]),
            Curve("d/T", T, np.minimum(settings.d / T, 1.0), dashed=True),
        ],
        ylabel="share of a dimension",
        yscale="log",
        references={"2/5 pentagon": 0.4},
        title="Points share the plane while they are few, features when they are many",
        **common,
    )
    few = [int(k) for k in T if 3 <= k <= FEWEST]
    theory = [tgon(k) for k in few]
    turned = np.nanmean(overtakes(result["b_norm"], result["W_norm"]))
    lengths = curve_figure(
        [
            over_seeds(r"$\|W\|_F$", T, result["W_norm"]),
            over_seeds(r"$\|b\|$", T, result["b_norm"]),
            Curve(
                r"$\|W\|_F$ of a T-gon",
                np.array(few),
                np.array([one.weight_norm for one in theory]),
                dashed=True,
                color=0,
            ),
            Curve(
                r"$\|b\|$ of a T-gon",
                np.array(few),
                np.array([one.bias_norm for one in theory]),
                dashed=True,
                color=1,
            ),
        ],
        ylabel="length",
        xlines={"‖b‖ exceeds ‖W‖ on a T-gon": first_bias_above_weights()},
        title=f"‖b‖ overtakes ‖W‖ and falls back in {turned:.0%} of the data sets",
        **common,
    )
    figures = {"loss": loss, "dimensionality": shares, "lengths": lengths}
    for figure in figures.values():
        plain_log_ticks(figure.axes[0].xaxis)
    return figures | _vectors(result, settings)


def _vectors(result: Result, settings: DoubleDescent) -> dict[str, Figure | bytes]:
    """Features above, points below, of the first data set."""
    T = list(result["points"])
    shown = [k for k in PANELS if k in T] or T
    return {
        "features": vector_panels(
            np.stack([longest(result["W"][T.index(k)], SHOWN) for k in shown]),
            titles=[f"T = {k:,}" for k in shown],
            title="Features, from few training points to many",
            caption=f"the longest columns of W · {settings.note()}",
        ),
        "points": vector_panels(
            np.stack([padded(result[f"hidden_{k}"], MOST_POINTS) for k in shown]),
            titles=[f"T = {k:,}" for k in shown],
            title="Training points in the hidden plane, from few to many",
            caption=f"at most {MOST_POINTS} of each · {settings.note()}",
        ),
    }


def claims(result: Result) -> list[Claim]:
    """Memorisation, features, the bump between them, and the lengths."""
    settings = from_json(result.meta["settings"])
    common = {"source": SOURCE, "scale": settings.scale}
    T = result["points"]
    share, five, bump = AtMost(0.1), Within(4, 6), AtLeast(1.01)
    return [
        judge(
            id="DD-3.memorised",
            experiment="DD-3",
            statement="few points share the plane evenly",
            statistic=f"largest |D_X·T/d − 1| of the medians at T ≤ {FEWEST}",
            expected=0.0,
            samples=share_error(result["point_share"], T, settings.d),
            test=share,
            controls=(
                control(
                    "features of W permuted",
                    share_error(result["shuffled_share"], T, settings.d),
                    share,
                ),
            ),
            **common,
        ),
        judge(
            id="DD-3.features",
            experiment="DD-3",
            statement="many points give way to five features",
            statistic=f"features with D_i > 0.2 at T = {T[-1]:,}",
            expected=5,
            samples=result["features"][:, -1],
            test=five,
            controls=(
                control("fewest points", result["features"][:, 0], five),
                control("linear model", result["linear_features"][:, -1], five),
            ),
            **common,
        ),
        judge(
            id="DD-3.bump",
            experiment="DD-3",
            statement="the loss on fresh points is highest between the two regimes",
            statistic="highest loss at an intermediate T over the higher of both ends",
            expected="about 1.01",
            samples=bump_height(result["test_loss"]),
            test=bump,
            controls=(
                control("training loss", bump_height(result["train_loss"]), bump),
            ),
            **common,
        ),
        *_lengths(result, common),
        *_replication(result, settings, common),
    ]


def _lengths(result: Result, common: dict[str, Any]) -> list[Claim]:
    peak, crossed = AtLeast(1.05), IsTrue(0.8)
    return [
        judge(
            id="DD-4.peak",
            experiment="DD-4",
            statement="the weights are longest at an intermediate T",
            statistic="largest ‖W‖ over the larger of both ends",
            expected="a peak near T = 30",
            samples=bump_height(result["W_norm"]),
            test=peak,
            controls=(
                control("linear model", bump_height(result["linear_W_norm"]), peak),
            ),
            **common,
        ),
        judge(
            id="DD-4.crossing",
            experiment="DD-4",
            statement="‖b‖ starts below ‖W‖, overtakes it, and falls below it again",
            statistic="share of data sets",
            expected="yes",
            samples=overtakes(result["b_norm"], result["W_norm"]),
            test=crossed,
            controls=(
                control(
                    "lengths at T in random order",
                    overtakes(*_reordered(result["b_norm"], result["W_norm"])),
                    crossed,
                ),
            ),
            **common,
        ),
    ]


def _replication(
    result: Result, settings: DoubleDescent, common: dict[str, Any]
) -> list[Claim]:
    """The order of the regimes, and where ‖b‖ first exceeds ‖W‖."""
    common = common | {"note": "added after a first run of this seed"}
    T, most, near = result["points"], IsTrue(0.8), Within(1 / 1.5, 1.5)
    names = ("test_loss", "point_share", "features")
    curves = [result[name] for name in names]
    lengths = result["b_norm"], result["W_norm"]
    theory = first_bias_above_weights()
    return [
        judge(
            id="DD-7.order",
            experiment="DD-7",
            statement="memorised points, the peak of the loss, features: in this order",
            statistic="share of data sets",
            expected="three regimes",
            samples=in_order(T, *curves, settings.d),
            test=most,
            controls=(
                control(
                    "T in random order",
                    in_order(T, *_reordered(*curves), settings.d),
                    most,
                ),
            ),
            **common,
        ),
        judge(
            id="DD-8.first",
            experiment="DD-8",
            statement="the bias exceeds the weights from the T on that a T-gon says",
            statistic=f"first T with ‖b‖ > ‖W‖, over {theory}",
            expected=1,
            samples=first_above(T, *lengths) / theory,
            test=near,
            controls=(
                control(
                    "T in random order",
                    first_above(T, *_reordered(*lengths)) / theory,
                    near,
                ),
            ),
            **common,
        ),
    ]


def in_order(
    points: np.ndarray,
    loss: Float[np.ndarray, "sets levels"],
    share: Float[np.ndarray, "sets levels"],
    features: Float[np.ndarray, "sets levels"],
    d: int,
) -> Float[np.ndarray, " sets"]:
    """Whether all memorised levels precede the peak, and it all with four features."""
    levels = np.arange(len(points))
    memorised = np.abs(share * points / d - 1) <= 0.1
    last = np.where(memorised, levels, -1).max(axis=1)
    found = np.where(features >= FEATURES, levels, len(levels)).min(axis=1)
    peak = loss.argmax(axis=1)
    right = (last >= 0) & (last < peak) & (peak < found) & (found < len(levels))
    return unless_diverged(right, loss, share, features)


def first_above(
    points: np.ndarray,
    first: Float[np.ndarray, "sets levels"],
    second: Float[np.ndarray, "sets levels"],
) -> Float[np.ndarray, " sets"]:
    """The first T at which `first` is the larger; NaN if it never is."""
    above = first > second
    place = np.where(above.any(axis=1), above.argmax(axis=1), 0)
    return np.where(above.any(axis=1), points[place].astype(float), np.nan)


def share_error(
    share: Float[np.ndarray, "sets levels"], points: np.ndarray, d: int
) -> Float[np.ndarray, " sets"]:
    """Largest relative distance of D_X from d/T where points are few."""
    few = points <= FEWEST
    return np.abs(share[:, few] * points[few] / d - 1).max(axis=1)


def overtakes(
    first: Float[np.ndarray, "sets levels"], second: Float[np.ndarray, "sets levels"]
) -> Float[np.ndarray, " sets"]:
    """Whether `first` begins and ends below `second` and exceeds it once between."""
    above = first > second
    crossings = np.abs(np.diff(above.astype(int), axis=1)).sum(axis=1)
    return unless_diverged(
        ~above[:, 0] & ~above[:, -1] & (crossings == 2), first, second
    )


def _reordered(*values: np.ndarray) -> list[np.ndarray]:
    """The levels of each data set in an order of its own, the same for all values."""
    orders = np.random.default_rng(0).permuted(
        np.tile(np.arange(values[0].shape[1]), (len(values[0]), 1)), axis=1
    )
    return [np.take_along_axis(value, orders, axis=1) for value in values]
