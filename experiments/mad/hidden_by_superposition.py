"""MAD-7: is a backdoor harder to see the more it is hidden in superposition?

Figure: AUROC against unusual combinations over the dimensionality D_X of the backdoor
point, ‖h‖²/Σ_j (ĥ·h_j)² over unique samples, and over its length ‖h‖, in models that
were shown their points at five rates from 0 to 3 %. The more often a point is shown,
the more of a dimension it gets.

Claim, with the threshold fixed before the runs: over the rates, the rank correlation of
D_X with Mahalanobis AUROC(B ∪ B′ vs C) is at least 0.8 in the median model. Controls: a
random score; rates shuffled in every model. The correlation with ‖h‖, and that over all
models and rates together, where points differ as well, are reported.

The linear model represents no single feature, so that C cannot be drawn there.

One sample of a claim is one seed with its point, over the rates. Run time at laptop
scale: 2 s on two idle cores, after the ensemble of MAD-1.

Axis letters: `rates`, `seeds`, `detectors`.
"""

from collections.abc import Callable

import jax
import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

import toymodels as tm
from experiments.mad._detectors import make, median_of, plain, rank_over_rows
from experiments.mad._directions import observed
from experiments.planted_models import SOURCE, PlantedModels
from toymodels.anomaly import Reference, draw_reference
from toymodels.claims import AtLeast, Claim, control, judge
from toymodels.config import from_json, settings, to_json
from toymodels.plotting import Points, scatter_panels
from toymodels.result import Result
from toymodels.stats import rank_correlation

ID = "MAD-7"
TITLE = "How visible a backdoor is, and how much of a dimension it has"
DETECTORS = ("mahalanobis", "spectral signature", "random")
TOGETHER = 0.8


@settings
class HiddenBySuperposition(PlantedModels):
    """Settings of MAD-7, all of them those of the ensemble."""


def compute(
    settings: HiddenBySuperposition, train: Callable[[tm.TrainSpec], tm.Run]
) -> Result:
    """AUROC(vs C) of every model, and D_X and length of its point."""
    run = train(settings.spec())
    worlds = settings.worlds(run, *settings.rates)
    found = settings.evaluated(worlds, make(DETECTORS), ("B", "B'", "C"))
    drawn = draw_reference(
        Reference(samples=settings.reference), worlds, jax.random.key(settings.seed)
    )
    ordinary = observed(worlds, drawn).h
    point = observed(worlds, np.asarray(worlds.point)[:, :, None]).h
    shape = (len(settings.rates), settings.seeds)
    return Result(
        arrays={
            "auroc": found.auroc[:, 0].reshape(len(DETECTORS), *shape),
            "D": dimensionality(point[..., 0], ordinary).reshape(shape),
            "length": np.linalg.norm(point[..., 0], axis=-1).reshape(shape),
        },
        meta={"settings": to_json(settings)},
    )


def dimensionality(
    point: Float[np.ndarray, "runs d"], ordinary: Float[np.ndarray, "runs d samples"]
) -> Float[np.ndarray, " runs"]:
    """D_X of a point among ordinary samples, itself included once."""
    square = (point**2).sum(axis=-1)
    along = np.einsum("rd,rds->rs", point, ordinary)
    return square**2 / (square**2 + (along**2).sum(axis=-1))


def plot(result: Result) -> dict[str, Figure | bytes]:
    """Every model over D_X, and over its point's length."""
    settings = from_json(result.meta["settings"])
    figures = {}
    for name, label in (("D", "$D_X$ of the point"), ("length", "‖h‖ of the point")):
        related = median_of(rank_over_rows(result[name], result["auroc"][0]))
        figures[name.lower()] = scatter_panels(
            {
                plain(detector): [
                    Points(
                        f"shown at {rate:.1%}", result[name][k], result["auroc"][row, k]
                    )
                    for k, rate in enumerate(settings.rates)
                ]
                for row, detector in enumerate(DETECTORS)
            },
            xlabel=label,
            ylabel="AUROC(vs C)",
            xscale="log" if name == "D" else "linear",
            references={"solved": 0.95, "chance": 0.5},
            title=f"{TITLE}: rank correlation of Mahalanobis AUROC with "
            f"{'D_X' if name == 'D' else '‖h‖'} {related:.2f} over the rates",
            caption=settings.caption(point="one model", rate="as coloured"),
        )
    return figures


def claims(result: Result) -> list[Claim]:
    """AUROC and D_X rise together."""
    settings = from_json(result.meta["settings"])
    D, auroc, together = result["D"], result["auroc"], AtLeast(TOGETHER)
    rng = np.random.default_rng(settings.seed)
    # Twenty shufflings of each model: five rates leave a single one to chance.
    dealt = rng.permuted(np.tile(auroc[0], (1, 20)), axis=0)
    length = median_of(rank_over_rows(result["length"], auroc[0]))
    pooled = [rank_correlation(D.ravel(), one.ravel()) for one in auroc[:2]]
    return [
        judge(
            id="MAD-7.dimensionality",
            experiment=ID,
            statement="the more of a dimension a backdoor has, the better it is seen",
            source=SOURCE,
            statistic="rank correlation of D_X and Mahalanobis AUROC(vs C), over "
            f"{len(settings.rates)} rates",
            expected="≥ 0.8",
            samples=rank_over_rows(D, auroc[0]),
            test=together,
            controls=(
                control(
                    "rates shuffled",
                    rank_over_rows(np.tile(D, (1, 20)), dealt),
                    together,
                ),
                control("random score", rank_over_rows(D, auroc[-1]), together),
            ),
            scale=settings.scale,
            note=f"with ‖h‖ {length:.2f}; all models together {pooled[0]:.2f}, "
            f"{plain(DETECTORS[1])} {pooled[1]:.2f}",
        )
    ]
