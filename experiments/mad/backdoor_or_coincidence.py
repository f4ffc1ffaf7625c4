"""MAD-1: can you tell the backdoor from a coincidence?

Figure: AUROC of every detector for the backdoor, whole and in part (B ∪ B′), against
unusual combinations of ordinary features (C), near-misses (F) and ordinary samples (N),
beside the same numbers for models that never were shown the point. Olah (comment on
Henighan et al. 2023) argues that telling a special direction from an unusual
combination needs the equivalent of solving superposition; Greenblatt answers that
knowing *that* something atypical fired may do.

Claims, with thresholds frozen on calibration seed 1. The model is in superposition
(more features represented than dimensions). Against N, Mahalanobis distance looks
solved (≥ 0.9), and against C it loses at least 0.1 of that; no detector that knows
trusted activations alone is solved against C (the best of them in each model < 0.95).
With the true features and the backdoor's direction, a non-negative sparse code is
solved against C and against F (AUROC ≥ 0.95 and, at 1 % false ones, true positives
≥ 0.8, each). The reconstruction error is inverted
against C (≤ 0.4): what was memorised is reconstructed better than an honest
combination. Planting adds ≥ 0.05 to Mahalanobis AUROC(vs C) over the twin.

Pilots of one seed gave 0.999, 0.86 and 0.82 for Mahalanobis distance against N, C and
F, 0.67 against C at rate 0, 1.000 and 0.996 for the code, 0.14 for the reconstruction
error. Theirs was the whole point, B. In B ∪ B′ half of the samples have lost up to half
of their features; they are shorter than the combinations, whose lengths are those of
B ∪ B′ together, and pull Mahalanobis distance below one half. The second figure shows
the two apart: B alone, against C, F and N, is where the pilots were.

Controls: the twin at rate 0, also against itself with other samples, a random score,
the sparse code without the backdoor's direction, the linear model (no superposition,
and so no feature that is represented: C and F, which combine represented features,
cannot be drawn there). AUROC below 0.5 is reported as such, never flipped.

One sample of a claim is one model, with a point of its own. Run time at laptop scale:
30 s on two idle cores, 20 of them for the ensemble that all others but MAD-2, 8 and 10
read as well.

Axis letters: `detectors`, `comparisons`, `runs`.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

import toymodels as tm
from experiments.mad._detectors import (
    BLIND,
    LOWER,
    SCRUBBING,
    SOLVED,
    SOLVED_TPR,
    TRUSTED,
    UPPER,
    auroc_of,
    details,
    make,
    median_of,
    metrics_of,
    solved,
)
from experiments.mad._figures import dots_figure, summary_figure
from experiments.planted_models import SOURCE, PlantedModels
from toymodels.anomaly import Evaluation, World, auroc
from toymodels.claims import AtLeast, AtMost, Claim, control, judge
from toymodels.config import from_json, settings, to_json
from toymodels.result import Result

ID = "MAD-1"
TITLE = "Can you tell the backdoor from a coincidence?"
COLUMNS = ("C", "F", "N")
SHOWN = ("mahalanobis", "spectral signature", "oracle code with backdoor")
LOST, GAINED = 0.1, 0.05
OTHER = 1_000_003  # added to the seed of samples, for others
NORMAL, INVERTED = 0.9, 0.4


@settings
class BackdoorOrCoincidence(PlantedModels):
    """Settings of MAD-1.

    Args:
        linear_steps: of the linear control.
    """

    linear_steps: int = 2_000


def compute(
    settings: BackdoorOrCoincidence, train: Callable[[tm.TrainSpec], tm.Run]
) -> Result:
    """All detectors, in the planted models and in their twins."""
    run = train(settings.spec())
    linear = train(settings.linear_spec(steps=settings.linear_steps))
    detectors = [*make((*BLIND, *UPPER, *LOWER)), SCRUBBING]
    found, twin = settings.with_twins(run, detectors)
    arrays = metrics_of(found) | details(found, SHOWN, COLUMNS)
    for name, kind in (("whole", "B"), ("part", "B'")):
        arrays[name] = alone(found, kind)
        arrays[f"{name}_twin"] = alone(twin, kind)
    for against in ("F", "N"):
        arrays[f"whole_{against}"] = alone(found, "B", against)
    # The same twins with samples drawn anew: what planting nothing adds.
    again = settings.evaluated(
        settings.worlds(run, 0.0),
        make(["mahalanobis"]),
        ("B", "B'", "C"),
        seed=settings.seed + OTHER,
    )
    arrays["twin_again"] = again.auroc[0, 0]
    arrays["twin"] = twin.auroc
    arrays["represented"] = represented(settings.worlds(run, settings.rate))
    arrays["represented_linear"] = represented(settings.worlds(linear, settings.rate))
    return Result(arrays=arrays, meta={"settings": to_json(settings)})


def alone(
    found: Evaluation, kind: str, against: str = "C"
) -> Float[np.ndarray, "detectors runs"]:
    """AUROC of every detector for the whole point, B, or for parts of it, B′."""
    return np.stack(
        [
            auroc(found.scores_of(row, (kind,)), found.scores_of(row, (against,)))
            for row in range(len(found.detectors))
        ]
    )


def represented(worlds: World) -> Float[np.ndarray, " runs"]:
    """Features with a place in each model; NaN for a model that diverged."""
    finite = np.isfinite(worlds.params["W"]).all(axis=(1, 2))
    return np.where(finite, np.asarray(worlds.represented).sum(axis=1), np.nan)


def plot(result: Result) -> dict[str, Figure | bytes]:
    """The summary on one page."""
    settings = from_json(result.meta["settings"])
    normal, combined, searching = (
        median_of(auroc_of(result, name, against))
        for name, against in (
            ("mahalanobis", "N"),
            ("mahalanobis", "C"),
            ("spectral signature", "C"),
        )
    )
    bars = {"▲ ▼": "bounds, not methods", "bars and bands": "95 % over seeds"}
    drawn = {
        "reference": "trusted",
        "C": f"{settings.combine[0]} to {settings.combine[1]} features together, "
        "‖h‖ as that of the backdoor",
    }
    swapped = "half of the point's features swapped"
    row = list(result["detectors"]).index("mahalanobis")
    whole, part = (median_of(result[name][row]) for name in ("whole", "part"))
    nothing = np.full_like(result["whole"], np.nan)
    return {
        "summary": summary_figure(
            result,
            SHOWN,
            COLUMNS,
            title=f"{TITLE} Mahalanobis distance: AUROC {normal:.2f} against ordinary "
            f"samples, {combined:.2f} against unusual combinations of ordinary "
            f"features; {searching:.2f} if untrusted samples can be searched",
            caption=settings.caption(
                backdoor="the repeated point, whole (B) or 50–95 % of it (B′)",
                **drawn,
                F=swapped,
                **bars,
                dotted="1 % false positives",
                scores="in quartile ranges of N above its median",
            ),
            xlabel="AUROC: how often the backdoor scores above …",
        ),
        "parts": dots_figure(
            result,
            np.stack(
                [result[n] for n in ("whole", "part", "whole_F", "whole_N")], axis=1
            ),
            (
                "the whole point (B) against C",
                "50–95 % of its features (B′) against C",
                "B against F",
                "B against N",
            ),
            title="A part of the backdoor, and the whole of it, against combinations: "
            f"Mahalanobis AUROC {part:.2f} and {whole:.2f}",
            caption=settings.caption(**drawn, F=swapped, **bars),
            xlabel="AUROC of the whole point, or of a part of it",
            twin=np.stack(
                [result["whole_twin"], result["part_twin"], *[nothing] * 2], 1
            ),
        ),
    }


def claims(result: Result) -> list[Claim]:
    """What is solved, against what, by whom, and how much of it was learned."""
    settings = from_json(result.meta["settings"])
    common = {"source": SOURCE, "experiment": ID, "scale": settings.scale}

    def lost(detector: str) -> np.ndarray:
        return auroc_of(result, detector, "N") - auroc_of(result, detector, "C")

    def gained(detector: str) -> np.ndarray:
        return auroc_of(result, detector, "C") - auroc_of(result, detector, "C", "twin")

    def solved_by(detector: str, against: str) -> np.ndarray:
        return solved(
            auroc_of(result, detector, against),
            auroc_of(result, detector, against, "tpr"),
        )

    never = auroc_of(result, "mahalanobis", "N", "twin")
    code, chance = "oracle code with backdoor", "random"
    best = np.max([auroc_of(result, name, "C") for name in TRUSTED], axis=0)
    packed, looks, inside = AtLeast(settings.d + 1), AtLeast(NORMAL), AtLeast(0.0)
    below, drop, rise = AtMost(SOLVED), AtLeast(LOST), AtLeast(GAINED)
    inverted = AtMost(INVERTED)
    return [
        judge(
            id="MAD-1.superposed",
            statement="the backdoor lies among features in superposition",
            statistic=f"features with ‖W_i‖² ≥ 1/2, in d = {settings.d} dimensions",
            expected="more than d",
            samples=result["represented"],
            test=packed,
            controls=(control("linear model", result["represented_linear"], packed),),
            **common,
        ),
        judge(
            id="MAD-1.normal",
            statement="against ordinary samples Mahalanobis distance looks solved",
            statistic="its AUROC(B∪B′ vs N)",
            expected="0.999 in a pilot",
            samples=auroc_of(result, "mahalanobis", "N"),
            test=looks,
            controls=(
                control("random score", auroc_of(result, chance, "N"), looks),
                control("rate 0", never, looks),
            ),
            note=f"{median_of(auroc_of(result, 'mahalanobis', 'N') - never):.3f} over "
            "the twin; that control since seed 0",
            **common,
        ),
        judge(
            id="MAD-1.gap",
            statement="most of the ease is gone against unusual combinations",
            statistic="Mahalanobis AUROC(vs N) − AUROC(vs C)",
            expected="0.14 in a pilot",
            samples=lost("mahalanobis"),
            test=drop,
            controls=(
                control("supervised probe", lost("supervised probe"), drop),
                control("random score", lost(chance), drop),
            ),
            **common,
        ),
        judge(
            id="MAD-1.unsolved",
            statement="trusted activations alone do not tell it from a combination",
            statistic=f"best AUROC(vs C) of {len(TRUSTED)} detectors, in each model",
            expected="0.86 in a pilot",
            samples=best,
            test=below,
            controls=(control("true features", auroc_of(result, code, "C"), below),),
            **common,
        ),
        *(
            judge(
                id=f"MAD-1.{id}",
                statement=f"who knows features and backdoor tells it from {what}",
                statistic="sparse code with its direction: smaller of "
                f"AUROC(vs {against}) − {SOLVED} and TPR − {SOLVED_TPR}",
                expected=expected,
                samples=solved_by(code, against),
                test=inside,
                controls=(
                    control(
                        "code without its direction",
                        solved_by("oracle code", against),
                        inside,
                    ),
                    control("random score", solved_by(chance, against), inside),
                ),
                note=f"AUROC {median_of(auroc_of(result, code, against)):.3f}, at rate "
                f"0 {median_of(auroc_of(result, code, against, 'twin')):.3f}; TPR "
                f"{median_of(auroc_of(result, code, against, 'tpr')):.2f}, which "
                "counts since seed 0",
                **common,
            )
            for id, what, against, expected in (
                ("bound", "a combination", "C", "1.000 for B in a pilot"),
                ("near", "a near-miss", "F", "0.996 for B in a pilot"),
            )
        ),
        judge(
            id="MAD-1.inverted",
            statement="the backdoor is reconstructed better than combinations are",
            statistic="reconstruction error: AUROC(vs C)",
            expected="0.14 in a pilot",
            samples=auroc_of(result, "reconstruction error", "C"),
            test=inverted,
            controls=(
                control(
                    "rate 0",
                    auroc_of(result, "reconstruction error", "C", "twin"),
                    inverted,
                ),
            ),
            **common,
        ),
        judge(
            id="MAD-1.planted",
            statement="planting the point makes it more unusual than it was",
            statistic="Mahalanobis AUROC(vs C), minus that of the twin at rate 0",
            expected="0.19 in a pilot",
            samples=gained("mahalanobis"),
            test=rise,
            controls=(
                control("random score", gained(chance), rise),
                control(
                    "twin, other samples",
                    auroc_of(result, "mahalanobis", "C", "twin") - result["twin_again"],
                    rise,
                ),
            ),
            note="second control since seed 0",
            **common,
        ),
    ]
