"""MAD-9: how much of the trigger has to be there?

Figure: AUROC of the backdoor with part of its support switched off, against unusual
combinations, over the share that is kept. The combinations have the lengths ‖h‖ of the
very samples that they are compared with: in the other figures they have those of
B ∪ B′ together, and a trigger of which half is kept would be known by its length.

Claims, with thresholds frozen on calibration seed 1: the rank correlation of the share
with Mahalanobis AUROC(B′ vs C) is at least 0.6; and with half of the trigger a sparse
code that knows the features and the backdoor's direction still has at least 0.8.
Controls: shares shuffled in every model; the length of h; the code without the
direction; a random score.

The linear model represents no single feature, so that C cannot be drawn there.

One sample of a claim is one model, with a point of its own. Run time at laptop scale: 6
s on two idle cores, after the ensemble of MAD-1.

Axis letters: `shares`, `detectors`, `runs`.
"""

import dataclasses
from collections.abc import Callable

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

import toymodels as tm
from experiments.mad._detectors import make, median_of, plain, rank_over_rows
from experiments.planted_models import SOURCE, PlantedModels
from toymodels.anomaly import (
    Backdoor,
    Combinations,
    Comparison,
    NoisyBackdoor,
    Scenario,
    World,
)
from toymodels.claims import AtLeast, Claim, control, judge
from toymodels.config import from_json, settings, to_json
from toymodels.features import LabelledSamples
from toymodels.plotting import Curve, small_multiples
from toymodels.result import Result
from toymodels.stats import bootstrap_band

ID = "MAD-9"
TITLE = "The backdoor with part of its trigger"
METHODS = ("norm", "mahalanobis", "nearest neighbours", "spectral signature")
BOUNDS = ("oracle code with backdoor", "supervised probe", "oracle code", "random")
RISING, KNOWN = 0.6, 0.8


@settings
class OfLength(Combinations):
    """C with the lengths of the backdoor when a share of its support is kept.

    Args:
        share: that is kept; 1 is the whole point.
    """

    share: float = 1.0

    def draw(
        self, world: World, rng: np.random.Generator, samples: int
    ) -> LabelledSamples:
        """Combinations, each scaled to the length of a sample of the backdoor."""
        drawn = super().draw(world, rng, samples)
        like = np.asarray(trigger(self.share).draw(world, rng, samples).x)
        wanted, now = (
            np.linalg.norm(world.encode(x), axis=0) for x in (like, np.asarray(drawn.x))
        )
        # Equal lengths would be ordered by rounding.
        wanted = wanted * (1 + self.jitter * rng.uniform(-1, 1, samples))
        scale = (wanted / np.where(now > 0, now, 1.0)).astype(np.float32)
        return dataclasses.replace(drawn, x=drawn.x * scale[None, :])


def trigger(share: float) -> Scenario:
    """The backdoor with a share of its support."""
    return NoisyBackdoor(low=share, high=share) if share < 1 else Backdoor()


@settings
class NoisyTrigger(PlantedModels):
    """Settings of MAD-9.

    Args:
        shares: of the support that are kept, whole numbers of features each; 1 is B.
    """

    shares: tuple[float, ...] = (0.5, 0.625, 0.75, 0.875, 1.0)


def compute(settings: NoisyTrigger, train: Callable[[tm.TrainSpec], tm.Run]) -> Result:
    """AUROC of every detector at every share, against C."""
    run = train(settings.spec())
    fewest, most = settings.combine
    scenarios, pairs = {}, []
    for share in settings.shares:
        scenarios[f"B {share:g}"] = trigger(share)
        scenarios[f"C {share:g}"] = OfLength(fewest=fewest, most=most, share=share)
        pairs.append(Comparison((f"B {share:g}",), f"C {share:g}"))
    found, twin = settings.with_twins(
        run, make((*METHODS, *BOUNDS)), scenarios, comparisons=pairs
    )
    return Result(
        arrays={"auroc": found.auroc, "twin": twin.auroc},
        meta={"settings": to_json(settings)},
    )


def of(result: Result, detector: str) -> Float[np.ndarray, "shares runs"]:
    """AUROC(vs C) of a detector at every share."""
    return result["auroc"][(*METHODS, *BOUNDS).index(detector)]


def plot(result: Result) -> dict[str, Figure | bytes]:
    """AUROC over the share, methods and bounds apart."""
    settings = from_json(result.meta["settings"])
    shares = np.array(settings.shares)
    low, high = (median_of(of(result, "mahalanobis")[k]) for k in (0, -1))

    def curves(names: tuple[str, ...]) -> list[Curve]:
        lines = []
        for name in names:
            row = (*METHODS, *BOUNDS).index(name)
            for array, label in (("auroc", plain(name)), ("twin", "")):
                middle = np.array([median_of(one) for one in result[array][row]])
                shown = array == "auroc"
                band = bootstrap_band(result[array][row].T) if shown else (None, None)
                lines.append(Curve(label, shares, middle, *band, not shown, row))
        return lines

    return {
        "share": small_multiples(
            {"methods": curves(METHODS), "bounds": curves(BOUNDS)},
            xlabel="share of the trigger that is kept",
            ylabel="AUROC(vs C)",
            references={"solved": 0.95, "chance": 0.5},
            columns=2,
            title=f"{TITLE}: Mahalanobis AUROC is {low:.2f} at {shares[0]:.0%} and "
            f"{high:.2f} at {shares[-1]:.0%}",
            caption=settings.caption(
                reference="trusted",
                bands="95 % over seeds",
                broken="never shown the point",
            ),
        )
    }


def claims(result: Result) -> list[Claim]:
    """It rises with the share; the bound sees half a trigger."""
    settings = from_json(result.meta["settings"])
    common = {"source": SOURCE, "experiment": ID, "scale": settings.scale}
    rising, known = AtLeast(RISING), AtLeast(KNOWN)
    shares = np.array(settings.shares)
    column = shares[:, None]
    found = of(result, "mahalanobis")
    rng = np.random.default_rng(settings.seed)
    dealt = rng.permuted(np.tile(found, (1, 20)), axis=0)
    return [
        judge(
            id="MAD-9.share",
            statement="the more of the trigger is kept, the better it is told apart",
            statistic="rank correlation of the share with Mahalanobis AUROC(B′ vs C)",
            expected="rising",
            samples=rank_over_rows(column, found),
            test=rising,
            controls=(
                control("shares shuffled", rank_over_rows(column, dealt), rising),
                control(
                    "length of h", rank_over_rows(column, of(result, "norm")), rising
                ),
                control(
                    "random score", rank_over_rows(column, of(result, "random")), rising
                ),
            ),
            **common,
        ),
        judge(
            id="MAD-9.half",
            statement="who knows its direction recognises half of the trigger",
            statistic=f"sparse code with the backdoor: AUROC(vs C), {shares[0]:.0%} "
            "kept",
            expected="close to 1",
            samples=of(result, "oracle code with backdoor")[0],
            test=known,
            controls=(
                control(
                    "code without its direction", of(result, "oracle code")[0], known
                ),
                control("random score", of(result, "random")[0], known),
            ),
            **common,
        ),
    ]
