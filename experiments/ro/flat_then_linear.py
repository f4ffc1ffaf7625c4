"""RO-2: does a readoff below its threshold count as zero?

Figures: output i over its readoff r_i = W_i·h, moved from 0 to |W_i|² (feature i at 1)
around real activations, for M1, for the same weights with b = 0 and for the linear
model; and the knee of the best flat-then-linear fit against the threshold −b_i, from
output i alone and from the change of all outputs together.

Claims, with the thresholds of the catalogue: BIC prefers flat-then-linear to a line by
more than 10 for at least 80 % of the represented features (controls: linear model; b =
0), and in the median feature its knee is within 10 % of −b_i (control: linear model).
Of M1's own output both are exact by construction, and the test is that the fit finds
them. The same two are measured on the change of *all* outputs, where other features
that W_i overlaps with answer too: that is what a probe sees which does not know which
output belongs to which readoff.

The sweep starts at 0, so that the ReLU's own kink at r_i = 0 is no threshold: with b =
0 the response is a line. Models have no noise, so misfits below 0.1 % of a curve's
range count as none.

A sample of a claim is one seed. Run time at laptop scale: 4 s on two idle cores, after
the training of the ensemble (7 s).

Axis letters: `seeds`, n features, `points` of the sweep.
"""

import dataclasses
from collections.abc import Callable

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from matplotlib.figure import Figure

import toymodels as tm
from experiments.readoff_models import ReadoffModels, over_models
from toymodels.claims import AtLeast, AtMost, Claim, control, judge
from toymodels.config import from_json, settings, to_json
from toymodels.plotting import (
    Curve,
    Points,
    over_seeds,
    scatter_panels,
    small_multiples,
)
from toymodels.probes import (
    Subject,
    fit_hinge,
    real_bases,
    sweep_readoffs,
)
from toymodels.result import Result

ID = "RO-2"
TITLE = "A readoff below its threshold counts as zero"
SOURCE = "catalogue RO-2, after Heimersheim & Mendel 2024"
MODELS = ("relu", "unbiased", "linear")
NAMES = ("ReLU model (M1)", "the same with b = 0", "linear model (M7)")
GAIN, SHARE, ERROR = 10.0, 0.8, 0.1
REPRESENTED = 0.5  # of |W_i|²


@settings
class FlatThenLinear(ReadoffModels):
    """Settings of RO-2: those of the ensemble and of the sweep."""

    bases: int = 16  # real activations that a sweep is averaged over
    points: int = 81  # from a readoff of 0 to |W_i|²


def compute(
    settings: FlatThenLinear, train: Callable[[tm.TrainSpec], tm.Run]
) -> Result:
    """Sweeps, knees and gains in BIC of every feature of every model."""
    run = train(settings.spec())
    no_bias = run.params | {"b": np.zeros_like(run.params["b"])}
    runs = {
        "relu": run,
        "unbiased": dataclasses.replace(run, params=no_bias),
        "linear": train(settings.linear_spec()),
    }
    position = jnp.linspace(0.0, 1.0, settings.points)

    def swept(subject: Subject, key: Array) -> dict[str, Array]:
        x, _ = real_bases(subject, settings.features(), key, bases=settings.bases)
        found = sweep_readoffs(subject, x, subject.params["W"], position)
        arrays = {}
        for name in ("own", "total"):
            curves = getattr(found, name).mean(axis=1)
            fit = fit_hinge(position, curves)
            arrays |= {
                f"{name}_curve": jnp.median(curves, axis=0),
                f"{name}_knee": fit.knee,
                f"{name}_gain": fit.gain,
            }
        return arrays

    arrays = {"position": np.asarray(position)}
    for model, of in runs.items():
        found = over_models(swept, of, seed=settings.seed)
        square = (of.params["W"] ** 2).sum(axis=1)
        found |= {"square": square, "threshold": -of.params["b"]}
        arrays |= {f"{model}_{name}": value for name, value in found.items()}
    return Result(arrays=arrays, meta={"settings": to_json(settings)})


