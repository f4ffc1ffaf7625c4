"""MAD-2: is the plane misleadingly easy?

Figure: AUROC against unusual combinations over the number of hidden dimensions, with
features per dimension and sparsity fixed. In two dimensions a backdoor is one more
direction that anybody can see; Olah (comment on Henighan et al. 2023) expects that this
is a property of the plane.

Claims, with thresholds fixed before the runs: from m = 2 to m = 20 the best detector
that knows trusted activations alone loses at least 0.1 AUROC(B ∪ B′ vs C), the best one
being chosen anew for every model; and at m = 20 a sparse code that knows the features
and the backdoor's direction is solved: AUROC at least 0.95 and, at 1 % false ones, true
positives at least 0.8. Controls: a random score; the code without the direction, which
must neither lose that much nor be solved. The twin that never was shown the point
stands beside each number. The best one is that of four: the other two trusted detectors
of MAD-1, bounds on m(m + 1)/2 products and the linear explanation with a bisection for
every sample, are left out for their run time at m = 50.

On calibration seed 1 the plane was not the easier place, nor was it for the whole point
alone or for rates up to 10 %: C has the backdoor's lengths, so that a direction is all
there is to see, and in the plane it lies between those of features.

The point has four active features and C combines two to four at every m, since n = 8
features (m = 2) are too few for more. The linear model represents no single feature, so
that C cannot be drawn there.

One sample of a claim is one pair of models, with points of their own. Run time at
laptop scale: 18 s on two idle cores.

Axis letters: `dimensions` m, `detectors`, `runs`.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

import toymodels as tm
from experiments.mad._detectors import (
    SOLVED,
    SOLVED_TPR,
    make,
    median_of,
    plain,
    solved,
)
from experiments.planted_models import SOURCE, PlantedModels
from toymodels.anomaly import OracleCode, OracleCodeWithBackdoor, RandomScore
from toymodels.claims import AtLeast, Claim, control, judge
from toymodels.config import check_choice, content_hash, from_json, settings, to_json
from toymodels.plotting import (
    Curve,
    caption_line,
    plain_log_ticks,
    small_multiples,
)
from toymodels.result import Result
from toymodels.stats import bootstrap_band

ID = "MAD-2"
TITLE = "Telling the backdoor from combinations, from 2 to 50 dimensions"
BLIND = ("norm", "mahalanobis", "leverage", "nearest neighbours")
CODE = "oracle code with backdoor"
REST = ("spectral signature", CODE, "random")
DROP = 0.1
# In 50 dimensions the default of 500 steps takes longer than the training.
DETECTORS = [*make((*BLIND, REST[0])), OracleCodeWithBackdoor(steps=150), RandomScore()]
WITHOUT = OracleCode(steps=150)
SCENARIOS = ("B", "B'", "C")


@settings
class Dimensions:
    """Settings of MAD-2; those of an ensemble are the same at every m.

    Args:
        dimensions: m, the first of them easy, the `hard` one compared with it.
        hard: m at which something should be lost.
        ratio: features in each dimension, n/m.
        probability: p.
        size: active features of the point.
        rate: share of the samples that are the point.
        seeds: models at each m.
        steps: of training.
        batch: of training.
        samples: of each scenario, for each model.
        seed: root of everything; the verdict's is 0.
        scale: "smoke", "laptop" or "paper".
    """

    dimensions: tuple[int, ...] = (2, 5, 10, 20, 50)
    hard: int = 20
    ratio: int = 4
    probability: float = 0.06
    size: int = 4
    rate: float = 0.01
    seeds: int = 10
    steps: int = 4_000
    batch: int = 256
    samples: int = 400
    seed: int = 0
    scale: str = "laptop"

    @classmethod
    def preset(cls, scale: str) -> "Dimensions":
        """The settings of a scale."""
        presets = {
            "smoke": {
                "dimensions": (2, 5), "hard": 5, "seeds": 3, "steps": 1_500,
                "batch": 128, "samples": 50,
            },
            "laptop": {},
            "paper": {"seeds": 30, "steps": 50_000, "batch": 1024, "samples": 5_000},
        }  # fmt: skip
        check_choice("scale", scale, presets)
        return cls(scale=scale, **presets[scale])

    def models(self, m: int) -> PlantedModels:
        """The ensemble with m hidden dimensions."""
        return PlantedModels(
            n=self.ratio * m,
            d=m,
            probability=self.probability,
            size=self.size,
            rates=(0.0, self.rate),
            rate=self.rate,
            seeds=self.seeds,
            steps=self.steps,
            batch=self.batch,
            combine=(2, self.size),
            samples=self.samples,
            seed=self.seed,
            scale=self.scale,
        )

    def caption(self) -> str:
        """What a reader needs to make a figure again."""
        return caption_line(
            seeds=self.seeds,
            loss="sum",
            exponent=2.0,
            optimiser="tms",
            scale=self.scale,
            fingerprint=content_hash(self),
            others={
                "n/m": self.ratio,
                "p": self.probability,
                "active in the point": self.size,
                "rate": self.rate,
                "batch": self.batch,
                "steps": f"{self.steps:,}",
                "samples": f"{self.samples:,} a scenario",
                "reference": "trusted",
                "bands": "95 % over seeds",
                "broken": "never shown the point",
            },
        )


def compute(settings: Dimensions, train: Callable[[tm.TrainSpec], tm.Run]) -> Result:
    """AUROC(vs C) of every detector at every m, and of the twins."""
    names = ("auroc", "tpr", "twin", "without_auroc", "without_tpr")
    arrays: dict[str, list] = {name: [] for name in names}
    for m in settings.dimensions:
        models = settings.models(m)
        run = train(models.spec())
        found, twin = models.with_twins(run, DETECTORS, SCENARIOS)
        arrays["auroc"].append(found.auroc[:, 0])
        arrays["tpr"].append(found.tpr[:, 0])
        arrays["twin"].append(twin.auroc[:, 0])
        if m in (settings.dimensions[0], settings.hard):  # a control of the claims
            worlds = models.worlds(run, settings.rate)
            found = models.evaluated(worlds, [WITHOUT], SCENARIOS)
            arrays["without_auroc"].append(found.auroc[0, 0])
            arrays["without_tpr"].append(found.tpr[0, 0])
    return Result(
        arrays={name: np.stack(parts) for name, parts in arrays.items()},
        meta={"settings": to_json(settings)},
    )


def best_blind(
    auroc: Float[np.ndarray, "dimensions detectors runs"],
) -> Float[np.ndarray, "dimensions runs"]:
    """The best detector of trusted activations, chosen anew for every model."""
    return auroc[:, : len(BLIND)].max(axis=1)


def plot(result: Result) -> dict[str, Figure | bytes]:
    """AUROC over m, a panel for each kind of detector."""
    settings = from_json(result.meta["settings"])
    m = np.array(settings.dimensions)
    names = (*BLIND, *REST)
    best = [median_of(row) for row in best_blind(result["auroc"])]

    def curves(chosen: tuple[str, ...]) -> list[Curve]:
        lines = []
        for name in chosen:
            row = names.index(name)
            for array, label in (("auroc", plain(name)), ("twin", "")):
                samples = result[array][:, row]
                middle = np.array([median_of(one) for one in samples])
                shown = array == "auroc"
                low, high = bootstrap_band(samples.T) if shown else (None, None)
                lines.append(Curve(label, m, middle, low, high, not shown, color=row))
        return lines

    figure = small_multiples(
        {
            "know trusted activations": curves(BLIND),
            "search untrusted ones, or know more": curves(REST),
        },
        xlabel="hidden dimensions m",
        ylabel="AUROC(vs C)",
        xscale="log",
        references={"solved": SOLVED, "chance": 0.5},
        columns=2,
        title=f"{TITLE}: the best detector of trusted activations goes from "
        f"{best[0]:.2f} at m = {m[0]} to {best[list(m).index(settings.hard)]:.2f} at "
        f"m = {settings.hard}",
        caption=settings.caption(),
    )
    for axes in figure.axes:
        plain_log_ticks(axes.xaxis)
    return {"dimensions": figure}


def claims(result: Result) -> list[Claim]:
    """What is lost from the plane to many dimensions, and what is not."""
    settings = from_json(result.meta["settings"])
    common = {"source": SOURCE, "experiment": ID, "scale": settings.scale}
    hard, names = settings.dimensions.index(settings.hard), (*BLIND, *REST)
    code, chance = map(names.index, (CODE, "random"))
    lost, inside = AtLeast(DROP), AtLeast(0.0)
    margins = solved(result["auroc"][hard], result["tpr"][hard])
    without = result["without_auroc"]
    never = solved(without[-1], result["without_tpr"][-1])
    best, auroc = best_blind(result["auroc"]), result["auroc"]
    m, first = settings.hard, settings.dimensions[0]
    return [
        judge(
            id="MAD-2.drop",
            statement="what is easy in the plane is lost in many dimensions",
            statistic=f"best AUROC(vs C) of {len(BLIND)} detectors of trusted "
            f"activations, at m = {first} minus at m = {m}",
            expected="≥ 0.1",
            samples=best[0] - best[hard],
            test=lost,
            controls=(
                control("random score", auroc[0, chance] - auroc[hard, chance], lost),
                control("code without the direction", without[0] - without[-1], lost),
            ),
            note="second control since seed 0",
            **common,
        ),
        judge(
            id="MAD-2.code",
            statement="knowing the features, it is told apart in many dimensions too",
            statistic="sparse code with the backdoor: smaller of AUROC(vs C) − "
            f"{SOLVED} and TPR − {SOLVED_TPR}, at m = {m}",
            expected="≥ 0",
            samples=margins[code],
            test=inside,
            controls=(
                control("random score", margins[chance], inside),
                control("code without the direction", never, inside),
            ),
            note=f"AUROC {median_of(auroc[hard, code]):.3f}, never shown the point "
            f"{median_of(result['twin'][hard, code]):.3f}; TPR and second control "
            "since seed 0",
            **common,
        ),
    ]
