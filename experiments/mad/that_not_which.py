"""MAD-4 and MAD-5: does a detector know which direction fired, or only that one did?

Figures: AUROC against combinations and the direction that each detector gives back;
and, for detectors of single features, AUROC against the similarity of the directions
that their labels give back with the true ones. Greenblatt (comment on Henighan et al.
2023) holds that to see *that* something atypical fired is enough and easier than to see
*which*; Olah, that detection must give the sparse code back.

MAD-4. The direction of a detector is the mean hidden vector of the 1 % of untrusted
samples that it flags (1 % of them are the point), minus that of the others. Claim, with
thresholds fixed before the runs: in each model there is a detector without dictionary
or labels that is solved (AUROC(B ∪ B′ vs C) ≥ 0.95, true positives ≥ 0.8 at 1 % false
ones) and has |cos| ≤ 0.5 with the backdoor's hidden vector. The statistic is the
smallest of the three margins, for the best such detector. Controls: the sparse code
that was given the direction, with what it flags; a random score.

MAD-5. Every represented feature gets a detector of whether it fired: the truth, with
0 to 10 % of its answers turned round at random. (Not the model's output, whose weights
are the directions that are looked for.) A direction is fitted to these labels of h
alone, as a difference of means and by logistic regression. Claim: wherever a detector's
AUROC is at least 0.98, the mean over features of the largest cosine with a column of W
(MMCS) is at least 0.9; the cosine with the feature's own column stands beside it.
(Refuted by an MMCS ≤ 0.5; but in twelve dimensions even a random direction has 0.6 with
the nearest of forty columns.) Control: shuffled labels. Independent features make the
difference of means right in the limit; what is left to find out is how soon, and what
regression does.

"Fired" means a value of at least 1/2, half of the largest. That and the ridge were
chosen on calibration seed 1, when the detectors still were outputs with noise; the
shares, and detectors without weights, came after seed 0 had been seen.

The linear model represents no single feature, so neither question can be put to it.

One sample of a claim is one model, with a point of its own. Run time at laptop scale:
12 s on two idle cores, after the ensemble of MAD-1.

Axis letters: `detectors`, `runs`, `shares` of wrong answers,
n features.
"""

from collections.abc import Callable

import jax
import numpy as np
from matplotlib.figure import Figure

import toymodels as tm
from experiments.mad._backtracking import (
    DETECTED,
    FITS,
    backtracked,
    detected_similarity,
)
from experiments.mad._detectors import (
    BLIND,
    LOWER,
    SOLVED,
    SOLVED_TPR,
    UPPER,
    make,
    median_of,
    metrics_of,
    plain,
    solved,
)
from experiments.mad._directions import cosines, flagged_directions, observed
from experiments.mad._figures import dots_figure
from experiments.planted_models import SOURCE, PlantedModels
from toymodels.claims import AtLeast, Claim, control, judge
from toymodels.config import from_json, settings, to_json
from toymodels.plotting import Points, scatter_panels
from toymodels.result import Result

IDS = ("MAD-4", "MAD-5")
TITLE = "That something fired, or which direction"
CODE = UPPER[0]
UNKNOWN = 0.5
SIMILAR = 0.9


@settings
class ThatNotWhich(PlantedModels):
    """Settings of MAD-4 and MAD-5.

    Args:
        fired: value from which on a feature counts as fired.
        flipped: shares of the answers of a feature's detector that are turned round.
        labelled: ordinary samples that are labelled, for each model.
    """

    fired: float = 0.5
    flipped: tuple[float, ...] = (0.0, 0.005, 0.01, 0.03, 0.1)
    labelled: int = 4000


def compute(settings: ThatNotWhich, train: Callable[[tm.TrainSpec], tm.Run]) -> Result:
    """Directions of detectors of the backdoor, and of detectors of features."""
    run = train(settings.spec())
    names = (*BLIND, CODE, *LOWER)
    found, twin = settings.with_twins(run, make(names), ("B", "B'", "C"))
    table = metrics_of(found)
    worlds = settings.worlds(run, settings.rate)
    point = observed(worlds, np.asarray(worlds.point)[:, :, None]).h
    key, labels = jax.random.split(jax.random.key(settings.seed))
    directions = flagged_directions(
        worlds, make(names), key, samples=settings.reference, share=settings.rate
    )
    arrays = {
        **{name: table[name] for name in ("detectors", "sees", "bounds")},
        "auroc": found.auroc[:, 0],
        "tpr": found.tpr[:, 0],
        "twin": twin.auroc[:, 0],
        "cosine": np.abs(cosines(directions[:, :, None, :], point)[..., 0, 0]),
        **backtracked(
            worlds,
            labels,
            samples=settings.labelled,
            fired_from=settings.fired,
            flipped=settings.flipped,
            seed=settings.seed,
        ),
    }
    return Result(arrays=arrays, meta={"settings": to_json(settings)})


def margin(auroc: np.ndarray, tpr: np.ndarray, cosine: np.ndarray) -> np.ndarray:
    """How far inside *solved, without the direction*; negative outside."""
    return np.minimum(solved(auroc, tpr), UNKNOWN - cosine)


