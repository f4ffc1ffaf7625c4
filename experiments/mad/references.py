"""MAD-6: does it matter whether the reference samples hold the backdoor?

Figure: AUROC against unusual combinations of every detector that is fitted to reference
samples: trusted ones, without the point; contaminated ones, where it is as frequent as
in training; and the same with equal rows kept once. Greenblatt's answer (comment on
Henighan et al. 2023) supposes a trusted distribution.

Claims, with thresholds frozen on calibration seed 1: contamination costs Mahalanobis
distance at least 0.05 AUROC(B ∪ B′ vs C), because R copies of a row have a leverage
below 1/R; and keeping equal rows once gives back at least 80 % of that (not all: one
copy remains). Controls: other trusted samples, as many, cost nothing; a quarter of the
copies gives less than that back. All detectors are in the figure, with the twins that
never were shown the point, from which copies in the reference may hide it as well.

The linear model represents no single feature, so that C cannot be drawn there.

One sample of a claim is one model, with a point of its own. Run time at laptop scale: 5
s on two idle cores, after the ensemble of MAD-1.

Axis letters: `kinds` of reference, `detectors`, `runs`.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

import toymodels as tm
from experiments.mad._detectors import BLIND, LOWER, make, median_of, metrics_of
from experiments.mad._figures import dots_figure
from experiments.planted_models import SOURCE, PlantedModels
from toymodels.anomaly import Reference
from toymodels.claims import AtLeast, Claim, control, judge
from toymodels.config import from_json, settings, to_json
from toymodels.result import Result

ID = "MAD-6"
TITLE = "Trusted and contaminated reference samples"
KINDS = ("trusted", "deduplicated", "contaminated")
SCENARIOS = ("B", "B'", "C")
LOSS, BACK = 0.05, 0.8
OTHER = 1_000_003  # added to the seed of samples, for others


@settings
class References(PlantedModels):
    """Settings of MAD-6, all of them those of the ensemble."""


def compute(settings: References, train: Callable[[tm.TrainSpec], tm.Run]) -> Result:
    """AUROC(vs C) of every detector with every kind of reference."""
    run = train(settings.spec())
    detectors = make((*BLIND, *LOWER))
    auroc, never, arrays = [], [], {}
    for kind in KINDS:
        found, twin = settings.with_twins(run, detectors, SCENARIOS, reference=kind)
        arrays = metrics_of(found)
        auroc.append(found.auroc[:, 0])
        never.append(twin.auroc[:, 0])
    fewer = Reference(
        kind="contaminated", samples=settings.reference, share=settings.rate / 4
    )
    worlds, base = settings.worlds(run, settings.rate), make(["mahalanobis"])
    some = settings.evaluated(worlds, base, SCENARIOS, reference=fewer)
    again = settings.evaluated(worlds, base, SCENARIOS, seed=settings.seed + OTHER)
    kept = ("detectors", "sees", "bounds")
    return Result(
        arrays={
            **{name: arrays[name] for name in kept},
            "auroc": np.stack(auroc),
            "twin": np.stack(never),
            "quarter": some.auroc[0, 0],
            "again": again.auroc[0, 0],
        },
        meta={"settings": to_json(settings)},
    )


def of(
    result: Result, detector: str, kind: str, name: str = "auroc"
) -> Float[np.ndarray, " runs"]:
    """AUROC(vs C) of a detector with a kind of reference; of twins by "twin"."""
    row = list(result["detectors"]).index(detector)
    return result[name][KINDS.index(kind), row]


def given_back(
    trusted: Float[np.ndarray, " runs"],
    deduplicated: Float[np.ndarray, " runs"],
    contaminated: Float[np.ndarray, " runs"],
) -> Float[np.ndarray, " runs"]:
    """Share of the loss by contamination that is undone; NaN where none was lost."""
    lost = trusted - contaminated
    share = (deduplicated - contaminated) / np.where(lost > 0, lost, 1.0)
    return np.where(lost > 0, share, np.nan)


def plot(result: Result) -> dict[str, Figure | bytes]:
    """The three kinds of every detector."""
    settings = from_json(result.meta["settings"])
    clean, dirty = (
        median_of(of(result, "mahalanobis", kind))
        for kind in ("trusted", "contaminated")
    )
    return {
        "references": dots_figure(
            result,
            np.moveaxis(result["auroc"], 0, 1),
            [f"{kind} samples" for kind in KINDS],
            title=f"{TITLE}: Mahalanobis distance goes from {clean:.2f} to {dirty:.2f}",
            caption=settings.caption(
                reference=f"{settings.reference:,} samples",
                **{"▲ ▼": "bounds, not methods", "bars": "95 % over seeds"},
            ),
            xlabel="AUROC of the backdoor against unusual combinations (C)",
            twin=np.moveaxis(result["twin"], 0, 1),
        )
    }


def claims(result: Result) -> list[Claim]:
    """Copies in the reference hide the point; removing them undoes it."""
    settings = from_json(result.meta["settings"])
    common = {"source": SOURCE, "experiment": ID, "scale": settings.scale}
    lost, back = AtLeast(LOSS), AtLeast(BACK)

    def loss(detector: str, kind: str, name: str = "auroc") -> np.ndarray:
        clean = of(result, detector, "trusted", name)
        return clean - of(result, detector, kind, name)

    return [
        judge(
            id="MAD-6.hidden",
            statement="copies of the point in the reference hide it",
            statistic="Mahalanobis AUROC(vs C): trusted minus contaminated",
            expected="a loss",
            samples=loss("mahalanobis", "contaminated"),
            test=lost,
            controls=(
                control(
                    "other trusted samples",
                    of(result, "mahalanobis", "trusted") - result["again"],
                    lost,
                ),
            ),
            note="control since seed 0; at rate 0 "
            f"{median_of(loss('mahalanobis', 'contaminated', 'twin')):.3f}",
            **common,
        ),
        judge(
            id="MAD-6.restored",
            statement="with equal rows kept once it is nearly as visible as before",
            statistic="share of Mahalanobis distance's loss that is given back",
            expected=1.0,
            samples=given_back(
                *(of(result, "mahalanobis", kind) for kind in KINDS),
            ),
            test=back,
            controls=(
                control(
                    "a quarter of the copies left in",
                    given_back(
                        of(result, "mahalanobis", "trusted"),
                        result["quarter"],
                        of(result, "mahalanobis", "contaminated"),
                    ),
                    back,
                ),
            ),
            **common,
        ),
    ]
