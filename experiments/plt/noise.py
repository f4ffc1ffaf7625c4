"""PLT-8: does noise in training make random pushes harmless?

Figure: the ratio of responses to pushes of 0.3 d̄, random over towards another
activation, against the standard deviation σ of the Gaussian noise that a stack was
trained with: for isotropic and covariance-matched directions, in KL, in L2 at the last
layer, and in L2 with squared error. Beside it r10(A)/r10(B) of PLT-1. The levels are
members of one ensemble, with equal initial weights and samples.

Claims, with the threshold of SCIENCE 4.1: the rank correlation of the ratio with σ is
at most −0.8 (`PLT-8.kl`, `.distance` and `.squared` for covariance-matched directions,
`…_isotropic` for isotropic ones). Controls: levels shuffled in every seed, 20 times;
M7, trained with the same noise. A linear model learns to shrink what varies little, so
that M7 need not fail: then the fall says nothing about error correction, and the claim
is inconclusive. `…_size`: of covariance-matched directions, the ratio at the largest σ
is at most 0.8 of that without noise; control: M7, whose ranks may follow σ by amounts
that mean nothing. `PLT-8.plateau`: with squared error, r10(A)/r10(B) rises with σ (rank
correlation at least 0.8), and `PLT-8.plateau_size`: at the largest σ it is at least 1.1
times that without noise; controls: M7, and levels shuffled.

One sample of a claim is one seed. Run time at laptop scale: 20 s on two idle cores,
after the runs of PLT-1.

Axis letters: `seeds`, `noises` σ, `families`, `bases`, `radii`.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

import toymodels as tm
from experiments.denoisers import SOURCE, Denoisers, only, response
from experiments.plt._measures import COMMON, LABELS, flat, plateau_ratio, ranks
from toymodels.claims import AtLeast, AtMost, Claim, control, judge
from toymodels.config import from_json, settings, to_json
from toymodels.plotting import over_seeds, plain_log_ticks, small_multiples
from toymodels.result import Result

ID = "PLT-8"
TITLE = "Does noise in training make random pushes harmless?"
RANDOM = COMMON[:-1]
ANSWERS = {
    "squared": ("linear", "last", "L2, squared error"),
    "distance": ("logistic", "last", "L2, logistic head"),
    "kl": ("logistic", "kl", "KL, logistic head"),
}
FALLS, RISES, SIZE, WIDER = -0.8, 0.8, 0.8, 1.1


@settings
class NoiseInTraining(Denoisers):
    """Settings of PLT-8."""

    push: float = 0.3  # length in d̄, of the pilot


def compute(
    settings: NoiseInTraining, train: Callable[[tm.TrainSpec], tm.Run]
) -> Result:
    """Response ratios (seeds, noises, random families), and r10 ratios."""
    arrays: dict[str, list] = {}
    for head in ("linear", "logistic"):
        for model in ("relu", "identity"):
            run = train(settings.spec(head=head, activation=model))
            for level in range(len(settings.noises)):
                found = _of_level(settings, only(run, level), head)
                for name, value in found.items():
                    name = name.format(model=model)
                    arrays.setdefault(name, []).append(value)
    return Result(
        arrays={name: np.stack(found, axis=1) for name, found in arrays.items()},
        meta={"settings": to_json(settings)},
    )


def _of_level(
    settings: NoiseInTraining, run: tm.Run, head: str
) -> dict[str, np.ndarray]:
    real, matched = (
        settings.perturbed(run, COMMON, start=start).responses
        for start in ("real", "gaussian")
    )
    radii, values = settings.lengths(), {}
    for answer, (of_head, where, _) in ANSWERS.items():
        if of_head == head:
            where = settings.last if where == "last" else where
            found, other = response(real, where), response(matched, where)
            ratio = plateau_ratio(radii, found, other)[:, 0]
            values[f"{answer}/{{model}}/plateau"] = ratio
            values[f"{answer}/{{model}}"] = at_length(radii, found, settings.push)
    return values


def at_length(
    radii: Float[np.ndarray, " radii"],
    curves: Float[np.ndarray, "runs families bases directions radii"],
    push: float,
) -> Float[np.ndarray, "runs random"]:
    """Mean response of all families but the last over that of the last."""
    mean = flat(np.asarray(curves, float)).mean(axis=2)
    place = int(np.argmin(np.abs(radii - push)))
    return mean[:, :-1, place] / mean[:, -1:, place]


def plot(result: Result) -> dict[str, Figure | bytes]:
    """Both ratios over the noise."""
    settings = from_json(result.meta["settings"])
    noise = np.array(settings.noises)
    panels = {}
    for answer, (_, _, label) in ANSWERS.items():
        panels[label] = [
            over_seeds(
                f"{LABELS[family]}{ending}",
                noise,
                result[f"{answer}/{model}"][..., place],
            )
            for model, ending in (("relu", ""), ("identity", ", linear control"))
            for place, family in enumerate(RANDOM)
        ]
    first, last = np.median(result["kl/relu"][..., 0], axis=0)[[0, -1]]
    responses = small_multiples(
        panels,
        xlabel="σ of the noise in training",
        ylabel="random over other",
        yscale="log",
        references={"equal": 1.0},
        title=f"KL of a covariance-matched push over one towards another activation: "
        f"{first:.2f} without noise, {last:.2f} at σ = {noise[-1]:g}",
        caption=settings.caption(
            push=f"{settings.push:g} d̄, random or towards another activation",
            band="all seeds",
        ),
    )
    for axes in responses.axes:
        plain_log_ticks(axes.yaxis)
    plateaus = small_multiples(
        {
            label: [
                over_seeds(text, noise, result[f"{answer}/{model}/plateau"])
                for model, text in (
                    ("relu", "trained ReLU model"),
                    ("identity", "linear control"),
                )
            ]
            for answer, (_, _, label) in ANSWERS.items()
        },
        xlabel="σ of the noise in training",
        ylabel="r10(A)/r10(B)",
        references={"1.25": 1.25, "no plateau": 1.0},
        title="The plateau of PLT-1 against noise in training",
        caption=settings.caption(push="covariance-matched", band="all seeds"),
    )
    return {"noise": responses, "plateaus": plateaus}


def claims(result: Result) -> list[Claim]:
    """Falling with σ; and the plateau rising."""
    settings = from_json(result.meta["settings"])
    common = {"experiment": ID, "source": SOURCE, "scale": settings.scale}
    rng = np.random.default_rng(settings.seed)
    levels = f"over {len(settings.noises)} levels of σ"
    judged = []
    for answer, (_, _, label) in ANSWERS.items():
        for place, family in enumerate(RANDOM):
            found, linear = (
                result[f"{answer}/{model}"][..., place]
                for model in ("relu", "identity")
            )
            medians = ", ".join(f"{value:.2f}" for value in np.median(found, axis=0))
            judged.append(
                judge(
                    id=f"PLT-8.{answer}" + ("_isotropic" if place else ""),
                    statement=f"noise in training makes {LABELS[family]} pushes matter "
                    f"less than real ones ({label})",
                    statistic="rank correlation of the response ratio with σ, "
                    f"{levels}",
                    expected="≤ −0.8",
                    samples=ranks(found),
                    test=AtMost(FALLS),
                    controls=(
                        _shuffled(rng, found, AtMost(FALLS)),
                        control("linear model", ranks(linear), AtMost(FALLS)),
                    ),
                    note=f"ratios {medians}",
                    **common,
                )
            )
        judged.append(_size(settings, result, answer))
    found, linear = (
        result[f"squared/{model}/plateau"] for model in ("relu", "identity")
    )
    judged.append(
        judge(
            id="PLT-8.plateau",
            statement="noise in training widens the plateau (squared error)",
            statistic=f"rank correlation of r10(A)/r10(B) with σ, {levels}",
            expected="> 0",
            samples=ranks(found),
            test=AtLeast(RISES),
            controls=(
                _shuffled(rng, found, AtLeast(RISES)),
                control("linear model", ranks(linear), AtLeast(RISES)),
            ),
            note="ratios "
            + ", ".join(f"{value:.2f}" for value in np.median(found, axis=0))
            + f"; linear model {np.median(linear):.2f} at every level",
            **common,
        )
    )
    wider, even = (of[:, -1] / of[:, 0] for of in (found, linear))
    judged.append(
        judge(
            id="PLT-8.plateau_size",
            statement="noise in training widens the plateau by a tenth or more "
            "(squared error)",
            statistic="r10(A)/r10(B) at the largest σ over that without noise",
            expected="> 1",
            samples=wider,
            test=AtLeast(WIDER),
            controls=(control("linear model", even, AtLeast(WIDER)),),
            **common,
        )
    )
    return judged


def _size(settings: NoiseInTraining, result: Result, answer: str) -> Claim:
    """How far the ratio falls, of covariance-matched directions."""
    test = AtMost(SIZE)
    fall, linear = (
        found[:, -1, 0] / found[:, 0, 0]
        for found in (result[f"{answer}/{of}"] for of in ("relu", "identity"))
    )
    return judge(
        id=f"PLT-8.{answer}_size",
        experiment=ID,
        statement="noise in training takes a fifth or more from what "
        f"covariance-matched pushes do relative to real ones ({ANSWERS[answer][2]})",
        source=SOURCE,
        statistic="response ratio at the largest σ over that without noise",
        expected="< 1",
        samples=fall,
        test=test,
        controls=(control("linear model", linear, test),),
        scale=settings.scale,
    )


def _shuffled(rng: np.random.Generator, found: np.ndarray, test: AtMost | AtLeast):
    """The levels of every seed in another order, twenty times."""
    dealt = rng.permuted(np.tile(found, (20, 1)), axis=1)
    return control("levels shuffled", ranks(dealt), test)
