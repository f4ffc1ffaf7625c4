"""MAD-3: detectors that ask whether an explanation of ordinary data covers a sample.

Figure: AUROC of two classes of explanations beside Mahalanobis distance, with the cost
of a point, after Greenblatt's comment on Henighan et al. 2023: of the explanations that
account for at least 95 % of the variance on trusted data, the score of a sample is its
shortfall under the one that is worst for it. One class leaves out hidden subspaces, the
other resamples shares of hidden directions and is measured at the output.

Claims, with thresholds fixed before the runs: each class beats Mahalanobis distance by
at least 0.05 AUROC(B ∪ B′ vs C); and looking for the worst subspace is worth at least
0.05 over a random one. A class that does not is a null, and is reported as one.
Explanations that leave out shares of directions (soft) score Mahalanobis's squared
distance by derivation, as long as none of them may leave out a direction entirely; so
their claim is that the two never differ in AUROC by more than rounding (1e-3). The
settings of the detectors are the defaults, which calibration seed 1 left as they were
(of a slack from 0.05 to 4 and of ε from 0.05 to 0.4 they gave the highest AUROC).

Controls. That a *random subspace* scores low is no control: it is about as long a
projection of h, and explorations gave it 0.62–0.85 against C, as much as Mahalanobis
distance. It is the subject of the second claim instead. The controls are scores that
are shuffled among the samples, and the same difference between the same two detectors
in the twin that never was shown the point: an advantage there has nothing to do with a
backdoor.

The linear model has no features that are represented, so that C cannot be drawn; with
linear outputs the second class is the first one (soft), by its derivation.

One sample of a claim is one model, with a point of its own. Run time at laptop scale: 5
s on two idle cores, after the ensemble of MAD-1.

Axis letters: `detectors`, `comparisons`, `runs`.
"""

from collections.abc import Callable

import numpy as np
from matplotlib.figure import Figure

import toymodels as tm
from experiments.mad._detectors import (
    SCRUBBING,
    auroc_of,
    details,
    median_of,
    metrics_of,
    plain,
)
from experiments.mad._figures import summary_figure
from experiments.planted_models import SOURCE, PlantedModels
from toymodels.anomaly import (
    Evaluation,
    LinearExplanation,
    Mahalanobis,
    RandomScore,
    RandomSubspaces,
    auroc,
)
from toymodels.claims import AtLeast, AtMost, Claim, control, judge
from toymodels.config import from_json, settings, to_json
from toymodels.result import Result

ID = "MAD-3"
TITLE = "Detectors that look for the worst explanation"
COLUMNS = ("C", "N")
MARGIN, EXACT = 0.05, 1e-3
SUBSPACE = LinearExplanation()
SOFT = LinearExplanation(soft=True)
BASE = LinearExplanation(tuned=False)
RANDOM = RandomSubspaces()
COMPARED = (Mahalanobis(), SUBSPACE, SOFT, BASE, SCRUBBING, RANDOM, RandomScore())


@settings
class Explanations(PlantedModels):
    """Settings of MAD-3, all of them those of the ensemble."""


def compute(settings: Explanations, train: Callable[[tm.TrainSpec], tm.Run]) -> Result:
    """All detectors on the same samples, planted models and twins."""
    run = train(settings.spec())
    found, twin = settings.with_twins(run, COMPARED, ("B", "B'", "C", "N"))
    labels = (Mahalanobis().label, SUBSPACE.label, SCRUBBING.label)
    arrays = metrics_of(found) | details(found, labels, COLUMNS)
    arrays["twin"] = twin.auroc
    rng = np.random.default_rng(settings.seed)
    arrays["shuffled"] = np.stack(
        [shuffled_auroc(found, row, rng) for row in range(len(COMPARED))]
    )
    return Result(arrays=arrays, meta={"settings": to_json(settings)})


def shuffled_auroc(found: Evaluation, row: int, rng: np.random.Generator) -> np.ndarray:
    """AUROC(vs C) of a detector's scores, dealt out anew to the samples."""
    both = np.concatenate(
        [found.scores_of(row, ("B", "B'")), found.scores_of(row, ("C",))], axis=-1
    )
    half = both.shape[-1] // 2
    dealt = rng.permuted(both, axis=-1)
    return auroc(dealt[:, :half], dealt[:, half:])


