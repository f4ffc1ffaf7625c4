"""PLT-6: does a threshold in the blocks make the plateau?

Figure: r10, the length of a covariance-matched push from a real activation at which the
response reaches a tenth of its maximum, for stacks that differ in the activation of
their blocks alone: identity (M7), ReLU without and with a learned bias, JumpReLU over
its threshold θ, tanh³. In the L2 at the last layer of models with a linear head and
squared error, where the blocks have the only thresholds; at paper scale in L2 and KL of
a logistic head as well, which is a threshold itself and doubles the number of models.

Claims, with thresholds of SCIENCE 4.1: r10 of JumpReLU rises with θ (rank correlation
over the values of θ at least 0.9; `PLT-6.threshold`, control: θ shuffled in every seed,
20 times); and without a threshold there is no plateau: r10 of ReLU without bias over
that of M7 lies in [0.9, 1.1] (`PLT-6.squared_none`, control: ReLU with learned bias).

JumpReLU has no gradient of its jump, and a θ beyond most readoffs of the initial
weights leaves blocks dead; hence θ ≤ 0.3, where a readoff starts at about 0.2. Only
ReLU has a bias in its blocks, where that is said. One sample of a claim is one seed.
Run time at laptop scale: 45 s on two idle cores, after the runs of PLT-1.

Axis letters: `seeds`, `thresholds`, `bases`, `radii`.
"""

import dataclasses
from collections.abc import Callable
from typing import Any, Self

import numpy as np
from matplotlib.figure import Figure

import toymodels as tm
from experiments.denoisers import SOURCE, Denoisers, only, response
from experiments.plt._measures import COMMON, plateau, ranks
from toymodels.claims import AtLeast, Claim, Within, control, judge
from toymodels.config import from_json, settings, to_json
from toymodels.plotting import Curve, over_seeds, small_multiples
from toymodels.result import Result
from toymodels.stats import finite_median

ID = "PLT-6"
TITLE = "Thresholds against activations: what makes the plateau?"
ANSWERS = {
    "squared": ("linear", "last", "L2, squared error"),
    "distance": ("logistic", "last", "L2, logistic head"),
    "kl": ("logistic", "kl", "KL, logistic head"),
}
OTHERS = {
    "identity": ("linear control", {"activation": "identity"}),
    "relu": ("ReLU without bias", {"block_bias": False}),
    "bias": ("ReLU with learned bias", {}),
    "tanh3": ("tanh³", {"activation": "tanh3", "block_bias": False}),
}
NAMES = {"squared": "squared error", "distance": "L2", "kl": "KL"}
MONOTONE, EVEN = 0.9, (0.9, 1.1)


@settings
class Thresholds(Denoisers):
    """Settings of PLT-6."""

    thresholds: tuple[float, ...] = (0.0, 0.05, 0.1, 0.2, 0.3)  # θ of JumpReLU
    heads: tuple[str, ...] = ("linear",)

    @classmethod
    def preset(cls, scale: str) -> Self:
        """The settings of a scale; the largest has both heads."""
        heads = ("linear", "logistic") if scale == "paper" else ("linear",)
        return dataclasses.replace(super().preset(scale), heads=heads)

    def answers(self) -> dict[str, tuple[str, str, str]]:
        """Those of `ANSWERS` that the heads have."""
        return {name: of for name, of in ANSWERS.items() if of[0] in self.heads}


def compute(settings: Thresholds, train: Callable[[tm.TrainSpec], tm.Run]) -> Result:
    """r10 of every model, (runs,) or (runs, thresholds)."""
    arrays: dict[str, np.ndarray] = {}
    for head in settings.heads:
        for name, (_, changes) in OTHERS.items():
            arrays |= _r10(settings, _run(settings, train, head, changes), name)
        jumps = [
            _r10(
                settings,
                train(
                    settings.judged(
                        head=head,
                        activation="jumprelu",
                        threshold=theta,
                        block_bias=False,
                    )
                ),
                "jump",
            )
            for theta in settings.thresholds
        ]
        arrays |= {
            name: np.stack([found[name] for found in jumps], axis=1)
            for name in jumps[0]
        }
    return Result(arrays=arrays, meta={"settings": to_json(settings)})


