"""TMS-16: as features become denser, correlated pairs collapse to a principal axis.

Figure: three correlated pairs in two dimensions at eleven probabilities, after Elhage
et al. 2022, *Toy Models of Superposition*, "Collapsing of correlated features". While
features are sparse all six have a direction of their own; then one pair after another
is represented by its sum (a + b)/√2 alone, as PCA would do.

Claims, of the best of 20 restarts: the number of collapsed pairs does not fall with p;
at the sparse end it is 0, at the dense end all three. (The source reports none below
p = 0.05, one up to 0.15, two up to 0.2, then more and more like PCA.) Controls: six
independent features, under every division into pairs; the linear model, which collapses
at any p.

A pair is collapsed when the model does not represent the difference: with
u = (a − b)/√2, ‖Wu‖² ≤ 0.1. This counts a pair that is not represented at all, as PCA
may leave one out. The threshold was fixed on calibration seed 1, where ‖Wu‖² was below
0.02 or above 0.3, and so were the levels.

Run time at laptop scale: 20 s on two cores.

Axis letters: `groups` of restarts, `levels` of p, features 2k and 2k + 1 are pair k.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

import toymodels as tm
from experiments.tms._restarts import best_of_groups, restart_caption
from experiments.tms._sets import (
    SOURCE,
    assignments,
    correlated_sets,
    covariance,
    over_assignments,
    set_of,
)
from toymodels.claims import AtMost, Claim, IsTrue, control, judge
from toymodels.config import check_choice, from_json, settings, to_json
from toymodels.plotting import (
    Curve,
    over_seeds,
    small_multiples,
    vector_panels,
)
from toymodels.result import Result
from toymodels.theory import linear_autoencoder_loss

ID = "TMS-16"
TITLE = "Correlated pairs collapse to their sum as they become denser"

PAIRS = 3
COLLAPSED = 0.1  # largest ‖W(a − b)/√2‖² of a collapsed pair


@settings
class CollapseToPca:
    """Settings of TMS-16."""

    # Two levels in each band of the source, and its ends.
    probability: tuple[float, ...] = (
        0.02, 0.035, 0.05, 0.08, 0.12, 0.17, 0.22, 0.3, 0.5, 0.7, 0.9,
    )  # fmt: skip
    groups: int = 5  # independent samples of every claim
    # Around p = 0.25 a fourth of the seeds find the best fit: 8 restarts missed it once
    # in 55 cases on calibration seed 1.
    restarts: int = 20
    control_restarts: int = 4  # of the independent features
    steps: int = (
        5_000  # half of the preset's; the counts at 8,000 are the same (seed 1)
    )
    batch: int = 256
    evaluation: int = 65_536  # samples that choose the best restart
    seed: int = 0
    scale: str = "laptop"

    @classmethod
    def preset(cls, scale: str) -> "CollapseToPca":
        """The settings of a scale."""
        presets = {
            "smoke": {
                "probability": (0.02, 0.17, 0.9), "groups": 3, "restarts": 2,
                "control_restarts": 2, "steps": 400, "batch": 64, "evaluation": 1024,
            },
            "laptop": {},
            "paper": {
                "groups": 10, "restarts": 40, "control_restarts": 20,
                "steps": 10_000, "batch": 1024,
            },
        }  # fmt: skip
        check_choice("scale", scale, presets)
        return cls(scale=scale, **presets[scale])


def compute(settings: CollapseToPca, train: Callable[[tm.TrainSpec], tm.Run]) -> Result:
    """Best restart of every group and level: pairs, independent features, linear."""
    p = np.array(settings.probability)
    model = tm.Autoencoder(n=2 * PAIRS, d=2)
    pairs = correlated_sets(PAIRS, 2, p)
    independent = tm.IndependentFeatures(n=model.n, probability=p[:, None])
    kinds = {
        "": (model, pairs, settings.restarts),
        "_independent": (model, independent, settings.control_restarts),
        "_linear": (model.linear_control(), pairs, 1),  # PCA has no local minima
    }
    arrays = {"p": p}
    for kind, (model, features, restarts) in kinds.items():
        run = train(
            tm.TrainSpec(
                model=model,
                features=features,
                optimiser=tm.preset("tms").optimiser,
                seeds=settings.groups * restarts,
                steps=settings.steps,
                batch=settings.batch,
                seed=settings.seed,
            )
        )
        loss = run.final_loss(settings.evaluation)
        best = best_of_groups(run.by_seed(loss), restarts)
        arrays |= {f"W{kind}": run.params["W"][best], f"loss{kind}": loss[best]}
    arrays["reference"] = np.array(
        [linear_autoencoder_loss(covariance(PAIRS, 2, q), 2) for q in p]
    )
    return Result(arrays=arrays, meta={"settings": to_json(settings)})


def plot(result: Result) -> dict[str, Figure | bytes]:
    """The best fits of the first group; counts and losses by probability."""
    settings = from_json(result.meta["settings"])
    caption = restart_caption(settings)
    counts = [collapsed_pairs(W) for W in result["W"][0]]
    vectors = vector_panels(
        result["W"][0],
        titles=[
            f"p = {p:g}\n{count} of {PAIRS} collapsed"
            for p, count in zip(result["p"], counts, strict=True)
        ],
        title=TITLE,
        caption=f"{caption} · first group",
        groups=set_of(PAIRS, 2),
        group_names=[f"pair {k + 1}" for k in range(PAIRS)],
        columns=4,
    )
    return {"vectors": vectors, "counts": _counts(result, caption)}


def claims(result: Result) -> list[Claim]:
    """Never fewer with density; none at the sparse end, all at the dense end."""
    settings = from_json(result.meta["settings"])
    low, high = settings.probability[0], settings.probability[-1]
    counts = _over_groups(collapsed_pairs, result["W"])
    ways = assignments(PAIRS, 2)

    def independent_ends(group: np.ndarray) -> float:
        # Each division is a way to call independent features pairs.
        ends = [both_ends_right(group[[0, -1]][..., order]) for order in ways]
        return float(np.mean(ends))

    never, always = AtMost(0), IsTrue(1.0)
    common = {"experiment": ID, "source": SOURCE, "scale": settings.scale}
    return [
        judge(
            id="TMS-16.non_decreasing",
            statement="the denser the features, the more pairs are collapsed",
            statistic="largest fall of the number of collapsed pairs below an earlier "
            "level",
            expected=0,
            samples=largest_fall(counts),
            test=never,
            controls=(
                control("levels in reverse", largest_fall(counts[:, ::-1]), never),
            ),
            **common,
        ),
        judge(
            id="TMS-16.ends",
            statement=f"no pair is collapsed at p = {low:g}, all are at p = {high:g}",
            statistic="share of groups in which both ends are so",
            expected=1.0,
            samples=np.array([both_ends_right(W[[0, -1]]) for W in result["W"]]),
            test=always,
            controls=(
                control(
                    "independent features",
                    np.array([independent_ends(W) for W in result["W_independent"]]),
                    always,
                    detail=f"mean over the {len(ways)} ways to make pairs",
                ),
                control(
                    "linear model",
                    np.array([both_ends_right(W[[0, -1]]) for W in result["W_linear"]]),
                    always,
                ),
            ),
            **common,
        ),
    ]


def difference_length(W: Float[np.ndarray, "2 n"]) -> Float[np.ndarray, " pairs"]:
    """‖W(a − b)/√2‖² of each pair: how much the model knows of the difference."""
    return np.sum((W[:, ::2] - W[:, 1::2]) ** 2, axis=0) / 2


def collapsed_pairs(W: Float[np.ndarray, "2 n"]) -> int:
    """Number of pairs whose difference is not represented."""
    return int((difference_length(W) <= COLLAPSED).sum())


def both_ends_right(W: Float[np.ndarray, "ends 2 n"]) -> bool:
    """None collapsed at the sparse end (first), all at the dense end (last)."""
    return collapsed_pairs(W[0]) == 0 and collapsed_pairs(W[-1]) == W.shape[-1] // 2


def largest_fall(counts: Float[np.ndarray, "groups levels"]) -> np.ndarray:
    """The most that a count lies below that of an earlier level, (groups,)."""
    return (np.maximum.accumulate(counts, axis=1) - counts).max(axis=1)


def _over_groups(measure: Callable, W: np.ndarray) -> np.ndarray:
    return np.array([[measure(level) for level in group] for group in W], float)


def _counts(result: Result, caption: str) -> Figure:
    p, reference = result["p"], result["reference"]
    ways = assignments(PAIRS, 2)
    independent = _over_groups(
        lambda W: over_assignments(collapsed_pairs, W, ways), result["W_independent"]
    )
    relu, linear = "correlated pairs", "correlated pairs, linear model"
    return small_multiples(
        {
            f"collapsed pairs, of {PAIRS}": [
                over_seeds(relu, p, _over_groups(collapsed_pairs, result["W"])),
                over_seeds(
                    linear, p, _over_groups(collapsed_pairs, result["W_linear"])
                ),
                over_seeds("independent features, any pairs", p, independent),
            ],
            "loss, relative to PCA": [
                over_seeds(relu, p, result["loss"] / reference),
                over_seeds(linear, p, result["loss_linear"] / reference),
                Curve("PCA", p, np.ones_like(p), dashed=True, color=6),
            ],
        },
        xlabel="probability p of a pair",
        ylabel="",
        xscale="log",
        sharey=False,
        title=f"{TITLE}: counts and losses",
        caption=f"{caption} · median over groups, band from lowest to highest",
    )
