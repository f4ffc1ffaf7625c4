"""TMS-22: neurons that compute absolute values become polysemantic as inputs get rare.

Figure: encoder weights of ŷ = ReLU(W₂ ReLU(W₁ x) + b) trained to output |x| for n = 100
features with 40 neurons and importance 0.8^i, from dense to sparse inputs, after Elhage
et al. 2022, *Toy Models of Superposition*, "Computation in Superposition". The neurons
go from monosemantic over mixed to polysemantic; the important features stay cleaner.

Claims, with thresholds fixed before the runs: the share of polysemantic neurons rises
with sparsity (rank correlation with 1/p of at least 0.8); at the middle p the purity of
the neuron that serves a feature best correlates with the feature's importance (rank
correlation above 0 over the features served). Controls: the trained shares with their
levels shuffled; the linear model, which cannot beat the mean predictor (its loss is
measured); and the purity of initial weights. Initial weights are the same at every
level, so their shares could not rise and are no control of the first claim.

One sample of a claim is one seed. Run time at laptop scale: about 30 s on two cores.

Axis letters: `seeds`, `levels` of p, `neurons`, n features.
"""

import dataclasses
from collections.abc import Callable

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

import toymodels as tm
from experiments.diverged import unless_diverged
from experiments.tms._neurons import (
    SMALLEST,
    features_of_neurons,
    purity,
)
from toymodels.claims import AtLeast, AtMost, Claim, control, judge
from toymodels.config import check_choice, content_hash, from_json, settings, to_json
from toymodels.plotting import caption_line, neuron_stacks, over_seeds, small_multiples
from toymodels.result import Result
from toymodels.stats import rank_correlation

ID = "TMS-22"
TITLE = "Absolute value of many features: neurons shared as inputs become sparse"
SOURCE = "Elhage et al. 2022, Computation in Superposition"


@settings
class AbsoluteValueSparsity:
    """Settings of TMS-22."""

    n: int = 100
    neurons: int = 40
    decay: float = 0.8  # importance 0.8^i
    probability: tuple[float, ...] = (1.0, 0.3, 0.1, 0.03, 0.01)
    middle: int = 2  # the level of the importance claim, p = 0.1
    seeds: int = 5  # one model a level in the source
    steps: int = 10_000
    batch: int = 128  # a guess that fits the budget
    seed: int = 0
    scale: str = "laptop"

    @classmethod
    def preset(cls, scale: str) -> "AbsoluteValueSparsity":
        """The settings of a scale."""
        presets = {
            "smoke": {"n": 20, "neurons": 8, "seeds": 3, "steps": 100},
            "laptop": {},
            "paper": {"seeds": 10, "batch": 1024},
        }
        check_choice("scale", scale, presets)
        return cls(scale=scale, **presets[scale])

    def importance(self) -> Float[np.ndarray, " n"]:
        """I_i = decay^i."""
        return self.decay ** np.arange(self.n)

    def spec(self) -> tm.TrainSpec:
        """The ensemble over levels and seeds."""
        p = np.asarray(self.probability)
        return tm.TrainSpec(
            model=tm.ComputationModel(n=self.n, neurons=self.neurons),
            features=tm.IndependentFeatures(
                n=self.n, probability=p[:, None], values="signed"
            ),
            objective=tm.Objective(target="abs"),
            importance=self.importance(),
            optimiser=tm.preset("tms").optimiser,
            seeds=self.seeds,
            steps=self.steps,
            batch=self.batch,
            snapshots=(0,),
            seed=self.seed,
        )


def compute(
    settings: AbsoluteValueSparsity, train: Callable[[tm.TrainSpec], tm.Run]
) -> Result:
    """Train the model and its linear control at every level."""
    spec = settings.spec()
    run = train(spec)
    linear = train(dataclasses.replace(spec, model=spec.model.linear_control()))
    p = np.asarray(settings.probability)
    # |x| of an active feature is U[0, 1], so predicting its mean costs p/3 − p²/4.
    mean_predictor = settings.importance().sum() * (p / 3 - p**2 / 4)
    return Result(
        arrays={
            "p": p,
            "importance": settings.importance(),
            "W1": run.by_seed(run.params["W1"]),
            "W1_linear": linear.by_seed(linear.params["W1"]),
            "W1_initial": run.by_seed(run.snapshots.params["W1"][0]),
            "loss": run.by_seed(run.final_loss()) / mean_predictor,
            "loss_linear": linear.by_seed(linear.final_loss()) / mean_predictor,
        },
        meta={"settings": to_json(settings)},
    )


def polysemantic_share(
    W1: Float[np.ndarray, "*models neurons n"],
) -> Float[np.ndarray, "*models"]:
    """Share of the living neurons that serve two features or more, NaN if diverged."""
    served = features_of_neurons(W1)
    living = (served > 0).sum(axis=-1)
    return unless_diverged((served > 1).sum(axis=-1) / np.maximum(living, 1), W1)


