"""CIS-2: the constructed universal AND is as wrong as leading order says.

Figure: mean absolute error of the readoff of i∧j in one layer of 4,096 ReLU neurons,
each reading each of 64 booleans with probability p, against p, for gates with both
inputs on, one on and none on, among ℓ active inputs (Vaintrob, Mendel & Hänni 2024; the
formulas are derived in `toymodels.theory.universal_and`): (ℓ − 2)p, (ℓ − 1)p and C(ℓ,
2)p², drawn as lines. The source's own statement, an error of order 1/log²n once d =
ω(log⁸n), lies far beyond such sizes (its p = log²n/√d would exceed 1), so the scaling
is tested, not ε.

Claims, with the threshold of the catalogue, fixed before the runs: in each of the three
cases, measured over predicted is within 15 % of 1 wherever (ℓ − 1)p ≤ 0.2 (pilot at ℓ =
4, p = 0.065: 0.131, 0.194, 0.023). A seed's sample is the ratio farthest from 1.
Controls: no bias; for "none on" also the linear activation. For "both on" and "one on"
the linear activation is no control: nothing is negative there, and it reads the same
(the note has it); the ReLU is what silences gates with none on. The worst gate, which
no leading order tells, is drawn and reported.

One sample of a claim is one seed, a draw of the weights. Run time at laptop scale:
about 10 s on two idle cores.

Axis letters: `seeds`, `points` (p, ℓ), `cases`, n inputs, `neurons`.
"""

import itertools
from collections.abc import Callable

import jax
import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

import toymodels as tm
from experiments.cis._gates import gates_with_samples, readoff_errors
from toymodels.claims import Claim, Within, control, judge
from toymodels.config import check_choice, content_hash, from_json, settings, to_json
from toymodels.models import UniversalAnd
from toymodels.plotting import Curve, caption_line, over_seeds, small_multiples
from toymodels.result import Result
from toymodels.theory import gate_error, gate_overlap

ID = "CIS-2"
TITLE = "The constructed universal AND and its leading-order errors"
SOURCE = "Vaintrob, Mendel & Hänni 2024, Universal AND; formulas derived"
CASES = {"both on": 2, "one on": 1, "none on": 0}
MODELS = ("relu", "linear", "no bias")


@settings
class ConstructedAnd:
    """Settings of CIS-2."""

    n: int = 64
    neurons: int = 4_096
    probabilities: tuple[float, ...] = (0.05, 0.065, 0.1)
    active: tuple[int, ...] = (3, 4)  # ℓ
    bound: float = 0.2  # of (ℓ − 1)p, up to which claims hold
    seeds: int = 5
    gates: int = 2_048
    more: tuple[int, int, int] = (1, 1, 8)  # times as many, where errors are rare
    seed: int = 0
    scale: str = "laptop"

    @classmethod
    def preset(cls, scale: str) -> "ConstructedAnd":
        """The settings of a scale."""
        presets = {
            "smoke": {
                "n": 16, "neurons": 512, "probabilities": (0.1, 0.15), "seeds": 2,
                "gates": 256, "active": (2, 3),
            },
            "laptop": {},
            "paper": {"neurons": 65_536, "seeds": 20},
        }  # fmt: skip
        check_choice("scale", scale, presets)
        return cls(scale=scale, **presets[scale])

    def models(self, probability: float) -> dict[str, UniversalAnd]:
        """The construction and its controls, at one p."""
        model = UniversalAnd(n=self.n, neurons=self.neurons, probability=probability)
        no_bias = UniversalAnd(
            n=self.n, neurons=self.neurons, probability=probability, bias=0.0
        )
        return dict(zip(MODELS, (model, model.linear_control(), no_bias), strict=True))


def compute(
    settings: ConstructedAnd, train: Callable[[tm.TrainSpec], tm.Run]
) -> Result:
    """Mean and largest absolute errors of every case; nothing is trained."""
    del train
    shape = (settings.seeds, len(settings.probabilities), len(settings.active))
    mean = {name: np.empty((*shape, len(CASES))) for name in MODELS}
    worst = np.empty((*shape, len(CASES)))
    unread = np.empty_like(worst)
    root = jax.random.key(settings.seed)
    for s, (a, p) in itertools.product(
        range(settings.seeds), enumerate(settings.probabilities)
    ):
        models = settings.models(p)
        # The controls have the same weights: they differ in what follows.
        params = models["relu"].init(jax.random.fold_in(root, s * 1_000 + a))
        for (b, active), (c, on) in itertools.product(
            enumerate(settings.active), enumerate(CASES.values())
        ):
            chosen, lit = gates_with_samples(
                np.random.default_rng([settings.seed, s, a, b, c]),
                settings.n,
                gates=settings.gates * settings.more[c],
                active=active,
                on=on,
            )
            for name, model in models.items():
                # Controls are off by much, so that fewer gates show it.
                few = slice(None if name == "relu" else settings.gates)
                found = readoff_errors(
                    model, params, chosen[few], lit[few], truth=on == 2
                )
                mean[name][s, a, b, c] = np.nanmean(np.abs(found))
                if name == "relu":
                    worst[s, a, b, c] = np.nanmax(np.abs(found))
                    unread[s, a, b, c] = np.isnan(found).mean()
    arrays = {f"mean/{name}": value for name, value in mean.items()}
    return Result(
        arrays=arrays | {"worst": worst, "unread": unread},
        meta={"settings": to_json(settings)},
    )