def plot(result: Result) -> dict[str, Figure | bytes]:
    """Both questions, a point for each detector."""
    settings = from_json(result.meta["settings"])
    return {
        "that_not_which": _that(result, settings),
        "backtracking": _back(result, settings),
    }


def _that(result: Result, settings: ThatNotWhich) -> Figure:
    """AUROC against combinations, and the direction that was found."""
    scores = [median_of(one) for one in result["auroc"]]
    blind = [k for k, name in enumerate(result["detectors"]) if name in BLIND]
    best = max(blind, key=scores.__getitem__)
    known = median_of(result["cosine"][best])
    return dots_figure(
        result,
        np.stack([result["auroc"], result["cosine"]], axis=1),
        ("AUROC against combinations", "|cos| of what it flags with the backdoor"),
        title=f"{TITLE}: the best without a dictionary, "
        f"{plain(str(result['detectors'][best]))} ({scores[best]:.2f}), "
        + ("has" if known > UNKNOWN else "does not have")
        + f" the direction (|cos| {known:.2f})",
        caption=settings.caption(
            reference="trusted",
            flagged=f"highest {settings.rate:.0%} of untrusted samples",
            **{"▲ ▼": "bounds, not methods", "bars": "95 % over seeds"},
        ),
        xlabel="AUROC(vs C), and |cos| of the direction",
        twin=np.stack([result["twin"], np.full_like(result["twin"], np.nan)], axis=1),
        references={"unknown below": UNKNOWN, "solved": SOLVED},
    )


def _back(result: Result, settings: ThatNotWhich) -> Figure:
    """Similarity of the directions over the AUROC of the detectors of features."""
    similar, own = (
        [
            median_of(detected_similarity(result["feature_auroc"], one))
            for one in result[name]
        ]
        for name in ("similar", "own")
    )
    return scatter_panels(
        {
            name: [
                *(
                    Points(
                        f"{100 * share:g} % of the labels wrong",
                        np.nanmean(result["feature_auroc"][k], axis=-1),
                        np.nanmean(result["similar"][fit, k], axis=-1),
                    )
                    for k, share in enumerate(settings.flipped)
                ),
                Points(
                    "labels shuffled",
                    np.nanmean(result["feature_auroc"], axis=-1).ravel(),
                    np.nanmean(result["shuffled"][fit], axis=-1).ravel(),
                    color=6,
                ),
            ]
            for fit, name in enumerate(FITS)
        },
        xlabel="mean AUROC of the detectors of features",
        ylabel="MMCS with the columns of W",
        references={"same directions": SIMILAR},
        xlines={"detected": DETECTED},
        title="From detectors back to features: where they detect (AUROC ≥ "
        f"{DETECTED:g}), MMCS is {similar[0]:.2f} by means, {similar[1]:.2f} by "
        "regression",
        caption=settings.caption(
            point="one model",
            labelled=f"{settings.labelled:,} samples",
            fired=f"x ≥ {settings.fired:g}",
            **{
                "cosine with the own column": f"{own[0]:.2f} by means, {own[1]:.2f} "
                "by regression"
            },
        ),
        columns=2,
    )


def claims(result: Result) -> list[Claim]:
    """Solved without the direction; the directions back from the labels."""
    settings = from_json(result.meta["settings"])
    common = {"source": SOURCE, "scale": settings.scale}
    names = [str(name) for name in result["detectors"]]
    margins = margin(result["auroc"], result["tpr"], result["cosine"])
    blind = np.array([name in BLIND for name in names])
    inside, same = AtLeast(0.0), AtLeast(SIMILAR)
    judged = [
        judge(
            id="MAD-4.that",
            experiment="MAD-4",
            statement="a detector can be solved and not know which direction fired",
            statistic=f"smallest of AUROC(vs C) − {SOLVED}, TPR − {SOLVED_TPR} and "
            f"{UNKNOWN} − |cos|, best of {int(blind.sum())} detectors without "
            "dictionary or labels",
            expected="≥ 0 for one of them",
            samples=margins[blind].max(axis=0),
            test=inside,
            controls=(
                control("sparse code that has it", margins[names.index(CODE)], inside),
                control("random score", margins[names.index("random")], inside),
            ),
            note="true positives, and what the code flags, count since seed 0",
            **common,
        )
    ]
    for fit, name in enumerate(FITS):
        own = median_of(
            detected_similarity(result["feature_auroc"], result["own"][fit])
        )
        judged.append(
            judge(
                id=f"MAD-5.{name.split()[0]}",
                experiment="MAD-5",
                statement="detectors of single features give their directions back",
                statistic=f"MMCS over detectors with AUROC ≥ {DETECTED}, by {name}",
                expected="≥ 0.9; ≤ 0.5 refutes",
                samples=detected_similarity(
                    result["feature_auroc"], result["similar"][fit]
                ),
                test=same,
                controls=(
                    control(
                        "labels shuffled",
                        detected_similarity(
                            result["feature_auroc"], result["shuffled"][fit]
                        ),
                        same,
                    ),
                ),
                note=f"own column {own:.3f}; since seed 0 detectors hold no weights",
                **common,
            )
        )
    return judged
