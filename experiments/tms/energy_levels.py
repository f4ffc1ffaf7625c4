"""TMS-17: while a model trains, features jump between levels of dimensionality.

Figure: D_i of every feature over the steps of training with the loss below it, after
Elhage et al. 2022, *Toy Models of Superposition*, "Superposition and Learning
Dynamics". The features start with a small share of a dimension each; most lose it, and
the others end at 1/2, in antipodal pairs. They change over a few at a time, within
some hundred steps, and the loss falls when they do.

The level is p = 20^(−7/19): of the levels of TMS-9 at which all represented features
end as digons, in every one of five calibration runs (seed 1), the one with D* nearest
to 1/2 (0.505). The next sparser level (0.502) had a pentagon in one of the five.

Claims. Training is cut into 25 windows of equal length (fixed on the calibration seed;
the source states no window): at least one window in which two or more features change
D_i by 0.1 or more and the loss falls five times its median change or more. Equal
windows, because the fall per window of log-spaced ones is even over the whole training.
Besides: all of the represented features end within 0.02 of 1/2 (at least 90 %), and
over the windows after the first, in which all lengths grow from almost nothing, the
rank correlation of jumping features and loss is ≥ 0.6. Controls: the linear model,
whose D_i changes smoothly; windows shuffled.

One sample of a claim is one seed; the first is drawn. Run time at laptop scale: 20 s on
two idle cores. The runs are those of TMS-9 at this level, but 200 snapshots of its 100
runs would be 320 MB, so they are trained again.

Axis letters: `seeds`, `snaps` snapshots, `windows` between some of them, n features.
"""

import dataclasses
from collections.abc import Callable

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

import toymodels as tm
from experiments.diverged import unless_diverged
from experiments.tms._jumps import (
    DROP,
    FEATURES,
    JUMP,
    NEAR,
    falls,
    jump_windows,
    jumping,
    on_level,
    rank_correlations,
)
from experiments.tms._many_features import BAND, ManyFeatures
from toymodels.claims import AtLeast, Claim, control, judge
from toymodels.config import from_json, settings, to_json
from toymodels.geometry import feature_dimensionality, is_represented
from toymodels.plotting import (
    Curve,
    levels_over_training,
    margin_labels,
    over_seeds,
    small_multiples,
)
from toymodels.result import Result

ID = "TMS-17"
TITLE = "Feature dimensionality while a model trains"
SOURCE = "Elhage et al. 2022, Superposition and Learning Dynamics"


@settings
class EnergyLevels(ManyFeatures):
    """Settings of TMS-17: those of the ensemble, at one level of it."""

    probability_here: float = 20 ** (-7 / 19)  # p; fixed on calibration seed 1
    windows: int = 25  # of 400 steps at laptop scale; fixed on calibration seed 1
    snapshots: int = 200  # for the figure; a multiple of `windows`

    @property
    def stride(self) -> int:
        """Snapshots in a window."""
        return self.snapshots // self.windows

    def here(self, spec: tm.TrainSpec, seeds: int) -> tm.TrainSpec:
        """The same training at one level only, with snapshots."""
        return dataclasses.replace(
            spec,
            features=tm.IndependentFeatures(
                n=self.n, probability=self.probability_here
            ),
            members=1,
            seeds=seeds,
            steps=self.steps,
            snapshots=tm.linear_steps(self.steps, self.snapshots),
        )


def compute(settings: EnergyLevels, train: Callable[[tm.TrainSpec], tm.Run]) -> Result:
    """D_i over training, and the loss on fixed samples at the ends of the windows."""
    run = train(settings.here(settings.spec(), settings.seeds))
    linear = train(settings.here(settings.linear_spec(), settings.linear_seeds))
    p = settings.probability_here
    arrays = {
        "step": run.snapshots.step,
        "represented": np.asarray(is_represented(run.params["W"])),
        "represented_linear": np.asarray(is_represented(linear.params["W"])),
        "history_step": run.history.step,
        "history_loss": run.history.loss[:, 0],
        # d features kept, the others at their mean; averaged over features.
        "reference": (1 - settings.d / settings.n) * (p / 3 - p**2 / 4),
    }
    for name, of in (("", run), ("_linear", linear)):
        W = of.snapshots.params["W"]
        arrays[f"D{name}"] = np.moveaxis(np.asarray(feature_dimensionality(W)), 1, 0)
        arrays[f"loss{name}"] = _losses(of, settings.stride)
    return Result(arrays=arrays, meta={"settings": to_json(settings)})


