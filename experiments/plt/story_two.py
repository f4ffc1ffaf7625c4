"""PLT-5: do pushes from real activations shrink with depth (Story 2)?

Figure: (‖Δh_ℓ‖/d̄_ℓ)/(‖Δh₀‖/d̄₀) over the layer ℓ, for a push of 0.2 d̄₀ along a
covariance-matched direction from a real activation (A) and from a Gaussian one of its
length (B). Below 1 the stack has taken part of the push away.

Claims, with thresholds of SCIENCE 4.1. `PLT-5.story_2`: over two consecutive layers the
ratio falls to below 1 for A: the smallest value over ℓ of max(S_ℓ/S_{ℓ−1},
S_{ℓ+1}/S_ℓ, S_{ℓ+1}) is at most 0.995 (below 1 by more than M7 varies). Control: M7.
`PLT-5.gaussian`: at the last layer, B's ratio is at least 1.5 times A's. Controls: M7;
with squared error also a stack of a single block, which cannot shrink a push twice.
Both claims of a model with a linear head and squared error, and of one with a logistic
head (`…_logistic`).

One sample of a claim is one seed, its median over bases. Run time at laptop scale: 15 s
on two idle cores, after the runs of PLT-1.

Axis letters: `seeds`, `layers`, `bases`, `radii`.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

import toymodels as tm
from experiments.denoisers import SOURCE, Denoisers, only
from experiments.plt._measures import COMMON, flat
from toymodels.claims import AtLeast, AtMost, Claim, control, judge
from toymodels.config import from_json, settings, to_json
from toymodels.plotting import over_seeds, small_multiples
from toymodels.probes import Perturbed
from toymodels.result import Result
from toymodels.stats import finite_median

ID = "PLT-5"
TITLE = "Story 2: do pushes from real activations shrink with depth?"
MODELS = {
    "squared": ("squared error", {"head": "linear"}),
    "logistic": ("logistic", {}),
    "linear": (
        "squared error, linear control",
        {"head": "linear", "activation": "identity"},
    ),
    "logistic linear": ("logistic, linear control", {"activation": "identity"}),
}
SHRINKS, LARGER = 0.995, 1.5


@settings
class StoryTwo(Denoisers):
    """Settings of PLT-5."""

    push: float = 0.2  # length in d̄ of the first layer


def compute(settings: StoryTwo, train: Callable[[tm.TrainSpec], tm.Run]) -> Result:
    """How much of the push is left in every layer, for both kinds of base."""
    arrays = {}
    for name, (_, changes) in MODELS.items():
        run = only(train(settings.spec(**changes)), settings.place)
        arrays |= _left(settings, run, name, settings.blocks)
        if name == "squared":
            single = train(settings.judged(**changes, blocks=1))
            arrays |= _left(settings, single, f"{name} single", 1)
    return Result(arrays=arrays, meta={"settings": to_json(settings)})


def _left(
    settings: StoryTwo, run: tm.Run, name: str, blocks: int
) -> dict[str, np.ndarray]:
    found = {}
    for start, kind in (("real", "A"), ("gaussian", "B")):
        pushed = settings.perturbed(run, COMMON, start=start, reach=settings.push)
        found[f"{name}/{kind}"] = left_over(pushed, blocks, settings.push)
    return found


def left_over(
    found: Perturbed, blocks: int, push: float
) -> Float[np.ndarray, "runs layers"]:
    """Median share of the push in h0 … hL, of the first family at the last radius."""
    layers = [found.responses.distance[f"h{k}"] for k in range(1, blocks + 1)]
    shares = [finite_median(flat(np.asarray(h))[:, 0, :, -1]) for h in layers]
    return np.stack([np.ones_like(shares[0]), *(s / push for s in shares)], axis=1)


def falls(shares: Float[np.ndarray, "seeds layers"]) -> Float[np.ndarray, " seeds"]:
    """Best over layers of the worst of: two ratios in a row, and what is left."""
    ratio = shares[:, 1:] / shares[:, :-1]
    worst = np.maximum(np.maximum(ratio[:, :-1], ratio[:, 1:]), shares[:, 2:])
    return worst.min(axis=1)


def plot(result: Result) -> dict[str, Figure | bytes]:
    """What is left of a push, over the layer."""
    settings = from_json(result.meta["settings"])
    layers = np.arange(settings.blocks + 1)
    panels = {
        label: [
            *(
                over_seeds(text, layers, result[f"{name}/{kind}"])
                for kind, text in (
                    ("A", "real activation (A)"),
                    ("B", "Gaussian activation (B)"),
                )
            ),
            *(
                over_seeds(
                    f"{text}, a single block",
                    layers[:2],
                    result[f"{name} single/{kind}"],
                    color=color,
                )
                for kind, text, color in (("A", "A", 2), ("B", "B", 3))
                if f"{name} single/{kind}" in result
            ),
        ]
        for name, (label, _) in MODELS.items()
    }
    last = {kind: np.median(result[f"squared/{kind}"][:, -1]) for kind in "AB"}
    return {
        "story_two": small_multiples(
            panels,
            xlabel="layer",
            ylabel="left of the push",
            references={"unchanged": 1.0},
            columns=2,
            title=f"At the last layer {last['A']:.2f} of a push is left from real and "
            f"{last['B']:.2f} from Gaussian activations, squared error",
            caption=settings.caption(
                push=f"{settings.push:g} d̄, covariance-matched",
                noise=settings.noise,
                band="all seeds",
            ),
        )
    }


def claims(result: Result) -> list[Claim]:
    """Falling for A, and more left for B."""
    settings = from_json(result.meta["settings"])
    common = {"experiment": ID, "source": SOURCE, "scale": settings.scale}
    less, more = AtMost(SHRINKS), AtLeast(LARGER)

    def larger(name: str) -> np.ndarray:
        return result[f"{name}/B"][:, -1] / result[f"{name}/A"][:, -1]

    judged = []
    for name, linear, ending in (
        ("squared", "linear", ""),
        ("logistic", "logistic linear", "_logistic"),
    ):
        label = MODELS[name][0]
        judged += [
            judge(
                id=f"PLT-5.story_2{ending}",
                statement="a push from a real activation shrinks over two consecutive "
                f"layers ({label})",
                statistic="smallest over layers of the largest of two ratios in a row "
                "and what is left",
                expected="< 1",
                samples=falls(result[f"{name}/A"]),
                test=less,
                controls=(control("linear model", falls(result[f"{linear}/A"]), less),),
                note="left at the last layer "
                f"{np.median(result[f'{name}/A'][:, -1]):.2f}",
                **common,
            ),
            judge(
                id=f"PLT-5.gaussian{ending}",
                statement="more is left of a push from a Gaussian activation "
                f"({label})",
                statistic="what is left at the last layer, B over A",
                expected="≥ 1.5",
                samples=larger(name),
                test=more,
                controls=(
                    control("linear model", larger(linear), more),
                    *(
                        control("a single block", larger(f"{of} single"), more)
                        for of in (name,)
                        if f"{of} single/A" in result
                    ),
                ),
                **common,
            ),
        ]
    return judged