def importance_and_purity(
    W1: Float[np.ndarray, "neurons n"], importance: Float[np.ndarray, " n"]
) -> float:
    """Rank correlation of a feature's importance and the purity of its best neuron.

    NaN if the model diverged.
    """
    if not np.isfinite(W1).all():
        return np.nan
    size = np.abs(W1)
    served = size.max(axis=0) >= SMALLEST
    best = purity(W1)[size.argmax(axis=0)]
    return rank_correlation(importance[served], best[served])


def shuffled_levels(
    shares: Float[np.ndarray, "seeds levels"], seed: int
) -> Float[np.ndarray, "seeds levels"]:
    """The shares of each seed in another order, in which no level keeps its place.

    A shuffle that moves two neighbours only would leave a rise a rise.
    """
    rng, levels = np.random.default_rng(seed), np.arange(shares.shape[1])
    out = np.empty_like(shares)
    for row, share in zip(out, shares, strict=True):
        order = rng.permutation(levels)
        while (order == levels).any():
            order = rng.permutation(levels)
        row[:] = share[order]
    return out


def plot(result: Result) -> dict[str, Figure | bytes]:
    """The neurons at every level, and what changes over the sparsity."""
    settings = from_json(result.meta["settings"])
    caption = caption_line(
        seeds=settings.seeds,
        loss="sum",
        exponent=2.0,
        optimiser="tms",
        scale=settings.scale,
        fingerprint=content_hash(settings),
        others={
            "batch": settings.batch,
            "steps": f"{settings.steps:,}",
            "init": "xavier_2d",
        },
    )
    p, W1 = result["p"], result["W1"]
    stacks = neuron_stacks(
        W1[0],
        features_of_neurons(W1[0]),
        titles=[f"p = {level:g}" for level in p],
        title=f"{TITLE} (n = {settings.n})",
        caption=f"{caption} · first seed",
        ylabel="encoder weights",
        columns=3,
    )
    curves = small_multiples(
        {
            "polysemantic share of neurons": [
                over_seeds("trained", 1 / p, polysemantic_share(W1)),
                over_seeds(
                    "initial weights", 1 / p, polysemantic_share(result["W1_initial"])
                ),
            ],
            "loss / mean predictor": [
                over_seeds("trained", 1 / p, result["loss"]),
                over_seeds("linear model", 1 / p, result["loss_linear"]),
            ],
        },
        xlabel="$1/p$, from dense to sparse",
        ylabel="",
        xscale="log",
        sharey=False,
        title="Computing |x| in superposition, by sparsity",
        caption=f"{caption} · median over seeds, band from lowest to highest",
    )
    return {"neurons": stacks, "sharing": curves}


def claims(result: Result) -> list[Claim]:
    """Sharing rises with sparsity, important features stay cleaner, linear fails."""
    settings = from_json(result.meta["settings"])
    p, importance, k = result["p"], result["importance"], settings.middle
    common = {"experiment": ID, "source": SOURCE, "scale": settings.scale}

    def rise(shares: np.ndarray) -> np.ndarray:
        return np.array([rank_correlation(1 / p, share) for share in shares])

    shares = polysemantic_share(result["W1"])
    shuffled = shuffled_levels(shares, settings.seed)

    def cleaner(name: str) -> np.ndarray:
        return np.array([importance_and_purity(W[k], importance) for W in result[name]])

    return [
        judge(
            id="TMS-22.sharing",
            statement="the sparser the inputs, the more neurons serve several features",
            statistic="rank correlation of 1/p and the share of polysemantic neurons",
            expected="non-decreasing",
            samples=rise(shares),
            test=AtLeast(0.8),
            controls=(
                control("levels shuffled", rise(shuffled), AtLeast(0.8)),
                control(
                    "linear model",
                    rise(polysemantic_share(result["W1_linear"])),
                    AtLeast(0.8),
                ),
            ),
            **common,
        ),
        judge(
            id="TMS-22.importance",
            statement=f"p = {p[k]:g}: important features have the purer neurons",
            statistic="rank correlation of importance and purity, features served",
            expected="> 0",
            samples=cleaner("W1"),
            test=AtLeast(0.05),
            tolerance="≥ 0.05",
            controls=(
                control("initial weights", cleaner("W1_initial"), AtLeast(0.05)),
            ),
            **common,
        ),
        judge(
            id="TMS-22.nonlinear",
            statement="the neurons compute: the model beats the mean predictor",
            statistic="largest loss over all p, relative to the mean predictor",
            expected="< 1",
            samples=result["loss"].max(axis=1),
            test=AtMost(0.9),
            controls=(
                control("linear model", result["loss_linear"].max(axis=1), AtMost(0.9)),
            ),
            **common,
        ),
    ]
