"""MAD-4 and MAD-5: does a detector know which direction fired, or only that one did?

Figures: AUROC against combinations and the direction that each detector gives back;
and, for detectors of single features, AUROC against the similarity of the directions
that their labels give back with the true ones. Greenblatt (comment on Henighan et al.
2023) holds that to see *that* something atypical fired is enough and easier than to see
*which*; Olah, that detection must give the sparse code back.

MAD-4. The direction of a detector is the mean hidden vector of the 1 % of untrusted
samples that it flags (1 % of them are the point), minus that of the others. Claim, with
thresholds fixed before the runs: in each model there is a detector without dictionary
or labels with AUROC(B ∪ B′ vs C) ≥ 0.95 and |cos| ≤ 0.5 with the backdoor's hidden
vector. The statistic is the smaller of the two margins, for the best such detector.
Controls: the sparse code that was given the direction; a random score.

MAD-5. Every represented feature gets a detector of whether it fired, the model's output
for it, in five versions with more and more noise. Samples are labelled as fired where
it is highest, as many as did fire; a direction is fitted to the labels alone, as a
difference of means and by logistic regression. Claim: wherever a detector's AUROC is at
least 0.98, the mean over features of the largest cosine with a column of W (MMCS) is at
least 0.9. (Refuted by an MMCS ≤ 0.5; but in twelve dimensions even a random direction
has 0.6 with the nearest of forty columns.) Control: shuffled labels.

"Fired" means a value of at least 1/2, half of the largest: with smaller ones counted
too, hardly any feature's detector reaches 0.98 (none at 0.1). That, the noise and the
ridge were chosen on calibration seed 1.

The linear model represents no single feature, so neither question can be put to it.

One sample of a claim is one model, with a point of its own. Run time at laptop scale:
12 s on two idle cores, after the ensemble of MAD-1.

Axis letters: `detectors`, `runs`, `noises` of a feature's detector, n features.
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
    UPPER,
    make,
    median_of,
    metrics_of,
    plain,
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
SOLVED, UNKNOWN = 0.95, 0.5
SIMILAR = 0.9


@settings
class ThatNotWhich(PlantedModels):
    """Settings of MAD-4 and MAD-5.

    Args:
        fired: value from which on a feature counts as fired.
        noises: standard deviation of the noise on a feature's detector, in units of the
            standard deviation of its output.
        labelled: ordinary samples that are labelled, for each model.
    """

    fired: float = 0.5
    noises: tuple[float, ...] = (0.0, 0.1, 0.3, 1.0, 3.0)
    labelled: int = 4000


def compute(settings: ThatNotWhich, train: Callable[[tm.TrainSpec], tm.Run]) -> Result:
    """Directions of detectors of the backdoor, and of detectors of features."""
    run = train(settings.spec())
    found, _ = settings.with_twins(run, make((*BLIND, *UPPER, *LOWER)))
    names = (*BLIND, *LOWER)
    table = metrics_of(found)
    rows = [found.detectors.index(name) for name in names]
    worlds = settings.worlds(run, settings.rate)
    point = observed(worlds, np.asarray(worlds.point)[:, :, None]).h
    key, labels = jax.random.split(jax.random.key(settings.seed))
    directions = flagged_directions(
        worlds, make(names), key, samples=settings.reference, share=settings.rate
    )
    column = [pair.negative for pair in found.comparisons].index("C")
    arrays = {
        **{name: table[name][rows] for name in ("detectors", "sees", "bounds")},
        "auroc": found.auroc[rows, column],
        "cosine": np.abs(cosines(directions[:, :, None, :], point)[..., 0, 0]),
        "code": found.auroc[found.detectors.index(UPPER[0]), column],
        **backtracked(
            worlds,
            labels,
            samples=settings.labelled,
            fired_from=settings.fired,
            noises=settings.noises,
            seed=settings.seed,
        ),
    }
    return Result(arrays=arrays, meta={"settings": to_json(settings)})


def margin(auroc: np.ndarray, cosine: np.ndarray) -> np.ndarray:
    """How far inside *solved, without the direction*; negative outside."""
    return np.minimum(auroc - SOLVED, UNKNOWN - cosine)


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
    best = int(np.argmax(scores))
    return dots_figure(
        result,
        np.stack([result["auroc"], result["cosine"]], axis=1),
        ("AUROC against combinations", "|cos| of what it flags with the backdoor"),
        title=f"{TITLE}: the best without a dictionary, "
        f"{plain(str(result['detectors'][best]))} ({scores[best]:.2f}), has the "
        f"direction as well (|cos| {median_of(result['cosine'][best]):.2f})",
        caption=settings.caption(
            reference="trusted",
            flagged=f"highest {settings.rate:.0%} of untrusted samples",
            **{"▼": "bound, no method", "bars": "95 % over seeds"},
        ),
        xlabel="AUROC(vs C), and |cos| of the direction",
        references={"unknown below": UNKNOWN, "solved": SOLVED},
    )


def _back(result: Result, settings: ThatNotWhich) -> Figure:
    """Similarity of the directions over the AUROC of the detectors of features."""
    similar = [
        median_of(detected_similarity(result["feature_auroc"], one))
        for one in result["similar"]
    ]
    return scatter_panels(
        {
            name: [
                *(
                    Points(
                        f"noise {noise:g}",
                        np.nanmean(result["feature_auroc"][k], axis=-1),
                        np.nanmean(result["similar"][fit, k], axis=-1),
                    )
                    for k, noise in enumerate(settings.noises)
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
        ),
        columns=2,
    )


def claims(result: Result) -> list[Claim]:
    """Solved without the direction; the directions back from the labels."""
    settings = from_json(result.meta["settings"])
    common = {"source": SOURCE, "scale": settings.scale}
    names = [str(name) for name in result["detectors"]]
    margins = margin(result["auroc"], result["cosine"])
    blind = np.array([name in BLIND for name in names])
    inside, same = AtLeast(0.0), AtLeast(SIMILAR)
    judged = [
        judge(
            id="MAD-4.that",
            experiment="MAD-4",
            statement="a detector can be solved and not know which direction fired",
            statistic=f"smaller of AUROC(vs C) − {SOLVED} and {UNKNOWN} − |cos|, best "
            f"of {int(blind.sum())} detectors without dictionary or labels",
            expected="≥ 0 for one of them",
            samples=margins[blind].max(axis=0),
            test=inside,
            controls=(
                control("sparse code that has it", margin(result["code"], 1.0), inside),
                control("random score", margins[names.index("random")], inside),
            ),
            **common,
        )
    ]
    for fit, name in enumerate(FITS):
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
                **common,
            )
        )
    return judged