def predicted(
    settings: ConstructedAnd,
) -> Float[np.ndarray, "probabilities active cases"]:
    """Leading-order errors of every case."""
    return np.array(
        [
            [
                [gate_error(p, active, off=2 - on) for on in CASES.values()]
                for active in settings.active
            ]
            for p in settings.probabilities
        ]
    )


def farthest_ratio(
    mean: Float[np.ndarray, "seeds probabilities active"],
    expected: Float[np.ndarray, "probabilities active"],
    settings: ConstructedAnd,
) -> Float[np.ndarray, " seeds"]:
    """Measured over predicted, where it is farthest from 1 within the bound."""
    p = np.array(settings.probabilities)[:, None]
    active = np.array(settings.active)[None]
    # At ℓ = 2 a gate with both on has no error at all, and so no ratio.
    inside = ((active - 1) * p <= settings.bound) & (expected > 0)
    ratio = mean[:, inside] / expected[inside]
    place = np.abs(ratio - 1).argmax(axis=1)
    return ratio[np.arange(len(ratio)), place]


def plot(result: Result) -> dict[str, Figure | bytes]:
    """Errors over p, one panel a case, with formulas as broken lines."""
    settings = from_json(result.meta["settings"])
    p = np.array(settings.probabilities)
    expected = predicted(settings)
    panels = {}
    for c, case in enumerate(CASES):
        curves = []
        for b, active in enumerate(settings.active):
            curves.append(
                over_seeds(f"ℓ = {active}", p, result["mean/relu"][:, :, b, c], color=b)
            )
            # A gate with both on is exact at ℓ = 2: no line on a log axis.
            line = np.where(expected[:, b, c] > 0, expected[:, b, c], np.nan)
            curves.append(Curve("", p, line, dashed=True, color=b))
        last = len(settings.active) - 1
        curves.append(
            over_seeds(
                f"linear, ℓ = {settings.active[last]}",
                p,
                result["mean/linear"][:, :, last, c],
                color=5,
            )
        )
        curves.append(
            over_seeds(
                f"worst gate, ℓ = {settings.active[last]}",
                p,
                result["worst"][:, :, last, c],
                color=6,
            )
        )
        panels[case] = curves
    return {
        "errors": small_multiples(
            panels,
            xlabel="probability p of reading an input",
            ylabel="mean absolute error",
            yscale="log",
            title=f"{TITLE} (broken lines)",
            caption=caption(settings),
        )
    }


def caption(settings: ConstructedAnd) -> str:
    """What a reader needs to make the figure again."""
    sizes = [gate_overlap(settings.neurons, p) for p in settings.probabilities]
    return caption_line(
        seeds=settings.seeds,
        scale=settings.scale,
        fingerprint=content_hash(settings),
        others={
            "n": settings.n,
            "neurons": f"{settings.neurons:,}",
            "gates": f"{settings.gates:,} or more a case",
            "neurons of a gate": f"{min(sizes):.0f} to {max(sizes):.0f}",
            "bands": "all seeds",
        },
    )


def claims(result: Result) -> list[Claim]:
    """Each case within 15 % of its formula."""
    settings = from_json(result.meta["settings"])
    expected, near = predicted(settings), Within(0.85, 1.15)
    formulas = ("(ℓ − 2)p", "(ℓ − 1)p", "C(ℓ, 2)p²")
    judged = []
    for c, (case, formula) in enumerate(zip(CASES, formulas, strict=True)):
        ratios = {
            name: farthest_ratio(
                result[f"mean/{name}"][..., c], expected[..., c], settings
            )
            for name in MODELS
        }
        controls = [control("no bias", ratios["no bias"], near)]
        if case == "none on":
            controls.append(control("linear activation", ratios["linear"], near))
        judged.append(
            judge(
                id=f"CIS-2.{case.replace(' ', '_')}",
                experiment=ID,
                statement=f"with {case}, a readoff is wrong by {formula}",
                source=SOURCE,
                statistic="measured over predicted mean absolute error, farthest from "
                f"1 where (ℓ − 1)p ≤ {settings.bound:g}",
                expected=1.0,
                samples=ratios["relu"],
                test=near,
                controls=controls,
                scale=settings.scale,
                note=f"worst gate {result['worst'][..., c].max():.2g}; linear "
                f"activation {np.median(ratios['linear']):.3g}; no neuron reads "
                f"{result['unread'].max():.1%} of the gates or fewer",
            )
        )
    return judged
