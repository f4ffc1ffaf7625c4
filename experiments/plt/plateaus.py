"""PLT-1 and PLT-2: plateaus around real activations, and directions that leave them.

Figures: the median response over the length of a push, from real activations (A) and
from Gaussian ones of equal mean, covariance and length (B); and from real ones along
seven kinds of direction. After Heimersheim & Mendel 2024, *Activation plateaus &
sensitive directions in GPT2*, who report of GPT-2 that a real activation tolerates
pushes that change a matched random one, and that a push towards another real activation
matters earlier than a random one. No number of theirs carries over to toys.

Three answers are read in trained residual denoisers (M3): the KL of a logistic head,
the L2 at the last layer of the same model, and that of a model with a linear head and
squared error, where no readout is a threshold. Each beside its linear control (M7).

Claims, with thresholds of SCIENCE 4.1. PLT-1: the median over bases of r10(A)/r10(B)
along shared covariance-matched directions is at least 1.25; r10 is the length at which
the response reaches a tenth of its maximum over [0, 1] d̄. Control: M7. In M7 the L2
ratio lies in [0.9, 1.1]. PLT-2: the smaller of Cohen's d of `feature` and of
`real_other` over `covariance`, paired over bases, is at least 0.5; and it exceeds both
0.5 and that of `covariance` over `isotropic` (`…_baseline`). Controls: M7; features
with shuffled coordinates. `feature` adds one that is off; the figure has other kinds.

KL is that of a logistic readout, which is a threshold: the linear model has more of a
plateau than none there, and its features stand out too. One sample of a claim is one
seed. Run time at laptop scale: 55 s on two idle cores, most of it training that PLT-4
to PLT-8 share.

Axis letters: `seeds`, `families`, `bases`, `radii`.
"""

from collections.abc import Callable

import numpy as np
from matplotlib.figure import Figure

import toymodels as tm
from experiments.denoisers import SOURCE, Denoisers, only, response
from experiments.plt._measures import (
    LABELS,
    cohen_d,
    flat,
    plateau_ratio,
    typical,
)
from toymodels.claims import AtLeast, Claim, Within, control, judge
from toymodels.config import from_json, settings, to_json
from toymodels.plotting import Curve, over_seeds, small_multiples
from toymodels.probes import response_area
from toymodels.result import Result

IDS = ("PLT-1", "PLT-2")
TITLE = "Plateaus around real activations, and directions that leave them"

FAMILIES = tuple(LABELS)
PLACE = {name: place for place, name in enumerate(FAMILIES)}
# Which model is asked, and where the answer is read.
ANSWERS = {
    "kl": ("logistic", "kl", "KL, logistic head"),
    "distance": ("logistic", "last", "L2, logistic head"),
    "squared": ("linear", "last", "L2, squared error"),
}
RATIO, EFFECT = 1.25, 0.5


@settings
class Plateaus(Denoisers):
    """Settings of PLT-1 and PLT-2, all of them those of the ensemble."""


def compute(settings: Plateaus, train: Callable[[tm.TrainSpec], tm.Run]) -> Result:
    """Of both heads and their controls: median curves, r10 ratios, areas."""
    arrays = {}
    for head in ("logistic", "linear"):
        runs = {
            "relu": only(train(settings.spec(head=head)), settings.place),
            "identity": only(
                train(settings.spec(head=head, activation="identity")), settings.place
            ),
        }
        for model, run in runs.items():
            arrays |= _measured(settings, run, head, model)
    return Result(arrays=arrays, meta={"settings": to_json(settings)})


def _measured(
    settings: Plateaus, run: tm.Run, head: str, model: str
) -> dict[str, np.ndarray]:
    real = settings.perturbed(run, FAMILIES).responses
    matched = settings.perturbed(run, FAMILIES, start="gaussian").responses
    radii, found = settings.lengths(), {}
    for answer, (of_head, name, _) in ANSWERS.items():
        if of_head != head:
            continue
        name = settings.last if name == "last" else name
        a, b = response(real, name), response(matched, name)
        found |= {
            f"{answer}/{model}/A": typical(a),
            f"{answer}/{model}/B": typical(b),
            f"{answer}/{model}/ratio": plateau_ratio(radii, a, b),
            f"{answer}/{model}/area": response_area(radii, flat(a)),
        }
    return found


def plot(result: Result) -> dict[str, Figure | bytes]:
    """Curves from both kinds of base, and areas along every direction."""
    settings = from_json(result.meta["settings"])
    radii, place = settings.lengths(), PLACE["covariance"]
    panels: dict[str, list[Curve]] = {}
    for model, title in (("relu", ""), ("identity", "linear: ")):
        for answer, (_, _, label) in ANSWERS.items():
            panels[f"{title}{label}"] = [
                over_seeds(
                    name, radii, _shares(result[f"{answer}/{model}/{kind}"][:, place])
                )
                for kind, name in (
                    ("A", "real activation (A)"),
                    ("B", "Gaussian activation (B)"),
                )
            ]
    found = {
        answer: np.median(result[f"{answer}/relu/ratio"][:, place])
        for answer in ANSWERS
    }
    first = small_multiples(
        panels,
        xlabel="length of the push, d̄",
        ylabel="share of maximum",
        references={"10 %": 0.1},
        title=f"r10(A)/r10(B): KL {found['kl']:.2f}, L2 {found['distance']:.2f}, with "
        f"squared error {found['squared']:.2f}",
        caption=settings.caption(
            push="covariance-matched", noise=settings.noise, band="all seeds"
        ),
    )
    return {"plateaus": first, "directions": _areas(settings, result)}