def plot(result: Result) -> dict[str, Figure | bytes]:
    """Responses over the readoff, and knees against thresholds."""
    settings = from_json(result.meta["settings"])
    x = result["position"]
    threshold, square = result["relu_threshold"], result["relu_square"]
    middle = float(np.median(threshold / square))
    band = "median feature; band over seeds, from lowest to highest"
    sweep = small_multiples(
        {
            name: [
                over_seeds("output $i$", x, result[f"{model}_own_curve"]),
                over_seeds("change of all outputs", x, result[f"{model}_total_curve"]),
                Curve(
                    "flat up to the median threshold",
                    x,
                    np.maximum(x - middle, 0) * float(np.median(square)),
                    dashed=True,
                    color=6,
                ),
            ]
            for model, name in zip(MODELS, NAMES, strict=True)
        },
        xlabel="readoff $r_i\\,/\\,|W_i|^2$",
        ylabel="response",
        title=f"{TITLE}: responses to one readoff",
        caption=settings.caption(bases=settings.bases) + f" · {band}",
    )
    ends = np.array([threshold.min(), threshold.max()])
    knees = scatter_panels(
        {
            title: [
                Points(
                    NAMES[0],
                    threshold.ravel(),
                    (result[f"relu_{which}_knee"] * square).ravel(),
                )
            ]
            for which, title in (
                ("own", "from output $i$"),
                ("total", "from the change of all outputs"),
            )
        },
        curves={
            title: [Curve("knee = −b", ends, ends, dashed=True, color=6)]
            for title in ("from output $i$", "from the change of all outputs")
        },
        xlabel="threshold $-b_i$",
        ylabel="knee of the fit, as a readoff",
        columns=2,
        title=f"{TITLE}: where the response turns",
        caption=settings.caption(bases=settings.bases) + " · a point is a feature",
    )
    return {"sweep": sweep, "knees": knees}


def share_preferred(
    result: Result, model: str, which: str
) -> Float[np.ndarray, " seeds"]:
    """Share of the represented features with ΔBIC > 10."""
    represented = result[f"{model}_square"] >= REPRESENTED
    preferred = (result[f"{model}_{which}_gain"] > GAIN) & represented
    return preferred.sum(axis=1) / np.maximum(represented.sum(axis=1), 1)


def knee_error(
    result: Result, model: str, which: str, *, dealt: int = 0
) -> Float[np.ndarray, " seeds"]:
    """Median over represented features of |knee/(−b_i) − 1|.

    Args:
        result: of `compute`.
        model: one of `MODELS`.
        which: "own" or "total".
        dealt: take the thresholds of the features so many places on, as a control.
    """
    square = result[f"{model}_square"]
    threshold = np.roll(result[f"{model}_threshold"], dealt, axis=1)
    knee = result[f"{model}_{which}_knee"] * square
    # A model that represents nothing has no knee: NaN, which is never a success.
    error = np.abs(knee / np.where(threshold != 0, threshold, np.nan) - 1)
    error = np.where(square >= REPRESENTED, error, np.nan)
    return np.array(
        [np.median(row[~np.isnan(row)]) if (~np.isnan(row)).any() else np.nan
         for row in error]
    )  # fmt: skip


def claims(result: Result) -> list[Claim]:
    """Flat, then linear, with the knee at the threshold."""
    settings = from_json(result.meta["settings"])
    often, near = AtLeast(SHARE), AtMost(ERROR)
    represented = (result["relu_square"] >= REPRESENTED).sum(axis=1)
    positive = float((result["relu_threshold"] > 0).mean())
    judged = []
    for which, words in (
        ("own", "its own output"),
        ("total", "the change of all outputs"),
    ):
        common = {"experiment": ID, "source": SOURCE, "scale": settings.scale}
        judged.append(
            judge(
                id=f"RO-2.flat.{which}",
                statement=f"{words} is flat up to a threshold of a readoff, then "
                "linear",
                statistic="share of represented features with ΔBIC > 10",
                expected="≥ 0.8",
                samples=share_preferred(result, "relu", which),
                test=often,
                controls=(
                    control("b = 0", share_preferred(result, "unbiased", which), often),
                    control(
                        "linear model", share_preferred(result, "linear", which), often
                    ),
                ),
                note=f"{represented.min()} to {represented.max()} of {settings.n} "
                "features are represented",
                **common,
            )
        )
        judged.append(
            judge(
                id=f"RO-2.knee.{which}",
                statement=f"{words} turns at the threshold −b of the feature",
                statistic="|knee/(−b) − 1| of the median feature",
                expected="≤ 0.1; 0 for M1's own output",
                samples=knee_error(result, "relu", which),
                test=near,
                controls=(
                    control("linear model", knee_error(result, "linear", which), near),
                ),
                note=f"{positive:.0%} of the thresholds are above 0; with another "
                "feature's threshold the error is "
                f"{np.median(knee_error(result, 'relu', which, dealt=1)):.3f}, as "
                "thresholds differ little",
                **common,
            )
        )
    return judged