def _losses(run: tm.Run, stride: int) -> Float[np.ndarray, "seeds edges"]:
    """Loss at the ends of the windows, on the same fresh samples every time."""
    losses = []
    for snap in range(0, len(run.snapshots.step), stride):
        params = {k: v[snap] for k, v in run.snapshots.params.items()}
        losses.append(dataclasses.replace(run, params=params).final_loss())
    return np.stack(losses, axis=1)


def plot(result: Result) -> dict[str, Figure | bytes]:
    """D_i of the first seed over training, and the windows of all seeds."""
    settings = from_json(result.meta["settings"])
    caption = f"{settings.caption()} · p = {settings.probability_here:.3f}"
    loss, reference = result["history_loss"], float(result["reference"])
    trajectories = levels_over_training(
        result["step"],
        result["D"][0],
        result["history_step"],
        loss,
        xlabel="step",
        ylabel="$D_i$",
        loss_label="loss",
        title=TITLE,
        caption=f"{caption} · the first seed",
        xscale="linear",
        loss_scale="linear",
    )
    below = trajectories.axes[1]
    # The first fall, while all lengths grow, is ten times as deep as the others.
    below.set_ylim(0.995 * loss.min(), 1.02 * max(reference, loss.min()))
    margin_labels(below, {"no superposition": reference})
    return {"trajectories": trajectories, "windows": _windows(result, caption)}


def _windows(result: Result, caption: str) -> Figure:
    """Jumping features and the fall of the loss in each window, all seeds."""
    settings = from_json(result.meta["settings"])
    stride = settings.stride
    ends = result["step"][stride::stride]

    def curves(measure: Callable[..., np.ndarray]) -> list[Curve]:
        return [
            over_seeds(label, ends, measure(result[f"D{name}"], result[f"loss{name}"]))
            for label, name in (("ReLU model", ""), ("linear model", "_linear"))
        ]

    return small_multiples(
        {
            f"features that change $D_i$ by ≥ {JUMP}": curves(
                lambda D, loss: jumping(D[:, ::stride])
            ),
            "fall of the loss, in median changes": curves(lambda D, loss: falls(loss)),
        },
        xlabel="step, at the end of the window",
        ylabel="",
        yscale="symlog",
        sharey=False,
        columns=2,
        title=f"{TITLE}: {settings.windows} windows",
        caption=f"{caption} · {BAND}",
    )


def claims(result: Result) -> list[Claim]:
    """Jumps with a falling loss; they come together; all features end as digons."""
    settings = from_json(result.meta["settings"])
    at_end, at_end_linear = (
        unless_diverged(
            on_level(result[f"D{name}"][:, -1], result[f"represented{name}"]),
            result[f"D{name}"],
        )
        for name in ("", "_linear")
    )
    windows, windows_linear = (
        unless_diverged(
            jump_windows(
                result[f"D{name}"][:, :: settings.stride], result[f"loss{name}"]
            ).sum(axis=1),
            result[f"loss{name}"],
        )
        for name in ("", "_linear")
    )
    jumps = jumping(result["D"][:, :: settings.stride])[:, 1:]
    fall = falls(result["loss"])[:, 1:]
    shuffled = np.random.default_rng(settings.seed).permuted(fall, axis=1)
    once, digons, together = AtLeast(1), AtLeast(0.9), AtLeast(0.6)
    common = {"experiment": ID, "source": SOURCE, "scale": settings.scale}
    return [
        judge(
            id="TMS-17.jumps",
            statement="features jump together, and the loss falls when they do",
            statistic=f"windows of {settings.windows} with ≥ {FEATURES} features that "
            f"change D_i by ≥ {JUMP} and a fall of ≥ {DROP:g} median changes",
            expected="at least one",
            samples=windows,
            test=once,
            controls=(control("linear model", windows_linear, once),),
            **common,
        ),
        judge(
            id="TMS-17.together",
            statement="the more features jump in a window, the more the loss falls",
            statistic="rank correlation over the windows after the first",
            expected="jumps of D_i coincide with drops of the loss",
            samples=rank_correlations(jumps, fall),
            test=together,
            controls=(
                control(
                    "windows shuffled", rank_correlations(jumps, shuffled), together
                ),
            ),
            **common,
        ),
        judge(
            id="TMS-17.digons",
            statement="at this level all represented features end as digons",
            statistic=f"share of them with |D_i − 1/2| ≤ {NEAR}",
            expected=1.0,
            samples=at_end,
            test=digons,
            controls=(control("linear model", at_end_linear, digons),),
            **common,
        ),
    ]
