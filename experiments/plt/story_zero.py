"""PLT-3: is it the logit margin alone that absorbs a push (Story 0)?

Figure: the shape of four responses of a model with a softmax head to pushes from real
activations: KL, √KL, the L2 at the last layer, and the share of samples whose largest
output has changed. Story 0 says that nothing is corrected: KL and L2 rise linearly from
radius 0, and only the argmax waits until the margin is used up.

Claims, with thresholds of SCIENCE 4.1. `PLT-3.story_0`: the first-decile slope, the
slope over the first tenth of the lengths over the mean slope, is at least 0.8 for both
KL and L2 (the smaller of the two is judged). Expected: not supported. Control: the
argmax, whose slope must be flat. `PLT-3.root`: slopes of √KL and L2, each over that of
the linear model of the same seed, in which nothing is absorbed: the smaller is at least
0.8. This is the test to decide by. `PLT-3.argmax`: its slope is at most 0.2. Control:
L2 of the linear model. `PLT-3.distance`: the slope of L2 alone is at least 0.8; the
control is the argmax again.

A warning about the first: KL is quadratic around its minimum in any smooth model, so
that its slope there is near 0 in the linear control too, and the rule cannot support
Story 0 as it stands. √KL is the distance that goes with KL; in the linear model of seed
1, which was looked at before, its slope was 0.7, so that the model is the measure. A
layer that moves from radius 0 on (`PLT-3.distance`) under outputs that do not is what
one would see if the readout alone absorbed the push, whatever the verdict of the rule.

Bases have one active feature: with two, the argmax is a tie and flips at once. Pushes
are covariance-matched; those towards another activation are in the figure. One sample
of a claim is one seed. Run time at laptop scale: 15 s on two idle cores.

Axis letters: `seeds`, `families`, `bases`, `radii`.
"""

from collections.abc import Callable

import numpy as np
from matplotlib.figure import Figure

import toymodels as tm
from experiments.denoisers import SOURCE, Denoisers, response
from experiments.plt._measures import LABELS, flat
from toymodels.claims import AtLeast, AtMost, Claim, control, judge
from toymodels.config import from_json, settings, to_json
from toymodels.plotting import over_seeds, small_multiples
from toymodels.probes import first_slope
from toymodels.result import Result

ID = "PLT-3"
TITLE = "Story 0: does only the logit margin absorb a push?"
FAMILIES = ("covariance", "real_other")
ANSWERS = {
    "kl": "KL",
    "root": "√KL",
    "distance": "L2 at the last layer",
    "argmax": "argmax changed",
}
LINEAR, FLAT = 0.8, 0.2


@settings
class StoryZero(Denoisers):
    """Settings of PLT-3, all of them those of the ensemble."""


def compute(settings: StoryZero, train: Callable[[tm.TrainSpec], tm.Run]) -> Result:
    """Mean curves over bases and their slopes, of the model and its control."""
    arrays = {}
    for model in ("relu", "identity"):
        run = train(settings.judged(head="softmax", activation=model))
        found = settings.perturbed(run, FAMILIES, most=1).responses
        curves = {
            "kl": flat(found.kl),
            "root": np.sqrt(flat(found.kl)),
            "distance": flat(response(found, settings.last)),
            "argmax": flat(found.flipped),
        }
        for answer, of_bases in curves.items():
            # A flip is a jump of one base: slopes are those of the mean over bases.
            mean = of_bases.mean(axis=2)
            arrays[f"{answer}/{model}"] = mean
            arrays[f"{answer}/{model}/slope"] = first_slope(settings.lengths(), mean)
    return Result(arrays=arrays, meta={"settings": to_json(settings)})


def plot(result: Result) -> dict[str, Figure | bytes]:
    """Each response over its value at the largest length."""
    settings = from_json(result.meta["settings"])
    radii = settings.lengths()
    panels = {}
    for model, title in (("relu", ""), ("identity", ", linear control")):
        for place, family in enumerate(FAMILIES):
            panels[f"{LABELS[family]}{title}"] = [
                over_seeds(label, radii, _shares(result[f"{answer}/{model}"][:, place]))
                for answer, label in ANSWERS.items()
            ]
    slope = {
        answer: np.median(result[f"{answer}/relu/slope"][:, 0]) for answer in ANSWERS
    }
    return {
        "story_zero": small_multiples(
            panels,
            xlabel="length of the push, d̄",
            ylabel="share of the last",
            columns=2,
            title="First-decile slope (1: linear from 0): "
            + ", ".join(
                f"{ANSWERS[name]} {value:.2f}" for name, value in slope.items()
            ),
            caption=settings.caption(
                head="softmax", noise=settings.noise, band="all seeds"
            ),
        )
    }


def _shares(curves: np.ndarray) -> np.ndarray:
    last = curves[..., -1:]
    return curves / np.where(last > 0, last, np.nan)


def claims(result: Result) -> list[Claim]:
    """Story 0, and what of it holds."""
    settings = from_json(result.meta["settings"])
    slope = {
        (answer, model): result[f"{answer}/{model}/slope"][:, 0]
        for answer in ANSWERS
        for model in ("relu", "identity")
    }
    common = {"experiment": ID, "source": SOURCE, "scale": settings.scale}
    linear, level = AtLeast(LINEAR), AtMost(FLAT)
    argmax = control("argmax of the same pushes", slope["argmax", "relu"], linear)
    middle = {name: float(np.nanmedian(value)) for name, value in slope.items()}
    beside = (
        f"√KL {middle['root', 'relu']:.2f}, linear model "
        f"{middle['root', 'identity']:.2f}; L2 {middle['distance', 'relu']:.2f}, "
        f"linear model {middle['distance', 'identity']:.2f}"
    )
    return [
        judge(
            id="PLT-3.story_0",
            statement="KL and L2 rise linearly from radius 0: nothing but the margin "
            "absorbs a push",
            statistic="first-decile slope over mean slope, the smaller of KL and L2",
            expected="not supported",
            samples=np.minimum(slope["kl", "relu"], slope["distance", "relu"]),
            test=linear,
            controls=(argmax,),
            note=f"KL {middle['kl', 'relu']:.2f}, linear model "
            f"{middle['kl', 'identity']:.2f}: no smooth model would pass; {beside}",
            **common,
        ),
        judge(
            id="PLT-3.root",
            statement="√KL and L2 rise from radius 0 as in a linear model: nothing but "
            "the margin absorbs a push",
            statistic="first-decile slope over that of the linear model, the smaller "
            "of √KL and L2",
            expected="not supported",
            samples=np.minimum(
                slope["root", "relu"] / slope["root", "identity"],
                slope["distance", "relu"] / slope["distance", "identity"],
            ),
            test=linear,
            controls=(
                control(
                    "argmax of the same pushes",
                    slope["argmax", "relu"] / slope["root", "identity"],
                    linear,
                ),
            ),
            note=beside,
            **common,
        ),
        judge(
            id="PLT-3.distance",
            statement="the last layer moves in proportion to a push from radius 0 on",
            statistic="first-decile slope over mean slope of L2",
            expected="not supported",
            samples=slope["distance", "relu"],
            test=linear,
            controls=(argmax,),
            **common,
        ),
        judge(
            id="PLT-3.argmax",
            statement="the argmax is flat over the first tenth of the lengths",
            statistic="first-decile slope over mean slope of the share of changed "
            "argmaxes",
            expected="≈ 0",
            samples=slope["argmax", "relu"],
            test=level,
            controls=(
                control("L2 of the linear model", slope["distance", "identity"], level),
            ),
            **common,
        ),
    ]