def _run(
    settings: Thresholds,
    train: Callable[[tm.TrainSpec], tm.Run],
    head: str,
    changes: dict[str, Any],
) -> tm.Run:
    if "block_bias" in changes:
        return train(settings.judged(head=head, **changes))
    # The ensembles over all noise levels are those of PLT-1.
    return only(train(settings.spec(head=head, **changes)), settings.place)


def _r10(settings: Thresholds, run: tm.Run, name: str) -> dict[str, np.ndarray]:
    """Median over bases, by answer and name."""
    found = settings.perturbed(run, COMMON).responses
    values = {}
    for answer, (head, where, _) in settings.answers().items():
        if head == run.spec.model.head:
            where = settings.last if where == "last" else where
            r10 = plateau(settings.lengths(), response(found, where))
            values[f"{answer}/{name}"] = finite_median(r10[:, 0])
    return values


def plot(result: Result) -> dict[str, Figure | bytes]:
    """r10 over θ, and of the others as levels."""
    settings = from_json(result.meta["settings"])
    theta = np.array(settings.thresholds)
    panels = {}
    for answer, (_, _, label) in settings.answers().items():
        lines = [over_seeds("JumpReLU", theta, result[f"{answer}/jump"])]
        for place, (name, (text, _)) in enumerate(OTHERS.items()):
            level = np.full(theta.shape, np.nanmedian(result[f"{answer}/{name}"]))
            lines.append(Curve(text, theta, level, dashed=True, color=place + 1))
        panels[label] = lines
    related = {
        name: np.median(ranks(result[f"{name}/jump"])) for name in settings.answers()
    }
    return {
        "thresholds": small_multiples(
            panels,
            xlabel="threshold θ of JumpReLU",
            ylabel="r10, d̄",
            sharey=False,
            title="Rank correlation of r10 with θ: "
            + ", ".join(
                f"{NAMES[name]} {value:.2f}" for name, value in related.items()
            ),
            caption=settings.caption(
                push="covariance-matched", noise=settings.noise, band="all seeds"
            ),
        )
    }


def claims(result: Result) -> list[Claim]:
    """Monotone in θ, and nothing without a threshold; for each answer."""
    settings = from_json(result.meta["settings"])
    common = {"experiment": ID, "source": SOURCE, "scale": settings.scale}
    rises, even = AtLeast(MONOTONE), Within(*EVEN)
    rng = np.random.default_rng(settings.seed)
    judged = []
    for answer, (_, _, label) in settings.answers().items():
        jumps, linear = result[f"{answer}/jump"], result[f"{answer}/identity"]
        dealt = rng.permuted(np.tile(jumps, (20, 1)), axis=1)
        levels = ", ".join(f"{value:.2f}" for value in np.nanmedian(jumps, axis=0))
        main = answer == "squared"
        judged += [
            judge(
                id="PLT-6.threshold" if main else f"PLT-6.{answer}_monotone",
                statement=f"the plateau widens with the threshold of a block ({label})",
                statistic="rank correlation of r10 with θ over "
                f"{jumps.shape[1]} values",
                expected="≥ 0.9",
                samples=ranks(jumps),
                test=rises,
                controls=(control("θ shuffled", ranks(dealt), rises),),
                note=f"r10 over θ {levels}; linear model {np.nanmedian(linear):.2f}",
                **common,
            ),
            judge(
                id=f"PLT-6.{answer}_none",
                statement="ReLU blocks without bias have no more of a plateau than the "
                f"linear model ({label})",
                statistic="r10 over that of the linear model of the same seed",
                expected=1.0,
                samples=result[f"{answer}/relu"] / linear,
                test=even,
                controls=(
                    control(
                        "ReLU with learned bias",
                        result[f"{answer}/bias"] / linear,
                        even,
                    ),
                ),
                note=f"JumpReLU at θ = {settings.thresholds[0]:g}: "
                f"{np.nanmedian(jumps[:, 0] / linear):.2f}; tanh³: "
                f"{np.nanmedian(result[f'{answer}/tanh3'] / linear):.2f}",
                **common,
            ),
        ]
    return judged