def _shares(curves: np.ndarray) -> np.ndarray:
    """Each curve over its own maximum."""
    top = curves.max(axis=-1, keepdims=True)
    return curves / np.where(top > 0, top, np.nan)


def _areas(settings: Plateaus, result: Result) -> Figure:
    radii = settings.lengths()
    panels = {}
    for model, title in (("relu", ""), ("identity", "linear: ")):
        for answer, (_, _, label) in ANSWERS.items():
            panels[f"{title}{label}"] = [
                over_seeds(LABELS[name], radii, result[f"{answer}/{model}/A"][:, at])
                for name, at in PLACE.items()
                if name in SHOWN
            ]
    return small_multiples(
        panels,
        xlabel="length of the push, d̄",
        ylabel="median response",
        sharey=False,
        title="Features and other activations over covariance-matched pushes, Cohen's "
        "d: "
        + ", ".join(
            f"{label} {np.median(_smaller(result, answer, 'relu')):.2f}"
            for answer, label in (
                ("kl", "KL"),
                ("distance", "L2"),
                ("squared", "squared error"),
            )
        ),
        caption=settings.caption(
            noise=settings.noise, title="the smaller of the two", band="all seeds"
        ),
    )


SHOWN = (
    "isotropic",
    "covariance",
    "real_other",
    "feature",
    "feature_removed",
    "mixture",
    "shuffled_feature",
)


def _effects(result: Result, answer: str, model: str) -> dict[str, np.ndarray]:
    """Cohen's d over covariance-matched directions, by family."""
    area = result[f"{answer}/{model}/area"]
    base = area[:, PLACE["covariance"]]
    others = {name: at for name, at in PLACE.items() if name != "covariance"}
    return {name: cohen_d(area[:, at], base) for name, at in others.items()}


def _smaller(result: Result, answer: str, model: str) -> np.ndarray:
    found = _effects(result, answer, model)
    return np.minimum(found["feature"], found["real_other"])


def _excess(effect: np.ndarray, baseline: np.ndarray) -> np.ndarray:
    """How far an effect exceeds both the least that counts and the baseline."""
    return effect - np.maximum(baseline, EFFECT)


def claims(result: Result) -> list[Claim]:
    """PLT-1 and PLT-2, for each of the answers."""
    settings = from_json(result.meta["settings"])
    common = {"source": SOURCE, "scale": settings.scale}
    plateau, effect, above = AtLeast(RATIO), AtLeast(EFFECT), AtLeast(0.0)
    place, judged = PLACE["covariance"], []
    for answer, (_, _, label) in ANSWERS.items():
        ratio, linear = (
            result[f"{answer}/{model}/ratio"][:, place]
            for model in ("relu", "identity")
        )
        judged.append(
            judge(
                id=f"PLT-1.{answer}",
                experiment="PLT-1",
                statement="a real activation absorbs pushes that change a Gaussian one "
                f"of equal length ({label})",
                statistic="median r10(A)/r10(B), covariance-matched directions",
                expected="> 1",
                samples=ratio,
                test=plateau,
                controls=(control("linear model", linear, plateau),),
                **common,
            )
        )
    linear, even = result["squared/identity/ratio"][:, place], Within(0.9, 1.1)
    judged.append(
        judge(
            id="PLT-1.linear",
            experiment="PLT-1",
            statement="a linear stack has no plateau in L2",
            statistic="median r10(A)/r10(B) of the linear model",
            expected=1.0,
            samples=linear,
            test=even,
            controls=(
                control(
                    "trained ReLU model, squared error",
                    result["squared/relu/ratio"][:, place],
                    even,
                ),
            ),
            note="KL of the linear model "
            f"{np.median(result['kl/identity/ratio'][:, place]):.2f}: its logistic "
            "readout is a threshold",
            **common,
        )
    )
    for answer, (_, _, label) in ANSWERS.items():
        found = _effects(result, answer, "relu")
        baseline = -found["isotropic"]
        linear = _effects(result, answer, "identity")
        judged.append(
            judge(
                id=f"PLT-2.{answer}",
                experiment="PLT-2",
                statement="pushes along features and towards other activations matter "
                f"more than covariance-matched ones ({label})",
                statistic="the smaller Cohen's d of the two over covariance-matched, "
                f"paired over {settings.bases} bases",
                expected="> 0",
                samples=_smaller(result, answer, "relu"),
                test=effect,
                controls=(
                    control(
                        "linear model", _smaller(result, answer, "identity"), effect
                    ),
                    control("shuffled features", found["shuffled_feature"], effect),
                ),
                note="feature "
                f"{np.median(found['feature']):.2f}, real_other "
                f"{np.median(found['real_other']):.2f}",
                **common,
            )
        )
        judged.append(
            judge(
                id=f"PLT-2.{answer}_baseline",
                experiment="PLT-2",
                statement="that effect is larger than that of covariance-matched over "
                f"isotropic directions ({label})",
                statistic="smaller Cohen's d of the two, less the larger of 0.5 and "
                "that of covariance-matched over isotropic",
                expected="> 0",
                samples=_excess(_smaller(result, answer, "relu"), baseline),
                test=above,
                controls=(
                    control(
                        "linear model",
                        _excess(
                            _smaller(result, answer, "identity"), -linear["isotropic"]
                        ),
                        above,
                    ),
                    control(
                        "shuffled features",
                        _excess(found["shuffled_feature"], baseline),
                        above,
                    ),
                ),
                note=f"covariance-matched over isotropic {np.median(baseline):.2f}",
                **common,
            )
        )
    return judged