def plot(result: Result) -> dict[str, Figure | bytes]:
    """AUROC of every detector, its cost behind the name."""
    settings = from_json(result.meta["settings"])
    base, best, name = _best(result)
    return {
        "explanations": summary_figure(
            result,
            [str(n) for n in (Mahalanobis().label, SUBSPACE.label, SCRUBBING.label)],
            COLUMNS,
            title=f"{TITLE}: AUROC against combinations {best:.2f} ({name}), "
            f"Mahalanobis distance {base:.2f}",
            caption=settings.caption(
                reference="trusted",
                explains="≥ 95 % of the trusted variance",
                **{
                    "▼": "bounds and controls",
                    "bars and bands": "95 % over seeds",
                    "µs": "time to score a point, on this machine",
                },
            ),
            xlabel="AUROC: how often the backdoor scores above …",
            notes={
                str(label): f"  {1e3 * spent:.3g} µs"
                for label, spent in zip(
                    result["detectors"], result["milliseconds"], strict=True
                )
            },
        )
    }


def _best(result: Result) -> tuple[float, float, str]:
    """Median AUROC(vs C) of the baseline and of the better class, and its name."""
    base = median_of(auroc_of(result, Mahalanobis().label, "C"))
    medians = {
        one.label: median_of(auroc_of(result, one.label, "C"))
        for one in (SUBSPACE, SCRUBBING)
    }
    label = max(medians, key=medians.__getitem__)
    return base, medians[label], plain(label)


def claims(result: Result) -> list[Claim]:
    """Each class against Mahalanobis distance, and the search against a random pick."""
    settings = from_json(result.meta["settings"])
    common = {"source": SOURCE, "experiment": ID, "scale": settings.scale}
    better, base = AtLeast(MARGIN), Mahalanobis().label
    same = AtMost(EXACT)
    row = {str(name): k for k, name in enumerate(result["detectors"])}

    def gain(label: str, over: str, name: str = "auroc") -> np.ndarray:
        return auroc_of(result, label, "C", name) - auroc_of(result, over, "C", name)

    def apart(label: str) -> np.ndarray:
        gaps = [
            np.abs(result[name][row[label]] - result[name][row[base]]).max(axis=0)
            for name in ("auroc", "twin")
        ]
        return np.max(gaps, axis=0)

    def judged(id: str, statement: str, label: str, over: str) -> Claim:
        spent = result["milliseconds"][row[label]]
        dealt = result["shuffled"][row[label]] - auroc_of(result, over, "C")
        return judge(
            id=f"MAD-3.{id}",
            statement=statement,
            statistic=f"AUROC(vs C) of {plain(label)!r}, minus that of {plain(over)!r}",
            expected="≥ 0.05, or a null",
            samples=gain(label, over),
            test=better,
            controls=(
                control("scores shuffled", dealt, better),
                control("rate 0", gain(label, over, "twin"), better),
            ),
            note=f"{1e3 * spent:.3g} µs a point, {plain(over)} "
            f"{1e3 * result['milliseconds'][row[over]]:.3g} µs",
            **common,
        )

    return [
        judged(
            "linear",
            "the worst hidden subspace beats Mahalanobis distance",
            SUBSPACE.label,
            base,
        ),
        judge(
            id="MAD-3.soft",
            statement="the worst soft subspace ranks as Mahalanobis distance does",
            statistic="largest |difference of AUROC|, vs C and N, models and twins",
            expected=0.0,
            samples=apart(SOFT.label).max(),
            test=same,
            controls=(
                control("whole subspaces", apart(SUBSPACE.label), same),
                control("random score", apart(RandomScore().label), same),
            ),
            exact=True,
            note="an identity, put as one after seed 0 had been seen",
            **common,
        ),
        judged(
            "output",
            "the worst resampling, seen at the output, beats Mahalanobis distance",
            SCRUBBING.label,
            base,
        ),
        judged(
            "search",
            "looking for the worst subspace beats picking one at random",
            SUBSPACE.label,
            RANDOM.label,
        ),
    ]
